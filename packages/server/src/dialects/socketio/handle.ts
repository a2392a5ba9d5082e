import { Refusal } from "@parlance/protocol/errors.ts";
import { isDisplayName } from "@parlance/protocol/user-id.ts";
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Caller } from "../../core/caller.ts";
import type { Connection } from "./connection.ts";
import type { Fields } from "./fields.ts";
import { catchUpWith } from "./resume.ts";
import { conversationId, MEDIA_URL, messageId, timeOf } from "./shapes.ts";

/**
 * Works on one event; resolves to what its acknowledgement says, rejects with a `Refusal`.
 * @param accepted to be called when it stands in its conversation's order, if that is before it is done
 */
type Handler = (connection: Connection, given: Fields, accepted: () => void) => Promise<object>;

const checkType = Compile(
  Type.Union([Type.Literal("text"), Type.Literal("image"), Type.Literal("location"), Type.Literal("file")]),
);

const HANDLERS: Readonly<Record<string, Handler>> = {
  join_conversation: async (connection, given) => {
    const conversation = given.conversation();
    const caller = speakerOf(connection, given.id("user_id"));
    const since = given.count("since");
    const epoch = given.text("epoch") ?? null;
    const { seq } = await connection.parts.door.answer(caller, {
      type: "read-clock",
      conversationId: conversation,
    });
    if (since === undefined) connection.joined.join(conversation);
    else await catchUpWith(connection, conversation, since, epoch);
    return {
      conversation_id: conversationId(conversation),
      seq,
      epoch: connection.listening?.epoch() ?? null,
    };
  },
  leave_conversation: async (connection, given) => {
    const conversation = given.conversation();
    const caller = speakerOf(connection, given.id("user_id"));
    // Who hears all must name one that they are in: what is left is remembered.
    if (connection.joined.isAll) {
      await connection.parts.door.answer(caller, { type: "read-clock", conversationId: conversation });
    }
    connection.joined.leave(conversation);
    return { conversation_id: conversationId(conversation) };
  },
  send_message: sendMessage,
  typing_start: (connection, given) => setTyping(connection, given, true),
  typing_stop: (connection, given) => setTyping(connection, given, false),
  typing: (connection, given) => setTyping(connection, given, true),
  stop_typing: (connection, given) => setTyping(connection, given, false),
  mark_as_read: async (connection, given) => {
    const conversation = given.conversation();
    const caller = speakerOf(connection, given.id("user_id"));
    const { readSeq } = await connection.parts.door.execute(caller, {
      type: "mark-read",
      conversationId: conversation,
      messageId: null,
    });
    return { conversation_id: conversationId(conversation), read_seq: readSeq };
  },
};

/** Undefined where there is no such event. */
export function handlerOf(name: string): Handler | undefined {
  return Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined;
}

async function sendMessage(connection: Connection, given: Fields, accepted: () => void): Promise<object> {
  const conversation = given.conversation();
  const caller = speakerOf(connection, given.id("sender_id"));
  const senderId = caller.userId as string;
  const content = given.text("content");
  if (content === undefined) throw new Refusal("invalid", "content is missing");
  const messageType = given.text("message_type") ?? "text";
  if (!checkType.Check(messageType)) {
    throw new Refusal("invalid", "message_type must be text, image, location or file");
  }
  const mediaUrl = given.text("media_url") ?? null;
  const clientId = given.id("client_id") ?? null;
  const stored = await connection.parts.door.execute(
    caller,
    {
      type: "send-message",
      conversationId: conversation,
      senderId,
      idempotencyKey: clientId,
      messageType,
      content,
      parentId: null,
      metadata: mediaUrl === null ? null : { [MEDIA_URL]: mediaUrl },
      clientTime: null,
    },
    accepted,
  );
  return {
    id: messageId(stored.id),
    conversation_id: conversationId(conversation),
    sender_id: senderId,
    content,
    message_type: messageType,
    media_url: mediaUrl,
    created_at: timeOf(stored.at),
    seq: stored.seq,
    status: "sent",
    duplicate: stored.duplicate,
    ...(clientId !== null && { client_id: clientId }),
  };
}

async function setTyping(connection: Connection, given: Fields, typing: boolean): Promise<object> {
  const conversation = given.conversation();
  const caller = speakerOf(connection, given.id("user_id"));
  const name = given.text("user_name");
  // Where there is no token, a client's own name is as good as its own id.
  const isOwnWord = caller.name === null && !connection.hasToken && isDisplayName(name);
  await connection.parts.door.execute(isOwnWord ? { ...caller, name } : caller, {
    type: "set-typing",
    conversationId: conversation,
    typing,
  });
  return { conversation_id: conversationId(conversation) };
}

/** The document's events name the user who speaks: it must be the one whose connection this is. */
function speakerOf({ caller }: Connection, named: string | undefined): Caller {
  if (caller === null) throw new Refusal("unauthenticated", "The connection names no user");
  if (named === undefined || named === caller.userId) return caller;
  throw new Refusal("forbidden", "The event speaks for another user than the connection");
}
