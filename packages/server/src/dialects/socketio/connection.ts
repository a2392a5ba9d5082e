import { randomBytes } from "node:crypto";
import { CLOSE_CODES, type CloseCode } from "@parlance/protocol/close-codes.ts";
import { type ErrorCode, LostAnswer, RETRYABLE, Refusal } from "@parlance/protocol/errors.ts";
import { MAX_KEY_LENGTH } from "@parlance/protocol/model.ts";
import type { Caller } from "../../core/caller.ts";
import { type Listening, TooManySessions } from "../../delivery/listen.ts";
import type { Codec, EndReason, Interest, Outlet } from "../../delivery/outlet.ts";
import type { Visited } from "../../http/heartbeat.ts";
import type { DialectParts } from "../dialect.ts";
import { codec, codecWithoutPosition } from "./codec.ts";
import { Fields } from "./fields.ts";
import { handlerOf } from "./handle.ts";
import { type Handshake, handshakeOf, identify } from "./handshake.ts";
import { Joined } from "./joined.ts";
import type { Link, LinkEvents } from "./link.ts";
import {
  ackFrame,
  BadPacket,
  connectErrorFrame,
  connectFrame,
  decode,
  disconnectFrame,
  eventFrame,
  type Packet,
} from "./packet.ts";
import { resume } from "./resume.ts";

export interface ConnectionLimits {
  readonly maxFramesPerSecond: number;
}

type Connect = Extract<Packet, { type: "connect" }>;
type ClientEvent = Extract<Packet, { type: "event" }>;

/** A visit comes so often: a token's end is noticed then, and who has not connected. */
export const VISIT_SECONDS = 4;
/** So many visits is who opened a link given to connect over it. */
const PATIENT_VISITS = 3;
/** Packets read ahead while one is being worked on; then the client waits, or, where it cannot be made to, goes. */
const MAX_WAITING_PACKETS = 256;
const MAX_WAITING_POSTED = 10_000;
const MAX_BAD_PACKETS = 10;
const SID_BYTES = 15;

/**
 * One Socket.IO socket, over one link. Events are taken one after another: the next is begun when the one before
 * stands in the order of its conversation, or is answered.
 */
export class Connection implements LinkEvents, Visited, Outlet {
  readonly parts: DialectParts;
  readonly #link: Link;
  readonly #limits: ConnectionLimits;
  readonly #gone: (connection: Connection) => void;
  caller: Caller | null = null;
  hasToken = false;
  joined = new Joined("", false);
  codec: Codec = codecWithoutPosition;
  listening: Listening | null = null;
  /** Null from the moment somebody is identified by it. */
  #handshake: Handshake | null;
  #packets: string[] = [];
  #working = false;
  #closed = false;
  #released = false;
  #badPackets = 0;
  /** Binary messages still to come that belong to a packet that was refused. */
  #attachments = 0;
  #visits = 0;
  #second = 0;
  #packetsThisSecond = 0;

  constructor(options: {
    readonly parts: DialectParts;
    readonly link: Link;
    readonly limits: ConnectionLimits;
    readonly gone: (connection: Connection) => void;
  }) {
    this.parts = options.parts;
    this.#link = options.link;
    this.#limits = options.limits;
    this.#gone = options.gone;
    this.#handshake = handshakeOf(options.link.takeRequest());
    options.link.listen(this);
  }

  get interest(): Interest | null {
    return this.joined.isEverything ? null : this.joined;
  }

  get buffered(): number {
    return this.#link.buffered;
  }

  write(buffers: readonly Buffer[]): void {
    this.#link.write(buffers);
  }

  drained(): Promise<void> {
    return this.#link.drained();
  }

  send(frames: Buffer): void {
    this.listening?.session.push(frames);
  }

  /** Lets live events go, once. */
  release(): void {
    if (this.#released || this.listening === null) return;
    this.#released = true;
    this.listening.session.release();
  }

  text(data: string): void {
    if (this.#closed) return;
    if (this.#isTooFast() || this.#packets.length >= MAX_WAITING_POSTED) {
      this.send(errorFrame("error", new Refusal("rate_limited", "Too many packets", 1)));
      this.#close(CLOSE_CODES.tooFast, "too many packets");
      return;
    }
    this.#packets.push(data);
    if (this.#packets.length >= MAX_WAITING_PACKETS) this.#link.pause();
    if (!this.#working) {
      this.#working = true;
      void this.#workThrough();
    }
  }

  binary(): void {
    if (this.#closed) return;
    if (this.#attachments > 0) this.#attachments--;
    else this.#bad(new BadPacket("Binary messages are not taken"));
  }

  visit(): void {
    if (this.caller === null) {
      if (++this.#visits > PATIENT_VISITS) this.#close(CLOSE_CODES.policy, "not connected");
      return;
    }
    const { expiresAt } = this.caller;
    if (expiresAt !== null && expiresAt <= this.parts.now()) this.end("expired");
  }

  end(reason: EndReason): void {
    if (reason === "slow_consumer") {
      this.#close(CLOSE_CODES.slowConsumer, "slow consumer: come back and resume");
    } else if (reason === "restart") {
      this.#close(CLOSE_CODES.restart, "restart: come back and resume");
    } else {
      // Told that it was disconnected on purpose, a client does not come back by itself, with the same token.
      const why = reason === "expired" ? "The token has expired" : "The user is deactivated";
      const refusal = new Refusal("unauthenticated", why);
      this.#link.write([errorFrame("error", refusal), disconnectFrame()]);
      this.#close(CLOSE_CODES.unauthenticated, why);
    }
  }

  closed(): void {
    this.#closed = true;
    this.#packets = [];
    this.listening?.close();
    this.#gone(this);
  }

  #close(code: CloseCode, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.listening?.session.writeOut();
    this.#link.close(code, reason);
  }

  #isTooFast(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#packetsThisSecond = 0;
    }
    return ++this.#packetsThisSecond > this.#limits.maxFramesPerSecond;
  }

  async #workThrough(): Promise<void> {
    for (let data = this.#packets.shift(); data !== undefined; data = this.#packets.shift()) {
      if (this.#closed) break;
      if (this.#packets.length === MAX_WAITING_PACKETS >> 1) this.#link.resume();
      await this.#take(data);
    }
    this.#working = false;
  }

  /** Resolves when the next packet may be begun. */
  async #take(data: string): Promise<void> {
    let packet: Packet;
    try {
      packet = decode(data);
    } catch (error) {
      this.#bad(error as BadPacket);
      return;
    }
    if (packet.type === "connect") await this.#connect(packet);
    else if (this.listening === null) this.#close(CLOSE_CODES.policy, "not connected");
    else if (packet.type === "disconnect") this.#close(CLOSE_CODES.restart, "disconnected");
    else if (packet.type === "event") await this.#perform(packet);
  }

  /** Begins to listen and says so; a position that comes with it is resumed from before anything live is told. */
  async #connect({ namespace, auth }: Connect): Promise<void> {
    if (namespace !== "/" || this.#handshake === null) {
      this.#refuseConnect(namespace, "Invalid namespace", "invalid");
      return;
    }
    try {
      const { caller, hasToken, position, autojoin } = await identify(
        this.parts.identity,
        this.#handshake,
        auth,
      );
      this.caller = caller;
      this.hasToken = hasToken;
      this.joined = new Joined(caller.userId as string, autojoin);
      this.codec = autojoin ? codec : codecWithoutPosition;
      const listening = await this.parts.listen(caller, this);
      if (this.#closed) {
        listening.close();
        return;
      }
      this.listening = listening;
      this.#handshake = null;
      const start = listening.startPosition();
      this.send(connectFrame(randomBytes(SID_BYTES).toString("base64url")));
      if (position !== null) await resume(this, position);
      else if (autojoin) this.send(eventFrame("position", { position: start }));
      this.release();
    } catch (error) {
      this.caller = null;
      this.#notConnected(this.#refusalOf(error));
    }
  }

  /** Where trying again helps the link is closed: clients then do so by themselves, and after a refusal they do not. */
  #notConnected(refusal: Refusal): void {
    if (this.listening !== null || (RETRYABLE[refusal.code] && !(refusal instanceof TooManySessions))) {
      this.#close(CLOSE_CODES.restart, "come back");
      return;
    }
    this.#refuseConnect("/", refusal.message, refusal.code);
  }

  #refuseConnect(namespace: string, message: string, code: ErrorCode): void {
    const frame = connectErrorFrame(namespace, message, { code });
    if (this.listening === null) this.#link.write([frame]);
    else this.send(frame);
    this.#count();
  }

  async #perform({ name, payload, ack }: ClientEvent): Promise<void> {
    const handler = handlerOf(name);
    if (handler === undefined) {
      this.#bad(new BadPacket("The event is not known", ack));
      return;
    }
    this.#badPackets = 0;
    await new Promise<void>((resolve) => {
      const answered = (answer: object): void => {
        if (ack !== null) this.send(ackFrame(ack, answer));
        resolve();
      };
      this.#begin(handler, payload, resolve).then(
        (data) => answered({ success: true, data }),
        (error: unknown) => {
          if (error instanceof LostAnswer) {
            resolve();
            return;
          }
          const refusal = this.#refusalOf(error);
          this.send(errorFrame(name === "send_message" ? "message_error" : "error", refusal, payload));
          answered({ success: false, ...errorShape(refusal) });
        },
      );
    });
  }

  async #begin(
    handler: NonNullable<ReturnType<typeof handlerOf>>,
    payload: unknown,
    accepted: () => void,
  ): Promise<object> {
    return await handler(this, new Fields(payload), accepted);
  }

  #bad(bad: BadPacket): void {
    if (this.#closed) return;
    this.#attachments += bad.attachments;
    if (this.listening !== null) {
      this.send(errorFrame("error", bad));
      if (bad.ack !== null) this.send(ackFrame(bad.ack, { success: false, ...errorShape(bad) }));
      this.#count();
    } else {
      this.#close(CLOSE_CODES.policy, "not connected");
    }
  }

  #count(): void {
    if (++this.#badPackets >= MAX_BAD_PACKETS) this.#close(CLOSE_CODES.policy, "too many bad packets");
  }

  #refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.parts.log.error({ error }, "a packet could not be worked on");
    return new Refusal("internal", "Something went wrong here");
  }
}

function errorShape({ code, message, retryAfter }: Refusal) {
  return { error: message, code, ...(retryAfter !== undefined && { retry_after: retryAfter }) };
}

/** @param payload that of the event it is about: its client finds its message again by the `client_id` in it */
function errorFrame(event: "error" | "message_error", refusal: Refusal, payload?: unknown): Buffer {
  const given = typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>) : {};
  const clientId = given.client_id ?? given.clientId;
  const isShort =
    (typeof clientId === "string" && clientId.length <= MAX_KEY_LENGTH) || Number.isFinite(clientId);
  return eventFrame(event, { ...errorShape(refusal), ...(isShort && { client_id: clientId }) });
}
