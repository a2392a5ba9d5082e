import { Type } from "typebox";
import type { Caller } from "../../../core/caller.ts";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import { readConversationId, readMessageId, Spelled } from "../ids.ts";
import { Nullable } from "../shapes/common.ts";
import { ReadReceipt, receiptOf } from "../shapes/messages.ts";
import { ConversationParams } from "./conversations.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { MessageParams } from "./messages.ts";
import { ok, Page } from "./replies.ts";
import { limitOf, PageQuery } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Reading"];
const Unread = Type.Object(
  { conversationId: Type.Integer(), unreadCount: Type.Integer(), unreadMentions: Type.Integer() },
  { title: "Unread", additionalProperties: false },
);
const ReadRequest = Type.Object(
  { lastReadMessageId: Type.Optional(Nullable(Spelled)) },
  { title: "ReadRequest" },
);
const UnreadRequest = Type.Object({ messageId: Spelled }, { title: "UnreadRequest" });

/** How far people have read, and what they have not. */
export function addReading(app: App, { door, callerOf, locate }: Rest): void {
  const unreadIn = async (caller: Caller, conversationId: number) => {
    const [entry] = await door.answer(caller, { type: "read-entries", conversationIds: [conversationId] });
    return {
      conversationId,
      unreadCount: entry?.unread ?? 0,
      unreadMentions: entry?.unreadMentions ?? 0,
    };
  };

  app.get(
    "/api/chat/conversations/unread",
    {
      schema: {
        tags,
        summary: "What is unread in all of the caller's conversations, muted and archived ones too",
        response: ok(
          Type.Object(
            { total: Type.Integer(), conversations: Type.Array(Unread) },
            { additionalProperties: false },
          ),
        ),
      },
    },
    async (request) => {
      const { total, conversations } = await door.answer(callerOf(request), { type: "read-unread" });
      return envelope({
        total,
        conversations: conversations.map(({ conversationId, unread, unreadMentions }) => ({
          conversationId,
          unreadCount: unread,
          unreadMentions,
        })),
      });
    },
  );

  app.post(
    "/api/chat/conversations/:id/read",
    {
      schema: {
        tags,
        summary: "Marks everything as read, or what there is up to a message",
        params: ConversationParams,
        body: Type.Optional(Nullable(ReadRequest)),
        response: ok(Unread),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const conversationId = readConversationId(request.params.id);
      const { lastReadMessageId = null } = request.body ?? {};
      await door.execute(caller, {
        type: "mark-read",
        conversationId,
        messageId: lastReadMessageId === null ? null : readMessageId(lastReadMessageId),
      });
      return envelope(await unreadIn(caller, conversationId));
    },
  );

  app.put(
    "/api/chat/conversations/:id/unread",
    {
      schema: {
        tags,
        summary: "Counts a message and what came after it as unread by the caller again",
        params: ConversationParams,
        body: UnreadRequest,
        response: ok(Unread),
      },
    },
    async (request) => {
      const conversationId = readConversationId(request.params.id);
      const { unread, unreadMentions } = await door.execute(callerOf(request), {
        type: "mark-unread",
        conversationId,
        messageId: readMessageId(request.body.messageId),
      });
      return envelope({ conversationId, unreadCount: unread, unreadMentions });
    },
  );

  app.get(
    "/api/chat/messages/:id/read-receipts",
    {
      schema: {
        tags,
        summary: "Who has read a message, but for its sender",
        params: MessageParams,
        querystring: PageQuery,
        response: ok(Page(ReadReceipt)),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { id: messageId, conversationId } = await locate(request, request.params.id);
      const { receipts, more } = await door.answer(caller, {
        type: "read-receipts",
        conversationId,
        messageId,
        after: readCursor(request.query.cursor, "string")?.[0] ?? null,
        limit: limitOf(request.query),
      });
      const last = receipts.at(-1);
      return envelope({
        items: receipts.map(receiptOf),
        nextCursor: more && last !== undefined ? spellCursor(last.userId) : null,
      });
    },
  );
}
