import type { FastifyRequest } from "fastify";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import { readConversationId } from "../ids.ts";
import { ChatMessage, EarlierText, earlierTextOf } from "../shapes/messages.ts";
import { ConversationParams } from "./conversations.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { MessageParams } from "./messages.ts";
import { ok, Page } from "./replies.ts";
import { limitOf, PageQuery } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Messages"];

/** What hangs on messages: replies, earlier texts, pins, files. */
export function addMessageDetails(app: App, { door, show, callerOf, locate }: Rest): void {
  app.get(
    "/api/chat/messages/:id/thread",
    {
      schema: {
        tags,
        summary: "The direct replies to a message, oldest first",
        params: MessageParams,
        querystring: PageQuery,
        response: ok(Page(ChatMessage)),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { id: messageId, conversationId } = await locate(request, request.params.id);
      const { replies, more } = await door.answer(caller, {
        type: "read-thread",
        conversationId,
        messageId,
        after: readCursor(request.query.cursor, "number")?.[0] ?? null,
        limit: limitOf(request.query),
      });
      const last = replies.at(-1);
      return envelope({
        items: await show.messages(caller, replies),
        nextCursor: more && last !== undefined ? spellCursor(last.seq) : null,
      });
    },
  );

  app.get(
    "/api/chat/messages/:id/history",
    {
      schema: {
        tags,
        summary: "The texts a message had before its edits, oldest first; none of a deleted one",
        params: MessageParams,
        querystring: PageQuery,
        response: ok(Page(EarlierText)),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { id: messageId, conversationId } = await locate(request, request.params.id);
      const { edits, more } = await door.answer(caller, {
        type: "read-edits",
        conversationId,
        messageId,
        after: readCursor(request.query.cursor, "number")?.[0] ?? null,
        limit: limitOf(request.query),
      });
      const last = edits.at(-1);
      return envelope({
        items: edits.map(earlierTextOf),
        nextCursor: more && last !== undefined ? spellCursor(last.rev) : null,
      });
    },
  );

  const pin = async (request: FastifyRequest, id: string, isPinned: boolean) => {
    const caller = callerOf(request);
    const { id: messageId, conversationId } = await locate(request, id);
    const { message } = await door.execute(caller, {
      type: "pin-message",
      conversationId,
      messageId,
      pin: isPinned,
    });
    return envelope(show.message(caller, message));
  };
  app.post(
    "/api/chat/messages/:id/pin",
    {
      schema: {
        tags,
        summary: "Pins a message for everybody: in a group owners and admins do",
        params: MessageParams,
        response: ok(ChatMessage),
      },
    },
    (request) => pin(request, request.params.id, true),
  );
  app.delete(
    "/api/chat/messages/:id/pin",
    { schema: { tags, summary: "Takes a pin away", params: MessageParams, response: ok(ChatMessage) } },
    (request) => pin(request, request.params.id, false),
  );

  app.get(
    "/api/chat/conversations/:id/pins",
    {
      schema: {
        tags,
        summary: "What is pinned in a conversation, last pinned first: all of it, at most 100",
        params: ConversationParams,
        response: ok(Page(ChatMessage)),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const pins = await door.answer(caller, {
        type: "read-pins",
        conversationId: readConversationId(request.params.id),
      });
      return envelope({ items: await show.messages(caller, pins), nextCursor: null });
    },
  );

  app.get(
    "/api/chat/conversations/:id/attachments",
    {
      schema: {
        tags,
        summary: "Messages with files, newest first",
        params: ConversationParams,
        querystring: PageQuery,
        response: ok(Page(ChatMessage)),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const place = readCursor(request.query.cursor, "number");
      const { messages, more } = await door.answer(caller, {
        type: "read-files",
        conversationId: readConversationId(request.params.id),
        before: place === null ? null : { id: place[0] },
        limit: limitOf(request.query),
      });
      const last = messages.at(-1);
      return envelope({
        items: await show.messages(caller, messages),
        nextCursor: more && last !== undefined ? spellCursor(last.id) : null,
      });
    },
  );
}
