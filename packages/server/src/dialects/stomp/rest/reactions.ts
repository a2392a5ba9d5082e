import type { Reacted } from "@parlance/protocol/commands.ts";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import {
  Reaction,
  ReactionChange,
  ReactionSummary,
  reactionChangeOf,
  reactionOf,
} from "../shapes/messages.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { MessageParams } from "./messages.ts";
import { ok, okOrCreated, Page } from "./replies.ts";
import { limitOf, PageQuery } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Reactions"];
const ReactionRequest = Type.Object({ emoji: Type.String() }, { title: "ReactionRequest" });

export function addReactions(app: App, { door, callerOf, locate }: Rest): void {
  const react = async (
    request: FastifyRequest,
    id: string,
    emoji: string,
    add: boolean | "toggle",
  ): Promise<Reacted> => {
    const { id: messageId, conversationId } = await locate(request, id);
    return await door.execute(callerOf(request), { type: "react", conversationId, messageId, emoji, add });
  };

  app.post(
    "/api/chat/messages/:id/reactions",
    {
      schema: {
        tags,
        summary: "Adds a reaction: 201, or 200 where it was there",
        params: MessageParams,
        body: ReactionRequest,
        response: okOrCreated(ReactionChange),
      },
    },
    async (request, reply) => {
      const reacted = await react(request, request.params.id, request.body.emoji, true);
      return reply.code(reacted.changed ? 201 : 200).send(envelope(reactionChangeOf(reacted)));
    },
  );

  app.delete(
    "/api/chat/messages/:id/reactions/:emoji",
    {
      schema: {
        tags,
        summary: "Takes a reaction of the caller's away, if it is there",
        params: Type.Object({ id: Type.String(), emoji: Type.String() }),
        response: ok(ReactionChange),
      },
    },
    async (request) =>
      envelope(reactionChangeOf(await react(request, request.params.id, request.params.emoji, false))),
  );

  app.post(
    "/api/chat/messages/:id/reactions/toggle",
    {
      schema: {
        tags,
        summary: "Adds a reaction, or takes it away where it is there",
        params: MessageParams,
        body: ReactionRequest,
        response: ok(ReactionChange),
      },
    },
    async (request) =>
      envelope(reactionChangeOf(await react(request, request.params.id, request.body.emoji, "toggle"))),
  );

  app.get(
    "/api/chat/messages/:id/reactions",
    {
      schema: {
        tags,
        summary: "Who reacted with what, the earliest first",
        params: MessageParams,
        querystring: PageQuery,
        response: ok(Page(Reaction)),
      },
    },
    async (request) => {
      const { id: messageId, conversationId } = await locate(request, request.params.id);
      const place = readCursor(request.query.cursor, "number", "string", "string");
      const { reactions, more } = await door.answer(callerOf(request), {
        type: "read-reactions",
        conversationId,
        messageId,
        after: place === null ? null : { createdAt: place[0], userId: place[1], emoji: place[2] },
        limit: limitOf(request.query),
      });
      const last = reactions.at(-1);
      return envelope({
        items: reactions.map(reactionOf),
        nextCursor: more && last !== undefined ? spellCursor(last.createdAt, last.userId, last.emoji) : null,
      });
    },
  );

  app.get(
    "/api/chat/messages/:id/reactions/summary",
    {
      schema: {
        tags,
        summary: "How many reacted, by emoji",
        params: MessageParams,
        response: ok(ReactionSummary),
      },
    },
    async (request) => envelope({ ...(await locate(request, request.params.id)).reactions }),
  );
}
