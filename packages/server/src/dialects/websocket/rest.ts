import { Refusal } from "@parlance/protocol/errors.ts";
import { spellPrefixed } from "@parlance/protocol/ids.ts";
import type { InboxEntry } from "@parlance/protocol/queries.ts";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Caller } from "../../core/caller.ts";
import type { App } from "../../http/app.ts";
import { idempotencyKeyOf } from "../../http/header-text.ts";
import type { RouteScope } from "../../http/scopes.ts";
import { sharedErrorShape } from "../../http/status.ts";
import type { DialectParts } from "../dialect.ts";
import { conversationOf } from "../spelled-ids.ts";
import { messageReference } from "./decode.ts";
import { conversationId, messageId, messagePayload } from "./shapes.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

const Limit = Type.Optional(Type.Integer({ minimum: 1 }));
const HistoryQuery = Type.Object({ cursor: Type.Optional(Type.String()), limit: Limit });
const InboxQuery = Type.Object({ cursor: Type.Optional(Type.String()), limit: Limit });
const OpenBody = Type.Object({
  participants: Type.Array(Type.String()),
  name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

/** History and inbox: what a client asks for once, instead of being told. */
export function restScope(parts: DialectParts): RouteScope {
  return {
    prefixes: ["/api/v1/chat", "/api/v1/chats"],
    errorShape: sharedErrorShape,
    routes: (app) => addRoutes(app, parts),
  };
}

function addRoutes(app: App, { door, identity }: DialectParts): void {
  const callerOf = (request: FastifyRequest, bodyUser?: string): Promise<Caller> =>
    identity.identify({ headers: request.headers, query: request.query, bodyUser });

  app.get(
    "/api/v1/chat/:conversation_id",
    { schema: { params: Type.Object({ conversation_id: Type.String() }), querystring: HistoryQuery } },
    async (request) => {
      const caller = await callerOf(request);
      const { cursor } = request.query;
      const id = conversationOf(request.params.conversation_id);
      const { messages, more } = await door.answer(caller, {
        type: "read-history",
        conversationId: id,
        before: cursor === undefined ? null : messageReference(cursor),
        limit: Math.min(request.query.limit ?? DEFAULT_LIMIT, MAX_LIMIT),
      });
      const last = messages.at(-1);
      return {
        conversation_id: conversationId(id),
        messages: messages.map(messagePayload),
        next_cursor: more && last !== undefined ? spellPrefixed("message", last.id) : null,
      };
    },
  );

  app.get(
    "/api/v1/chats/:user_id",
    { schema: { params: Type.Object({ user_id: Type.String() }), querystring: InboxQuery } },
    async (request) => {
      const userId = request.params.user_id;
      const caller = await callerOf(request);
      const { entries, next } = await door.answer(caller, {
        type: "read-inbox",
        userId,
        limit: Math.min(request.query.limit ?? DEFAULT_LIMIT, MAX_LIMIT),
        after: request.query.cursor === undefined ? null : readInboxCursor(request.query.cursor),
      });
      return {
        chats: entries.map((entry) => chatOf(entry, userId)),
        next_cursor: next === null ? null : `${next.at.toString(36)}-${next.conversationId.toString(36)}`,
      };
    },
  );

  app.post("/api/v1/chats", { schema: { body: OpenBody } }, async (request, reply) => {
    const { participants, name } = request.body;
    const opened = await door.execute(await callerOf(request), {
      type: "open-conversation",
      userIds: participants,
      name: name ?? null,
      idempotencyKey: idempotencyKeyOf(request.headers),
    });
    return reply
      .code(opened.created ? 201 : 200)
      .send({ conversation_id: conversationId(opened.conversationId) });
  });
}

function chatOf(
  { head, lastMessage, lastMessageAt, unread, muted, pinned, archived, level }: InboxEntry,
  userId: string,
) {
  const { conversation, participants } = head;
  const others = participants.filter((participant) => participant.userId !== userId);
  return {
    conversation_id: conversationId(conversation.id),
    participant: conversation.kind === "direct" ? (others[0]?.userId ?? userId) : null,
    last_message: lastMessage?.content ?? "",
    timestamp: lastMessage === null ? lastMessageAt : (lastMessage.clientTime ?? lastMessage.createdAt),
    kind: conversation.kind,
    name: conversation.kind === "direct" ? (others[0]?.userName ?? null) : conversation.name,
    participants: participants.map((participant) => participant.userId),
    last_message_id: lastMessage === null ? null : messageId(lastMessage),
    last_sender_id: lastMessage?.senderId ?? null,
    unread,
    seq: conversation.clock,
    muted,
    pinned,
    archived,
    level,
  };
}

function readInboxCursor(cursor: string): { at: number; conversationId: number } {
  const match = /^([0-9a-z]{1,10})-([0-9a-z]{1,11})$/.exec(cursor);
  const at = Number.parseInt(match?.[1] ?? "", 36);
  const id = Number.parseInt(match?.[2] ?? "", 36);
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(id))
    throw new Refusal("invalid", "cursor is not one of this server's");
  return { at, conversationId: id };
}
