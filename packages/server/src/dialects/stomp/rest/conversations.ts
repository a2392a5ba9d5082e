import type { InboxList, InboxPage } from "@parlance/protocol/queries.ts";
import { Type } from "typebox";
import type { Caller } from "../../../core/caller.ts";
import type { App } from "../../../http/app.ts";
import { idempotencyKeyOf } from "../../../http/header-text.ts";
import { envelope } from "../envelope.ts";
import { readConversationId, readUserId, Spelled } from "../ids.ts";
import { Nullable } from "../shapes/common.ts";
import { Conversation } from "../shapes/conversations.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { created, ok, okOrCreated, Page } from "./replies.ts";
import { limitOf, PageQuery, peopleOf, userOf } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Conversations"];
export const ConversationParams = Type.Object({ id: Type.String() });

const FACE = {
  name: Type.Optional(Nullable(Type.String())),
  description: Type.Optional(Nullable(Type.String())),
  avatarUrl: Type.Optional(Nullable(Type.String())),
};
const SETTINGS = {
  allowReactions: Type.Optional(Type.Boolean()),
  allowReplies: Type.Optional(Type.Boolean()),
  allowFileUploads: Type.Optional(Type.Boolean()),
  maxFileSizeMb: Type.Optional(Nullable(Type.Integer())),
  allowedFileTypes: Type.Optional(Nullable(Type.Array(Type.String()))),
  historyVisible: Type.Optional(Type.Boolean()),
};
export const PEOPLE = {
  participantIds: Type.Optional(Type.Array(Spelled)),
  userIds: Type.Optional(Type.Array(Spelled)),
};
const GroupRequest = Type.Object({ ...FACE, ...SETTINGS, ...PEOPLE }, { title: "GroupRequest" });
const UpdateRequest = Type.Object({ ...FACE, ...SETTINGS }, { title: "UpdateRequest" });

export function addConversations(app: App, { door, show, callerOf }: Rest): void {
  const list = async (
    caller: Caller,
    which: { readonly list: InboxList; readonly named?: string },
    query: { readonly limit?: number; readonly cursor?: string },
  ) => {
    const place = readCursor(query.cursor, "number", "number");
    const { entries, next }: InboxPage = await door.answer(caller, {
      type: "read-inbox",
      userId: userOf(caller),
      ...which,
      limit: limitOf(query),
      after: place === null ? null : { at: place[0], conversationId: place[1] },
    });
    return envelope({
      items: await show.conversations(caller, entries),
      nextCursor: next === null ? null : spellCursor(next.at, next.conversationId),
    });
  };

  app.get(
    "/api/chat/conversations",
    {
      schema: {
        tags,
        summary: "The caller's conversations, most recent activity first; archived ones only where asked for",
        querystring: Type.Object({ ...PageQuery.properties, archived: Type.Optional(Type.Boolean()) }),
        response: ok(Page(Conversation)),
      },
    },
    (request) =>
      list(
        callerOf(request),
        { list: request.query.archived === true ? "archived" : "active" },
        request.query,
      ),
  );

  app.get(
    "/api/chat/conversations/pinned",
    {
      schema: {
        tags,
        summary: "Those the caller has pinned",
        querystring: PageQuery,
        response: ok(Page(Conversation)),
      },
    },
    (request) => list(callerOf(request), { list: "pinned" }, request.query),
  );

  app.get(
    "/api/chat/conversations/search",
    {
      schema: {
        tags,
        summary: "Groups of the caller's with this in their name, archived ones too",
        querystring: Type.Object({ ...PageQuery.properties, query: Type.String({ minLength: 1 }) }),
        response: ok(Page(Conversation)),
      },
    },
    (request) => list(callerOf(request), { list: "all", named: request.query.query }, request.query),
  );

  app.get(
    "/api/chat/conversations/:id",
    { schema: { tags, summary: "One conversation", params: ConversationParams, response: ok(Conversation) } },
    async (request) =>
      envelope(await show.conversation(callerOf(request), readConversationId(request.params.id))),
  );

  app.post(
    "/api/chat/conversations",
    {
      schema: {
        tags,
        summary: "Makes a group, with the caller as its owner",
        description: "Whoever is in it, a new one each time; with an Idempotency-Key the same one again.",
        body: GroupRequest,
        response: created(Conversation),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { name = null, description = null, avatarUrl = null } = request.body;
      const { conversationId } = await door.execute(caller, {
        type: "open-conversation",
        userIds: [userOf(caller), ...peopleOf(request.body)],
        isGroup: true,
        name,
        description,
        avatarUrl,
        settings: settingsOf(request.body),
        idempotencyKey: idempotencyKeyOf(request.headers),
      });
      return reply.code(201).send(envelope(await show.conversation(caller, conversationId)));
    },
  );

  app.post(
    "/api/chat/conversations/direct/:userId",
    {
      schema: {
        tags,
        summary: "The direct conversation with somebody: 201 where it was made, 200 where it was there",
        params: Type.Object({ userId: Type.String() }),
        response: okOrCreated(Conversation),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const opened = await door.execute(caller, {
        type: "open-conversation",
        userIds: [userOf(caller), readUserId(request.params.userId)],
        name: null,
        idempotencyKey: idempotencyKeyOf(request.headers),
      });
      return reply
        .code(opened.created ? 201 : 200)
        .send(envelope(await show.conversation(caller, opened.conversationId)));
    },
  );

  app.put(
    "/api/chat/conversations/:id",
    {
      schema: {
        tags,
        summary: "Changes what a group is called and how it is set; what is not named stays",
        params: ConversationParams,
        body: UpdateRequest,
        response: ok(Conversation),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const conversationId = readConversationId(request.params.id);
      const { name, description, avatarUrl } = request.body;
      const settings = settingsOf(request.body);
      await door.execute(caller, {
        type: "update-conversation",
        conversationId,
        ...(name !== undefined && { name }),
        ...(description !== undefined && { description }),
        ...(avatarUrl !== undefined && { avatarUrl }),
        ...(Object.keys(settings).length > 0 && { settings }),
      });
      return envelope(await show.conversation(caller, conversationId));
    },
  );

  app.delete(
    "/api/chat/conversations/:id",
    {
      schema: {
        tags,
        summary: "Leaves a conversation; with forEveryone its owner deletes it",
        description: "A direct conversation that is left is out of the list until its next message.",
        params: ConversationParams,
        querystring: Type.Object({ forEveryone: Type.Optional(Type.Boolean()) }),
        response: ok(Type.Null()),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const conversationId = readConversationId(request.params.id);
      if (request.query.forEveryone === true) {
        await door.execute(caller, { type: "delete-conversation", conversationId });
      } else {
        await door.execute(caller, { type: "remove-participant", conversationId, userId: userOf(caller) });
      }
      return envelope(null);
    },
  );
}

type Settings = { -readonly [N in keyof typeof SETTINGS]?: Type.Static<(typeof SETTINGS)[N]> };

/** Those settings that a body names. */
function settingsOf(body: Settings): Settings {
  const named = Object.entries(body).filter(
    ([name, value]) => Object.hasOwn(SETTINGS, name) && value !== undefined,
  );
  return Object.fromEntries(named);
}
