import { Refusal } from "@parlance/protocol/errors.ts";
import type { InboxPage } from "@parlance/protocol/queries.ts";
import { isUserId } from "@parlance/protocol/user-id.ts";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Caller } from "../../core/caller.ts";
import type { App } from "../../http/app.ts";
import { idempotencyKeyOf } from "../../http/header-text.ts";
import type { RouteScope } from "../../http/scopes.ts";
import type { DialectParts } from "../dialect.ts";
import { conversationOf } from "../spelled-ids.ts";
import { listEntry, pageMessage } from "./shapes.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const MAX_OFFSET = 2 ** 31 - 1;
/** A person's list is given whole up to here, so many at a time. */
const MAX_LISTED = 1_000;
const LISTED_AT_ONCE = 200;

/** A greater number has lost digits on its way here, and would be another person. */
const UserId = Type.Union([Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })]);
const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1 })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_OFFSET })),
});
const OpenBody = Type.Object({
  request_match_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  participant_ids: Type.Array(UserId, { minItems: 1 }),
});
const ReadBody = Type.Object({ user_id: Type.Optional(UserId) });
const Conversation = Type.Object({ conversation_id: Type.String() });

/** What is asked for instead of being told. */
export function restScope(parts: DialectParts): RouteScope {
  return {
    prefixes: ["/messages", "/socket.io"],
    errorShape: ({ message }) => ({ success: false, message }),
    status: { not_participant: 403 },
    routes: (app) => addRoutes(app, parts),
  };
}

function addRoutes(app: App, { door, identity }: DialectParts): void {
  const callerOf = (request: FastifyRequest, bodyUser?: string): Promise<Caller> =>
    identity.identify({ headers: request.headers, query: request.query, bodyUser });

  app.get(
    "/messages/conversations/:user_id",
    { schema: { params: Type.Object({ user_id: Type.String() }) } },
    async (request) => {
      const userId = request.params.user_id;
      if (!isUserId(userId)) {
        throw new Refusal("invalid", "The user id must have 1 to 128 characters and no control characters");
      }
      const caller = await callerOf(request);
      const data: ReturnType<typeof listEntry>[] = [];
      let after: InboxPage["next"] = null;
      do {
        const page: InboxPage = await door.answer(caller, {
          type: "read-inbox",
          userId,
          list: "all",
          limit: LISTED_AT_ONCE,
          after,
        });
        data.push(...page.entries.map(listEntry));
        after = page.next;
      } while (after !== null && data.length < MAX_LISTED);
      return { success: true, data };
    },
  );

  app.get(
    "/messages/:conversation_id",
    { schema: { params: Conversation, querystring: PageQuery } },
    async (request) => {
      const caller = await callerOf(request);
      const limit = Math.min(request.query.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
      const offset = request.query.offset ?? 0;
      const { messages, total } = await door.answer(caller, {
        type: "read-page",
        conversationId: conversationOf(request.params.conversation_id),
        offset,
        limit,
      });
      const page = messages.map(({ message, state }) => pageMessage(message, state)).reverse();
      return { success: true, data: { messages: page, total, limit, offset } };
    },
  );

  app.post("/messages", { schema: { body: OpenBody } }, async (request, reply) => {
    const people = request.body.participant_ids.map(String);
    const { request_match_id } = request.body;
    let caller = await callerOf(request);
    // The document's example names nobody but those who take part: then it is the first of them who asks.
    if (caller.userId === null) caller = await callerOf(request, people[0]);
    if (caller.userId === null || !people.includes(caller.userId)) {
      throw new Refusal("forbidden", "The caller must be one of participant_ids");
    }
    const opened = await door.execute(caller, {
      type: "open-conversation",
      userIds: people,
      name: null,
      idempotencyKey: idempotencyKeyOf(request.headers),
      ...(typeof request_match_id === "string" && { externalRef: request_match_id }),
    });
    const [entry] = await door.answer(caller, {
      type: "read-entries",
      conversationIds: [opened.conversationId],
    });
    if (entry === undefined) {
      throw new Refusal("not_participant", "User is not a participant in this conversation");
    }
    return reply.code(opened.created ? 201 : 200).send({ success: true, data: listEntry(entry) });
  });

  app.post(
    "/messages/:conversation_id/mark-read",
    { schema: { params: Conversation, body: Type.Optional(ReadBody) } },
    async (request) => {
      const userId = request.body?.user_id;
      const caller = await callerOf(request, userId === undefined ? undefined : String(userId));
      const conversationId = conversationOf(request.params.conversation_id);
      const [entry] =
        caller.userId === null
          ? []
          : await door.answer(caller, { type: "read-entries", conversationIds: [conversationId] });
      await door.execute(caller, { type: "mark-read", conversationId, messageId: null });
      return { success: true, data: { marked: entry?.unread ?? 0 } };
    },
  );
}
