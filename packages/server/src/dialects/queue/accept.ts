import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "@parlance/protocol/errors.ts";
import { spellUuid } from "@parlance/protocol/ids.ts";
import { isUserId } from "@parlance/protocol/user-id.ts";
import { answerOf, sendError, sendJson } from "../../http/answers.ts";
import { idempotencyKeyOf } from "../../http/header-text.ts";
import type { RawRoute } from "../../http/raw-routes.ts";
import { readJsonBody } from "../../http/read-json.ts";
import { queryOf } from "../../http/scopes.ts";
import type { DialectParts } from "../dialect.ts";
import { errorShape, PATH } from "./shapes.ts";

interface Posted {
  readonly sender_id: string;
  readonly receiver_id: string;
  readonly content: string;
}

/** In the order in which the document has them, which is the order in which a missing one is named. */
const FIELDS = ["sender_id", "receiver_id", "content"] as const;

/**
 * The one request that comes ten thousand times a second: past the framework, which takes a fifth of what HTTP itself
 * costs here, and without a promise but those of identity and door.
 */
export function acceptRoute({ door, identity, log }: DialectParts, maxBodyBytes: number): RawRoute {
  const fail = (response: ServerResponse, error: unknown): void => {
    const given = answerOf(error);
    if (given.code === "internal") {
      log.error({ requestId: response.getHeader("x-request-id"), error }, "A request failed");
    }
    // Whose body is not read to its end cannot be followed by another request.
    if (given.code === "too_large") response.setHeader("connection", "close");
    sendError(response, given, errorShape(given));
  };

  const accept = async (request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> => {
    try {
      const { sender_id, receiver_id, content } = checked(body);
      const { headers } = request;
      const query = request.url === PATH ? undefined : queryOf(request.url);
      const caller = await identity.identify({ headers, query, bodyUser: sender_id });
      const { id } = await door.execute(caller, {
        type: "queue-message",
        senderId: sender_id,
        receiverId: receiver_id,
        content,
        idempotencyKey: idempotencyKeyOf(headers),
      });
      sendJson(
        response,
        202,
        `{"message":"Message queued for delivery","message_id":"${spellUuid("message", id)}"}`,
      );
    } catch (error) {
      fail(response, error);
    }
  };

  return {
    path: PATH,
    match: "exact",
    methods: ["POST"],
    handle: (request, response) =>
      readJsonBody(request, maxBodyBytes, (refusal, body) => {
        if (refusal === null) void accept(request, response, body);
        else fail(response, refusal);
      }),
  };
}

function checked(body: unknown): Posted {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Refusal("invalid", "the body must be a JSON object");
  }
  const given = body as Readonly<Record<string, unknown>>;
  for (const name of FIELDS) {
    const value = given[name];
    if (value === undefined || value === null) throw new Refusal("invalid", `${name} is required`);
    if (typeof value !== "string") throw new Refusal("invalid", `${name} must be a string`);
    if (value === "") throw new Refusal("invalid", `${name} must not be empty`);
    if (name !== "content" && !isUserId(value)) {
      throw new Refusal("invalid", `${name} must have 1 to 128 characters and no control characters`);
    }
  }
  return given as unknown as Posted;
}
