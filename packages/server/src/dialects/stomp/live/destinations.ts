import { isUtf8 } from "node:buffer";
import { Refusal } from "@parlance/protocol/errors.ts";
import { type Static, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { parseStrictJson } from "../../../http/strict-json.ts";
import { wrongShape } from "../../../http/wrong-shape.ts";
import type { Frame } from "../frames/parser.ts";
import { readConversationId, readMessageId, Spelled } from "../ids.ts";
import { readSend, SendRequest } from "../send.ts";
import { Nullable } from "../shapes/common.ts";
import type { LiveClient } from "./client.ts";

interface Sent<T> {
  readonly body: T;
  readonly frame: Frame;
  /** To be called when the thing stands in its conversation's order, if that is before it is done. */
  readonly accepted: () => void;
}

/** Resolves when it is done; rejects with a `Refusal` for the client to be told. */
type Handler = (client: LiveClient, frame: Frame, accepted: () => void) => Promise<void>;

function handler<T extends TSchema>(
  schema: T,
  work: (client: LiveClient, sent: Sent<Static<T>>) => Promise<unknown>,
): Handler {
  const validator = Compile(schema);
  return async (client, frame, accepted) => {
    const body = readBody(frame.body);
    if (!validator.Check(body)) throw new Refusal("invalid", wrongShape("body", validator, body));
    await work(client, { body: body as Static<T>, frame, accepted });
  };
}

/** No body says no more than an empty object does. */
function readBody(body: Buffer): unknown {
  if (body.length === 0) return {};
  if (!isUtf8(body)) throw new Refusal("invalid", "The body is not UTF-8");
  return parseStrictJson(body.toString("utf8"));
}

const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  [
    "/app/chat.send",
    handler(
      Type.Object({ ...SendRequest.properties, conversationId: Spelled }),
      async (client, { body, frame, accepted }) => {
        const command = readSend(body, {
          conversationId: readConversationId(body.conversationId),
          senderId: client.caller.userId,
          key: frame.headers.get("idempotency-key") ?? null,
        });
        const stored = await client.parts.door.execute(client.caller, command, accepted);
        client.sent(stored, body.tempId ?? null);
      },
    ),
  ],
  [
    "/app/chat.typing",
    handler(
      Type.Object({ conversationId: Spelled, typing: Type.Boolean() }),
      ({ parts, caller }, { body: { conversationId, typing } }) =>
        parts.door.execute(caller, {
          type: "set-typing",
          conversationId: readConversationId(conversationId),
          typing,
        }),
    ),
  ],
  [
    "/app/chat.markRead",
    handler(
      Type.Object({ conversationId: Spelled, lastReadMessageId: Type.Optional(Nullable(Spelled)) }),
      ({ parts, caller }, { body: { conversationId, lastReadMessageId = null } }) =>
        parts.door.execute(caller, {
          type: "mark-read",
          conversationId: readConversationId(conversationId),
          messageId: lastReadMessageId === null ? null : readMessageId(lastReadMessageId),
        }),
    ),
  ],
  [
    "/app/chat.reaction",
    handler(
      Type.Object({
        conversationId: Spelled,
        messageId: Spelled,
        emoji: Type.String(),
        add: Type.Optional(Type.Boolean()),
      }),
      ({ parts, caller }, { body: { conversationId, messageId, emoji, add = true } }) =>
        parts.door.execute(caller, {
          type: "react",
          conversationId: readConversationId(conversationId),
          messageId: readMessageId(messageId),
          emoji,
          add,
        }),
    ),
  ],
  [
    "/app/chat.presence",
    handler(
      Type.Object({
        online: Type.Boolean(),
        deviceType: Type.Optional(Nullable(Type.String())),
        browserInfo: Type.Optional(Type.Unknown()),
      }),
      ({ parts, caller, listening }, { body: { online, deviceType } }) =>
        parts.door.execute(caller, {
          type: "report-device",
          sessionId: listening.session.id,
          online,
          ...(deviceType !== undefined && { deviceType }),
        }),
    ),
  ],
  [
    "/app/chat.heartbeat",
    async ({ parts, caller, listening }) => {
      await parts.door.execute(caller, { type: "refresh-device", sessionId: listening.session.id });
    },
  ],
]);

export function send(client: LiveClient, frame: Frame, accepted: () => void): Promise<void> {
  const found = HANDLERS.get(frame.headers.get("destination") as string);
  if (found === undefined) throw new Refusal("not_found", "There is no such destination");
  return found(client, frame, accepted);
}
