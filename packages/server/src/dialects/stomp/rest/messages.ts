import type { MessageReference } from "@parlance/protocol/queries.ts";
import { Type } from "typebox";
import type { App } from "../../../http/app.ts";
import { idempotencyKeyOf } from "../../../http/header-text.ts";
import { envelope } from "../envelope.ts";
import { readConversationId, readMessageId } from "../ids.ts";
import { readSend, SendRequest } from "../send.ts";
import { ChatMessage } from "../shapes/messages.ts";
import { ConversationParams } from "./conversations.ts";
import { created, Envelope, ok } from "./replies.ts";
import { Limit, limitOf, userOf } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Messages"];
export const MessageParams = Type.Object({ id: Type.String() });

const HistoryQuery = Type.Object({
  before: Type.Optional(Type.String()),
  after: Type.Optional(Type.String()),
  around: Type.Optional(Type.String()),
  limit: Limit,
});
const History = Type.Object(
  {
    ...Envelope(Type.Array(ChatMessage)).properties,
    /** Further on in the direction that was asked for; of `around` in either. */
    hasMore: Type.Boolean(),
    hasOlder: Type.Boolean(),
    hasNewer: Type.Boolean(),
  },
  { additionalProperties: false },
);

/** Sending, editing and deleting, and a conversation's history. */
export function addMessages(app: App, { door, show, callerOf, locate }: Rest): void {
  app.get(
    "/api/chat/conversations/:id/messages",
    {
      schema: {
        tags,
        summary: "A page of history, oldest first: the newest one, or that before, after or around a message",
        params: ConversationParams,
        querystring: HistoryQuery,
        response: { 200: History },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { before, after, around } = request.query;
      const { messages, more, moreNewer } = await door.answer(caller, {
        type: "read-history",
        conversationId: readConversationId(request.params.id),
        before: before === undefined ? null : byId(before),
        ...(after !== undefined && { after: byId(after) }),
        ...(around !== undefined && { around: byId(around) }),
        limit: limitOf(request.query),
      });
      return {
        ...envelope((await show.messages(caller, messages)).reverse()),
        hasMore: around !== undefined ? more || moreNewer : after !== undefined ? moreNewer : more,
        hasOlder: more,
        hasNewer: moreNewer,
      };
    },
  );

  app.post(
    "/api/chat/conversations/:id/messages",
    {
      schema: {
        tags,
        summary: "Sends a message",
        description: "Stored once, however often it is sent under one Idempotency-Key.",
        params: ConversationParams,
        body: SendRequest,
        response: created(ChatMessage),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { tempId = null } = request.body;
      const stored = await door.execute(
        caller,
        readSend(request.body, {
          conversationId: readConversationId(request.params.id),
          senderId: userOf(caller),
          key: idempotencyKeyOf(request.headers),
        }),
      );
      const message = await door.answer(caller, {
        type: "read-sent",
        conversationId: stored.conversationId,
        messageId: stored.id,
      });
      return reply
        .code(201)
        .send(envelope({ ...show.message(caller, message), ...(tempId !== null && { tempId }) }));
    },
  );

  app.put(
    "/api/chat/messages/:id",
    {
      schema: {
        tags,
        summary: "Edits a message of the caller's own",
        params: MessageParams,
        body: Type.Object({ content: Type.String() }, { title: "EditRequest" }),
        response: ok(ChatMessage),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { id: messageId, conversationId } = await locate(request, request.params.id);
      const { message } = await door.execute(caller, {
        type: "edit-message",
        conversationId,
        messageId,
        content: request.body.content,
      });
      return envelope(show.message(caller, message));
    },
  );

  app.delete(
    "/api/chat/messages/:id",
    {
      schema: {
        tags,
        summary: "Deletes a message for everybody: one's own, or as owner or admin any",
        description: "A tombstone stays in its place. Deleting it again changes nothing.",
        params: MessageParams,
        response: ok(ChatMessage),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { id: messageId, conversationId } = await locate(request, request.params.id);
      const { message } = await door.execute(caller, { type: "delete-message", conversationId, messageId });
      return envelope(show.message(caller, message));
    },
  );
}

const byId = (spelled: string): MessageReference => ({ id: readMessageId(spelled) });
