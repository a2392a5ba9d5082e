import { Type } from "typebox";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import { readUserId, Spelled } from "../ids.ts";
import { Presence, presenceOf, Status } from "../shapes/people.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { ok, Page } from "./replies.ts";
import { limitOf, PageQuery, userOf } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Presence"];
const STATUSES = { ONLINE: "online", AWAY: "away", DND: "dnd", OFFLINE: "offline" } as const;

export function addPresence(app: App, { door, callerOf }: Rest): void {
  app.get(
    "/api/chat/presence",
    {
      schema: {
        tags,
        summary:
          "Who is here of those who share a conversation of up to 100 people with the caller; a page may be short",
        querystring: PageQuery,
        response: ok(Page(Presence)),
      },
    },
    async (request) => {
      const place = readCursor(request.query.cursor, "string");
      const { people, next } = await door.answer(callerOf(request), {
        type: "read-online",
        after: place === null ? null : place[0],
        limit: limitOf(request.query),
      });
      return envelope({
        items: people.map(presenceOf),
        nextCursor: next === null ? null : spellCursor(next),
      });
    },
  );

  app.get(
    "/api/chat/presence/:userId",
    {
      schema: {
        tags,
        summary: "Whether somebody is here; who shares no conversation with the caller reads as OFFLINE",
        params: Type.Object({ userId: Type.String() }),
        response: ok(Presence),
      },
    },
    async (request) => {
      const userIds = [readUserId(request.params.userId)];
      const [presence] = await door.answer(callerOf(request), { type: "read-presence", userIds });
      return envelope(presenceOf(presence as NonNullable<typeof presence>));
    },
  );

  app.put(
    "/api/chat/presence/status",
    {
      schema: {
        tags,
        summary: "Chooses how the caller is seen by others while connected",
        body: Type.Object({ status: Status }, { title: "StatusRequest" }),
        response: ok(Presence),
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { status } = request.body;
      await door.execute(caller, { type: "set-status", status: STATUSES[status] });
      const [presence] = await door.answer(caller, { type: "read-presence", userIds: [userOf(caller)] });
      return envelope({ ...presenceOf(presence as NonNullable<typeof presence>), status });
    },
  );

  app.post(
    "/api/chat/presence/users",
    {
      schema: {
        tags,
        summary: "Whether these people are here, in the order asked; at most 200 of them",
        body: Type.Object({ userIds: Type.Array(Spelled) }, { title: "PresenceRequest" }),
        response: ok(Type.Object({ items: Type.Array(Presence) }, { additionalProperties: false })),
      },
    },
    async (request) => {
      const userIds = request.body.userIds.map(readUserId);
      const found = await door.answer(callerOf(request), { type: "read-presence", userIds });
      return envelope({ items: found.map(presenceOf) });
    },
  );
}
