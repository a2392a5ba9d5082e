import type { SetPreferences } from "@parlance/protocol/commands.ts";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import { readConversationId, readUserId } from "../ids.ts";
import {
  Conversation,
  NotificationLevel,
  Participant,
  participantDetailOf,
  Role,
} from "../shapes/conversations.ts";
import { ConversationParams, PEOPLE } from "./conversations.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { created, ok, Page } from "./replies.ts";
import { limitOf, PageQuery, peopleOf } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Participants"];
const ParticipantParams = Type.Object({ id: Type.String(), userId: Type.String() });
const ROLES = { OWNER: "owner", ADMIN: "admin", MEMBER: "member" } as const;

/** Who is in a conversation, and how each keeps it in their own list. */
export function addParticipants(app: App, { door, show, callerOf }: Rest): void {
  app.get(
    "/api/chat/conversations/:id/participants",
    {
      schema: {
        tags,
        summary: "Everybody in a conversation, longest in it first",
        params: ConversationParams,
        querystring: PageQuery,
        response: ok(Page(Participant)),
      },
    },
    async (request) => {
      const place = readCursor(request.query.cursor, "number", "string");
      const { participants, next } = await door.answer(callerOf(request), {
        type: "read-participants",
        conversationId: readConversationId(request.params.id),
        after: place === null ? null : { joinedSeq: place[0], userId: place[1] },
        limit: limitOf(request.query),
      });
      return envelope({
        items: participants.map(participantDetailOf),
        nextCursor: next === null ? null : spellCursor(next.joinedSeq, next.userId),
      });
    },
  );

  app.post(
    "/api/chat/conversations/:id/participants",
    {
      schema: {
        tags,
        summary: "Adds people; those who are in it already are skipped",
        params: ConversationParams,
        body: Type.Object(PEOPLE, { title: "PeopleRequest" }),
        response: created(Conversation),
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const conversationId = readConversationId(request.params.id);
      await door.execute(caller, {
        type: "add-participants",
        conversationId,
        userIds: peopleOf(request.body),
      });
      return reply.code(201).send(envelope(await show.conversation(caller, conversationId)));
    },
  );

  app.put(
    "/api/chat/conversations/:id/participants/:userId",
    {
      schema: {
        tags,
        summary: "Gives somebody another role; a conversation may have several owners",
        params: ParticipantParams,
        body: Type.Object({ role: Role }, { title: "RoleRequest" }),
        response: ok(Conversation),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const conversationId = readConversationId(request.params.id);
      await door.execute(caller, {
        type: "set-role",
        conversationId,
        userId: readUserId(request.params.userId),
        role: ROLES[request.body.role],
      });
      return envelope(await show.conversation(caller, conversationId));
    },
  );

  app.delete(
    "/api/chat/conversations/:id/participants/:userId",
    {
      schema: {
        tags,
        summary: "Removes somebody; oneself: leaves",
        params: ParticipantParams,
        response: ok(Type.Null()),
      },
    },
    async (request) => {
      await door.execute(callerOf(request), {
        type: "remove-participant",
        conversationId: readConversationId(request.params.id),
        userId: readUserId(request.params.userId),
      });
      return envelope(null);
    },
  );

  const prefer = async (
    request: FastifyRequest,
    id: string,
    wish: Omit<SetPreferences, "type" | "conversationId">,
  ) => {
    const caller = callerOf(request);
    const conversationId = readConversationId(id);
    await door.execute(caller, { type: "set-preferences", conversationId, ...wish });
    return envelope(await show.conversation(caller, conversationId));
  };
  const own = <Q extends Type.TSchema>(summary: string, querystring: Q) => ({
    schema: { tags, summary, params: ConversationParams, querystring, response: ok(Conversation) },
  });

  app.put(
    "/api/chat/conversations/:id/mute",
    own("Mutes a conversation for the caller, or no longer", Type.Object({ muted: Type.Boolean() })),
    (request) => prefer(request, request.params.id, { muted: request.query.muted }),
  );
  app.put(
    "/api/chat/conversations/:id/pin",
    own("Pins a conversation in the caller's list, or no longer", Type.Object({ pinned: Type.Boolean() })),
    (request) => prefer(request, request.params.id, { pinned: request.query.pinned }),
  );
  app.put(
    "/api/chat/conversations/:id/archive",
    own(
      "Archives a conversation for the caller until its next message, or no longer",
      Type.Object({ archived: Type.Boolean() }),
    ),
    (request) => prefer(request, request.params.id, { archived: request.query.archived }),
  );
  app.put(
    "/api/chat/conversations/:id/notifications",
    own("Of which messages the caller wants to be notified", Type.Object({ level: NotificationLevel })),
    (request) => prefer(request, request.params.id, { level: request.query.level }),
  );
}
