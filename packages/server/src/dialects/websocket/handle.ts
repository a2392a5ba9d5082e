import { Refusal } from "@parlance/protocol/errors.ts";
import { isOurSpelling, spellPrefixed } from "@parlance/protocol/ids.ts";
import type { ClientEventName, ClientPayload, RequestId } from "@parlance/protocol/websocket.ts";
import { conversationOf } from "../spelled-ids.ts";
import { frame } from "./codec.ts";
import type { Connection } from "./connection.ts";
import { type ClientFrame, messageReference } from "./decode.ts";
import { resume } from "./resume.ts";
import { conversationId } from "./shapes.ts";

/** Works on one request and answers it; rejects with a `Refusal` for the caller to be told. */
type Handler<N extends ClientEventName> = (
  connection: Connection,
  payload: ClientPayload<N>,
  id: RequestId | undefined,
  /** To be called when the request stands in its conversation's order, if that is before it is answered. */
  accepted: () => void,
) => Promise<void>;

const HANDLERS: { readonly [N in ClientEventName]: Handler<N> } = {
  "message.send": sendMessage,
  "message.edit": async (connection, payload, id) => {
    const { conversation, message } = await messageOf(connection, payload);
    await changed(
      connection,
      { type: "edit-message", ...conversation, ...message, content: payload.content },
      id,
    );
  },
  "message.delete": async (connection, payload, id) => {
    const { conversation, message } = await messageOf(connection, payload);
    await changed(connection, { type: "delete-message", ...conversation, ...message }, id);
  },
  "reaction.add": async (connection, payload, id) => {
    const { conversation, message } = await messageOf(connection, payload);
    await changed(
      connection,
      { type: "react", ...conversation, ...message, emoji: payload.emoji, add: true },
      id,
    );
  },
  "reaction.remove": async (connection, payload, id) => {
    const { conversation, message } = await messageOf(connection, payload);
    await changed(
      connection,
      { type: "react", ...conversation, ...message, emoji: payload.emoji, add: false },
      id,
    );
  },
  read: async (connection, payload, id) => {
    const { conversation_id, message_id } = payload;
    const messageId =
      message_id === undefined || message_id === null
        ? null
        : (await messageOf(connection, { conversation_id, message_id })).message.messageId;
    const { readSeq } = await connection.parts.door.execute(connection.caller, {
      type: "mark-read",
      conversationId: conversationOf(conversation_id),
      messageId,
    });
    connection.send(frame("ok", { seq: readSeq }, id));
  },
  typing: async (connection, { conversation_id, typing }) => {
    const conversationId = conversationOf(conversation_id);
    await connection.parts.door.execute(connection.caller, { type: "set-typing", conversationId, typing });
  },
  presence: async (connection, { status }, id, accepted) => {
    await connection.parts.door.execute(connection.caller, { type: "set-status", status }, accepted);
    connection.send(frame("ok", {}, id));
  },
  "conversation.open": async (connection, { participants, name }, id) => {
    const opened = await connection.parts.door.execute(connection.caller, {
      type: "open-conversation",
      userIds: participants,
      name: name ?? null,
      idempotencyKey: null,
    });
    const payload = { conversation_id: conversationId(opened.conversationId), created: opened.created };
    connection.send(frame("conversation.opened", payload, id));
  },
  resume,
  auth: async (connection, { token }, id) => {
    const renewed = await connection.parts.identity.verifyToken(token);
    if (renewed.userId !== connection.caller.userId) {
      throw new Refusal("forbidden", "The token is another user's: open a new connection");
    }
    connection.caller = renewed;
    connection.send(frame("ok", {}, id));
  },
  ping: async (connection, _, id) => connection.send(frame("pong", {}, id)),
};

export function handle(connection: Connection, request: ClientFrame, accepted: () => void): Promise<void> {
  const handler = HANDLERS[request.event] as Handler<ClientEventName>;
  return handler(connection, request.payload as ClientPayload<ClientEventName>, request.id, accepted);
}

async function sendMessage(
  connection: Connection,
  payload: ClientPayload<"message.send">,
  id: RequestId | undefined,
  accepted: () => void,
): Promise<void> {
  const { message_id, parent_id } = payload;
  if (message_id !== undefined && isOurSpelling(message_id)) {
    throw new Refusal("invalid", "message_id looks like one of the server's: choose another");
  }
  const userId = connection.caller.userId as string;
  const conversationNumber = conversationOf(payload.conversation_id);
  const parentId =
    parent_id === undefined || parent_id === null
      ? null
      : (await messageOf(connection, { conversation_id: payload.conversation_id, message_id: parent_id }))
          .message.messageId;
  const storing = connection.parts.door.execute(
    connection.caller,
    {
      type: "send-message",
      conversationId: conversationNumber,
      senderId: payload.sender_id ?? userId,
      idempotencyKey: message_id ?? null,
      messageType: payload.message_type ?? null,
      content: payload.content,
      parentId,
      metadata: payload.metadata ?? null,
      ...(payload.attachment_ids !== undefined && { attachmentIds: payload.attachment_ids }),
      clientTime: payload.timestamp ?? null,
      ...(connection.listening !== null && { origin: connection.listening.session.id }),
    },
    accepted,
  );
  if (message_id !== undefined) {
    connection.sending ??= new Map();
    connection.sending.set(message_id, storing);
  }
  const stored = await storing.finally(() => {
    if (message_id !== undefined) connection.sending?.delete(message_id);
  });
  const serverId = spellPrefixed("message", stored.id);
  const ack = {
    conversation_id: conversationId(conversationNumber),
    message_id: message_id ?? serverId,
    id: serverId,
    seq: stored.seq,
    timestamp: stored.at,
    duplicate: stored.duplicate,
  };
  connection.send(frame("message.ack", ack, id));
}

async function messageOf(
  connection: Connection,
  payload: { readonly conversation_id: string | number; readonly message_id: string | number },
) {
  const conversationId = conversationOf(payload.conversation_id);
  const reference = messageReference(payload.message_id);
  // Said in the same breath as the message it is about, before that could be found.
  if ("key" in reference) await connection.sending?.get(reference.key)?.catch(() => {});
  const found =
    "id" in reference
      ? reference
      : await connection.parts.door.answer(connection.caller, {
          type: "find-message",
          conversationId,
          reference,
        });
  return { conversation: { conversationId }, message: { messageId: found.id } };
}

type MessageCommand = Parameters<Connection["parts"]["door"]["execute"]>[1] & {
  readonly type: "edit-message" | "delete-message" | "react";
};

async function changed(
  connection: Connection,
  command: MessageCommand,
  id: RequestId | undefined,
): Promise<void> {
  const { message } = await connection.parts.door.execute(connection.caller, command);
  connection.send(frame("ok", { seq: message.rev }, id));
}
