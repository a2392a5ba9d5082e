import { Refusal } from "@parlance/protocol/errors.ts";
import { readId } from "@parlance/protocol/ids.ts";
import { isUserId } from "@parlance/protocol/user-id.ts";
import { Type } from "typebox";
import type { App } from "../../http/app.ts";
import type { RouteScope } from "../../http/scopes.ts";
import type { DialectParts } from "../dialect.ts";
import { BOTH_REQUIRED, errorShape, messageShape, PATH } from "./shapes.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

const PageQuery = Type.Object({
  user1: Type.Optional(Type.String()),
  user2: Type.Optional(Type.String()),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT })),
  offset: Type.Optional(Type.Integer({ minimum: 0 })),
});

/** What is asked once: a page of two people's messages, and to have one marked as read. */
export function restScope(parts: DialectParts): RouteScope {
  return { prefixes: [PATH], errorShape, routes: (app) => addRoutes(app, parts) };
}

function addRoutes(app: App, { door, identity }: DialectParts): void {
  app.get(PATH, { schema: { querystring: PageQuery } }, async ({ headers, query }) => {
    const { user1 = "", user2 = "", limit = DEFAULT_LIMIT, offset = 0 } = query;
    if (user1 === "" || user2 === "") throw new Refusal("invalid", BOTH_REQUIRED);
    for (const [name, user] of [
      ["user1", user1],
      ["user2", user2],
    ] as const) {
      if (!isUserId(user)) {
        throw new Refusal("invalid", `${name} must have 1 to 128 characters and no control characters`);
      }
    }
    const caller = await identity.identify({ headers, query });
    const conversationId = await door.answer(caller, { type: "find-direct", userIds: [user1, user2] });
    const { messages, total } =
      conversationId === null
        ? { messages: [], total: 0 }
        : await door.answer(caller, { type: "read-page", conversationId, offset, limit });
    return {
      data: messages.map((one) => messageShape(one, [user1, user2])),
      pagination: { total_count: total, has_more: offset + messages.length < total, offset, limit },
    };
  });

  app.patch(
    `${PATH}/:message_id/read`,
    { schema: { params: Type.Object({ message_id: Type.String() }) } },
    async ({ headers, query, params }) => {
      const messageId = readId("message", params.message_id);
      if (messageId === "malformed") throw new Refusal("invalid", "message_id is not an id");
      const caller = await identity.identify({ headers, query });
      if (messageId === "unknown") throw new Refusal("not_found", "There is no such message");
      await door.execute(caller, { type: "mark-message-read", messageId });
      return { status: "read" };
    },
  );
}
