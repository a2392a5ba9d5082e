import { Refusal } from "@parlance/protocol/errors.ts";
import { textFrame } from "../../http/frames.ts";

/** What a Socket.IO client says (protocol version 5). An acknowledgement is never asked for and so left unread. */
export type Packet =
  | { readonly type: "connect"; readonly namespace: string; readonly auth: unknown }
  | { readonly type: "disconnect" }
  | {
      readonly type: "event";
      readonly name: string;
      readonly payload: unknown;
      /** The digits under which the client waits for an answer. */
      readonly ack: string | null;
    }
  | { readonly type: "ack" };

/** A packet that is none of ours: counted, unlike a refusal. */
export class BadPacket extends Refusal {
  readonly ack: string | null;
  /** Binary messages that belong to it and follow it. */
  readonly attachments: number;

  constructor(message: string, ack: string | null = null, attachments = 0) {
    super("invalid", message);
    this.ack = ack;
    this.attachments = attachments;
  }
}

/** Type, attachments, namespace, acknowledgement id; the rest is JSON. */
const HEAD = /^([0-6])(?:(\d{1,3})-)?(?:(\/[^,]*)(?:,|$))?(\d{1,16})?/;

/** Throws a `BadPacket` that says what is wrong. */
export function decode(text: string): Packet {
  const head = HEAD.exec(text);
  if (head === null) throw new BadPacket("The packet is none of Socket.IO's");
  const [{ length }, type, attachments, namespace = "/", ack = null] = head;
  if (attachments !== undefined) {
    throw new BadPacket("Binary attachments are not taken", ack, Number(attachments));
  }
  const body = length === text.length ? undefined : parse(text.slice(length), ack);
  if (type === "0") return { type: "connect", namespace, auth: body };
  if (namespace !== "/") throw new BadPacket("The namespace is not connected", ack);
  if (type === "1") return { type: "disconnect" };
  if (type === "3") return { type: "ack" };
  if (type !== "2") throw new BadPacket("A client does not send such packets", ack);
  if (!Array.isArray(body)) throw new BadPacket("An event must be a list: its name, then its payload", ack);
  const [name, payload] = body as readonly unknown[];
  if (typeof name !== "string") throw new BadPacket("The name of an event must be a text", ack);
  return { type: "event", name, payload, ack };
}

function parse(json: string, ack: string | null): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new BadPacket("The packet is not JSON", ack);
  }
}

/** An Engine.IO message (4) that is a Socket.IO event (2). */
export function eventFrame(name: string, payload: object): Buffer {
  return eventFrameOf(name, JSON.stringify(payload));
}

/** @param json the payload */
export function eventFrameOf(name: string, json: string): Buffer {
  return textFrame(`42["${name}",${json}]`);
}

export function ackFrame(ack: string, answer: object): Buffer {
  return textFrame(`43${ack}[${JSON.stringify(answer)}]`);
}

export const connectFrame = (sid: string): Buffer => textFrame(`40${JSON.stringify({ sid })}`);

export const disconnectFrame = (): Buffer => textFrame("41");

export function connectErrorFrame(namespace: string, message: string, data: object): Buffer {
  const where = namespace === "/" ? "" : `${namespace},`;
  return textFrame(`44${where}${JSON.stringify({ message, data })}`);
}
