import type { Message } from "@parlance/protocol/model.ts";
import type { FastifyRequest } from "fastify";
import type { Caller } from "../../../core/caller.ts";
import type { Door } from "../../../core/door.ts";
import type { RouteScope } from "../../../http/scopes.ts";
import type { DialectParts } from "../../dialect.ts";
import { tokenCaller } from "../callers.ts";
import { errorEnvelope, STOMP_STATUS } from "../envelope.ts";
import { readMessageId } from "../ids.ts";
import { addConversations } from "./conversations.ts";
import { addMessageDetails } from "./message-details.ts";
import { addMessages } from "./messages.ts";
import { addParticipants } from "./participants.ts";
import { addPresence } from "./presence.ts";
import { addReactions } from "./reactions.ts";
import { addReading } from "./reading.ts";
import { addSearch } from "./search.ts";
import { createShow, type Show } from "./show.ts";
import { addUsers } from "./users.ts";

/** What every route is given. */
export interface Rest {
  readonly door: Door;
  readonly show: Show;
  /** Known before anything else of the request is looked at. */
  readonly callerOf: (request: FastifyRequest) => Caller;
  /** The message that a path names by its id alone; refuses with `not_found`. */
  readonly locate: (request: FastifyRequest, spelled: string) => Promise<Message>;
}

/** `/api/chat`, but for files. */
export function restScope(
  { door, identity, links }: Pick<DialectParts, "door" | "identity" | "links">,
  maxFileSizeMb: number,
): RouteScope {
  return {
    prefixes: ["/api/chat"],
    errorShape: errorEnvelope,
    status: STOMP_STATUS,
    routes(app) {
      const callers = new WeakMap<object, Caller>();
      app.addHook("onRequest", async (request) => {
        callers.set(request.raw, await tokenCaller(identity, request));
      });
      // The answers' schemas say what they are; making them is left to what is quicker.
      app.setSerializerCompiler(() => JSON.stringify);
      const callerOf = ({ raw }: FastifyRequest): Caller => callers.get(raw) as Caller;
      const rest: Rest = {
        door,
        show: createShow({ door, links, maxFileSizeMb }),
        callerOf,
        locate: (request, spelled) =>
          door.answer(callerOf(request), { type: "locate-message", messageId: readMessageId(spelled) }),
      };
      addConversations(app, rest);
      addParticipants(app, rest);
      addReading(app, rest);
      addMessages(app, rest);
      addMessageDetails(app, rest);
      addSearch(app, rest);
      addReactions(app, rest);
      addPresence(app, rest);
      addUsers(app, rest);
    },
  };
}
