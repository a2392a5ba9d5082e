import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import { readUserId, spellUserId } from "../ids.ts";
import { Nullable, timeOf } from "../shapes/common.ts";
import { userOf as shapeOfUser, User } from "../shapes/people.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { ok, Page } from "./replies.ts";
import { limitOf, PageQuery, userOf } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Users"];
const UserParams = Type.Object({ id: Type.String() });
const ProfileRequest = Type.Object(
  {
    /** Null: the name that the token gives. */
    name: Type.Optional(Nullable(Type.String())),
    avatarUrl: Type.Optional(Nullable(Type.String())),
  },
  { title: "ProfileRequest" },
);
const Blocking = Type.Object(
  { userId: User.properties.userId, blocked: Type.Boolean() },
  { title: "Blocking", additionalProperties: false },
);
const Block = Type.Object(
  { ...User.properties, blockedAt: Type.String({ format: "date-time" }) },
  { title: "Block", additionalProperties: false },
);

/** The directory, one's own profile, and whom one has blocked. */
export function addUsers(app: App, { door, callerOf }: Rest): void {
  app.get(
    "/api/chat/users",
    {
      schema: {
        tags,
        summary: "The users one may pick from, by name; those with a text in their name or id",
        querystring: Type.Object({ ...PageQuery.properties, query: Type.Optional(Type.String()) }),
        response: ok(Page(User)),
      },
    },
    async (request) => {
      const place = readCursor(request.query.cursor, "string", "string");
      const { users, next } = await door.answer(callerOf(request), {
        type: "find-users",
        text: request.query.query ?? "",
        after: place === null ? null : { sortName: place[0], id: place[1] },
        limit: limitOf(request.query),
      });
      return envelope({
        items: users.map(shapeOfUser),
        nextCursor: next === null ? null : spellCursor(next.sortName, next.id),
      });
    },
  );

  app.get(
    "/api/chat/users/me",
    { schema: { tags, summary: "How the caller appears to others", response: ok(User) } },
    async (request) => {
      const caller = callerOf(request);
      const userId = userOf(caller);
      const [card] = await door.answer(caller, { type: "read-users", userIds: [userId] });
      return envelope(shapeOfUser(card ?? { id: userId, name: caller.name, avatarUrl: null, isBot: false }));
    },
  );

  app.put(
    "/api/chat/users/me",
    {
      schema: {
        tags,
        summary: "How the caller appears to others; what is not named stays",
        body: ProfileRequest,
        response: ok(User),
      },
    },
    async (request) => {
      const { name, avatarUrl } = request.body;
      const card = await door.execute(callerOf(request), {
        type: "set-profile",
        ...(name !== undefined && { name }),
        ...(avatarUrl !== undefined && { avatarUrl }),
      });
      return envelope(shapeOfUser(card));
    },
  );

  app.get(
    "/api/chat/users/blocked",
    {
      schema: {
        tags,
        summary: "Whom the caller has blocked, the latest first",
        response: ok(Type.Object({ items: Type.Array(Block) }, { additionalProperties: false })),
      },
    },
    async (request) => {
      const blocks = await door.answer(callerOf(request), { type: "read-blocks" });
      return envelope({
        items: blocks.map(({ user, at }) => ({ ...shapeOfUser(user), blockedAt: timeOf(at) })),
      });
    },
  );

  const block = async (request: FastifyRequest, id: string, blocked: boolean) => {
    const userId = readUserId(id);
    await door.execute(callerOf(request), { type: "block-user", userId, blocked });
    return envelope({ userId: spellUserId(userId), blocked });
  };
  app.post(
    "/api/chat/users/:id/block",
    {
      schema: {
        tags,
        summary: "No direct messages and no presence between the two from now on",
        params: UserParams,
        response: ok(Blocking),
      },
    },
    (request) => block(request, request.params.id, true),
  );
  app.delete(
    "/api/chat/users/:id/block",
    { schema: { tags, summary: "Ends a block", params: UserParams, response: ok(Blocking) } },
    (request) => block(request, request.params.id, false),
  );
}
