import { Refusal } from "@parlance/protocol/errors.ts";
import { readId } from "@parlance/protocol/ids.ts";
import { MAX_KEY_LENGTH } from "@parlance/protocol/model.ts";
import type { MessageReference } from "@parlance/protocol/queries.ts";
import {
  CLIENT_EVENTS,
  type ClientEventName,
  type ClientPayload,
  type RequestId,
} from "@parlance/protocol/websocket.ts";
import { Compile } from "typebox/compile";
import { wrongShape } from "../../http/wrong-shape.ts";

/** A frame of the right shape. */
export type ClientFrame = {
  [N in ClientEventName]: {
    readonly event: N;
    readonly payload: ClientPayload<N>;
    readonly id: RequestId | undefined;
  };
}[ClientEventName];

/** A frame that is no frame of ours: counted, unlike a refusal. */
export class BadFrame extends Refusal {
  readonly id: RequestId | undefined;

  constructor(message: string, id?: RequestId) {
    super("invalid", message);
    this.id = id;
  }
}

const MAX_REQUEST_ID_LENGTH = 128;

const VALIDATORS = new Map(
  Object.entries(CLIENT_EVENTS).map(([event, schema]) => [event, Compile(schema)] as const),
);

/** Throws a `BadFrame` that says what is wrong. */
export function decode(text: string): ClientFrame {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    throw new BadFrame("The frame is not JSON");
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) {
    throw new BadFrame('The frame must be an object {"event": …, "payload": {…}}');
  }
  const { event, payload = {}, id } = frame as { event?: unknown; payload?: unknown; id?: unknown };
  if (id !== undefined && !isRequestId(id)) {
    throw new BadFrame(`id must be a number or a text of at most ${MAX_REQUEST_ID_LENGTH} characters`);
  }
  const validator = typeof event === "string" ? VALIDATORS.get(event) : undefined;
  if (validator === undefined) throw new BadFrame("The event is not known", id);
  if (!validator.Check(payload)) throw new BadFrame(wrongShape("payload", validator, payload), id);
  return { event, payload, id } as ClientFrame;
}

function isRequestId(id: unknown): id is RequestId {
  return (
    // JSON can say numbers that it cannot give back: 1e400.
    Number.isFinite(id) || (typeof id === "string" && id.length <= MAX_REQUEST_ID_LENGTH && id.isWellFormed())
  );
}

/** A message by the server's id in any spelling, or by the id its sender gave it. */
export function messageReference(spelling: string | number): MessageReference {
  const id = readId("message", spelling);
  if (typeof id === "number") return { id };
  if (typeof spelling === "number" || spelling === "" || spelling.length > MAX_KEY_LENGTH) {
    throw new Refusal("invalid", "message_id is not an id");
  }
  return { key: spelling };
}
