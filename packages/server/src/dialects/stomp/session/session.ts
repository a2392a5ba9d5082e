import { randomUUID } from "node:crypto";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Log } from "../../../core/ports/log.ts";
import type { EndReason } from "../../../delivery/outlet.ts";
import type { Visited } from "../../../http/heartbeat.ts";
import type { WebSocketCloseCode } from "../../../http/websocket-transport.ts";
import { encodeConnected, encodeFrame, type HeaderList } from "../frames/encode.ts";
import { type Frame, FrameParser } from "../frames/parser.ts";
import type { StompVersion } from "../frames/version.ts";
import { type ByteTransport, type Spelling, spell, type TransportEvents } from "../transport.ts";
import type { StompApplication, StompClient } from "./application.ts";
import { takeFrame } from "./commands.ts";
import { closeCodeOf, GOODBYES } from "./goodbyes.ts";
import { type HeartBeats, Pulse } from "./heart-beats.ts";
import { type SessionLimits, visitMs } from "./limits.ts";
import { frameRecord, framesOf } from "./records.ts";
import { type Subscription, Subscriptions } from "./subscriptions.ts";

export interface SessionParts {
  readonly transport: ByteTransport;
  readonly application: StompApplication;
  readonly limits: SessionLimits;
  readonly log: Log;
  /** Epoch milliseconds: identities end by this clock. */
  readonly now: () => number;
  readonly gone: (session: StompSession) => void;
}

/** Bytes read ahead while a frame is being worked on; then the client waits. */
const MAX_READ_AHEAD_BYTES = 64 * 1024;
/** CONNECT has no body: of somebody of whom nothing is known yet no more is kept. */
const MAX_BODY_BEFORE_CONNECT = 1_024;
const HEART_BEAT: Readonly<Record<Spelling, Buffer>> = {
  plain: Buffer.from(spell("plain", "\n")),
  json: Buffer.from(spell("json", "\n")),
};

/**
 * The STOMP side of one connection. Frames are taken one after another: the next is begun when the one before is
 * done, or stands in the order of its conversation. To be visited every `visitMs(limits)`.
 */
export class StompSession implements TransportEvents, Visited {
  /** What CONNECTED says as `session`. */
  readonly id = randomUUID();
  readonly application: StompApplication;
  readonly limits: SessionLimits;
  readonly subscriptions = new Subscriptions();
  /** Null until CONNECT was accepted. */
  client: StompClient | null = null;
  /** Frames that were accepted and whose storing is not settled. */
  readonly underWay = new Set<Promise<void>>();
  readonly #transport: ByteTransport;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #gone: (session: StompSession) => void;
  readonly #parser: FrameParser;
  readonly #pulse: Pulse;
  readonly #openedAt = performance.now();
  #working = false;
  #paused = false;
  #ended = false;
  #closed = false;
  /** When a frame was begun that has not ended; null between frames. */
  #insideSince: number | null = null;
  #second = 0;
  #messagesThisSecond = 0;
  #framesThisSecond = 0;

  constructor({ transport, application, limits, log, now, gone }: SessionParts) {
    this.application = application;
    this.limits = limits;
    this.#transport = transport;
    this.#log = log;
    this.#now = now;
    this.#gone = gone;
    this.#parser = new FrameParser(limits);
    this.#parser.maxBodyBytes = MAX_BODY_BEFORE_CONNECT;
    this.#pulse = new Pulse(visitMs(limits), limits.pingMs, this.#openedAt);
  }

  /** What was agreed on; 1.2 before. */
  get version(): StompVersion {
    return this.#parser.version;
  }

  get spelling(): Spelling {
    return this.#transport.spelling;
  }

  get ended(): boolean {
    return this.#ended;
  }

  received(data: Buffer): void {
    this.alive();
    if (this.#ended) return;
    this.#newSecond();
    if (++this.#messagesThisSecond > this.limits.maxFramesPerSecond) {
      this.#failTooFast();
      return;
    }
    this.#parser.add(data);
    if (!this.#working) {
      this.#working = true;
      void this.#workThrough();
    } else if (!this.#paused && this.#parser.waiting > MAX_READ_AHEAD_BYTES) {
      this.#paused = true;
      this.#transport.pause();
    }
  }

  alive(): void {
    this.#pulse.heard(performance.now());
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    this.client?.gone();
    this.#gone(this);
  }

  visit(): void {
    if (this.#ended) return;
    const now = performance.now();
    const { connectMs, frameMs } = this.limits;
    if (this.client === null && now - this.#openedAt > connectMs) {
      this.fail(new Refusal("unauthenticated", "CONNECT did not come in time"));
    } else if (this.client?.expiresAt != null && this.client.expiresAt <= this.#now()) {
      this.end("expired");
    } else if (this.#insideSince !== null && now - this.#insideSince > frameMs) {
      this.fail(new Refusal("invalid", "The frame did not end in time, is its content-length right?"));
    } else {
      this.#beat(now);
    }
  }

  #beat(now: number): void {
    const due = this.#pulse.visit(now);
    if (due === "silent") this.fail(new Refusal("invalid", "No heart-beat came"));
    else if (due === "beat") this.#write([[HEART_BEAT[this.spelling]]]);
    else if (due === "ping" && !this.#transport.ping()) this.alive();
  }

  /**
   * Writes records to the connection, in one write: what `FrameQueue` was given ends here.
   * @param only the one subscription they are for
   */
  write(records: readonly Buffer[], only?: Subscription): void {
    if (this.#ended) return;
    const { subscriptions } = this;
    this.#write(
      framesOf(records, (topic) =>
        only === undefined ? subscriptions.headsOf(topic) : subscriptions.headsOfOne(only, topic),
      ),
    );
    // Where messages come through delivery it has closed long before.
    if (this.buffered > 2 * this.limits.maxSendQueueBytes) this.end("slow_consumer");
  }

  get buffered(): number {
    return this.#transport.buffered;
  }

  drained(): Promise<void> {
    return this.#transport.drained();
  }

  /** Ends the connection with an ERROR that says why. */
  end(reason: EndReason): void {
    const { code, message } = GOODBYES[reason];
    this.#endWith(code, message, []);
  }

  /** Ends the connection: the client broke the protocol, or may not connect. */
  fail(refusal: Refusal, more: HeaderList = []): void {
    this.#endWith(closeCodeOf(refusal), refusal.message, more);
  }

  /** Ends it as the client has asked. */
  goodbye(): void {
    this.#close(1000, "goodbye");
  }

  connected(client: StompClient, version: StompVersion, beats: HeartBeats): void {
    this.client = client;
    this.#parser.version = version;
    this.#parser.maxBodyBytes = this.limits.maxBodyBytes;
    this.#pulse.agree(beats);
    const { heartBeatMs } = this.limits;
    const heartBeat: HeaderList = version === "1.0" ? [] : [["heart-beat", `${heartBeatMs},${heartBeatMs}`]];
    this.#send(
      encodeConnected([
        ["version", version],
        ...heartBeat,
        ["session", this.id],
        ["user-name", client.name],
        ...client.greeting,
      ]),
    );
  }

  receipt(frame: Frame): void {
    const id = frame.headers.get("receipt");
    if (id !== undefined) this.#send(encodeFrame(this.version, "RECEIPT", [["receipt-id", id]]));
  }

  /** What a frame's work has thrown, as a refusal; what was not foreseen is logged and told as `internal`. */
  refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.#log.error({ error }, "a frame could not be worked on");
    return new Refusal("internal", "Something went wrong here");
  }

  async #workThrough(): Promise<void> {
    while (!this.#ended) {
      let frame: Frame | null;
      try {
        frame = this.#parser.next();
      } catch (error) {
        this.fail(this.refusalOf(error));
        break;
      }
      if (frame === null) break;
      this.#insideSince = null;
      if (++this.#framesThisSecond > this.limits.maxFramesPerSecond) {
        this.#failTooFast();
        break;
      }
      await takeFrame(this, frame);
      if (this.#paused && this.#parser.waiting <= MAX_READ_AHEAD_BYTES / 2) this.#resume();
    }
    this.#working = false;
    if (this.#paused) this.#resume();
    if (!this.#parser.isInside) this.#insideSince = null;
    else this.#insideSince ??= performance.now();
  }

  #resume(): void {
    this.#paused = false;
    this.#transport.resume();
  }

  #newSecond(): void {
    const second = Math.floor(performance.now() / 1_000);
    if (second === this.#second) return;
    this.#second = second;
    this.#messagesThisSecond = 0;
    this.#framesThisSecond = 0;
  }

  #failTooFast(): void {
    this.fail(new Refusal("rate_limited", "The frames come too fast"));
  }

  #send(frame: string): void {
    if (this.#ended) return;
    const record = frameRecord(this.#spell(frame));
    const queue = this.client?.queue ?? null;
    if (queue === null) this.write([record]);
    else queue.push(record);
  }

  #spell(text: string): Buffer {
    return Buffer.from(spell(this.spelling, text));
  }

  #write(frames: ReturnType<typeof framesOf>): void {
    if (this.#closed || frames.length === 0) return;
    this.#pulse.wrote(performance.now());
    this.#transport.write(frames);
  }

  #endWith(code: WebSocketCloseCode, message: string, more: HeaderList): void {
    if (this.#ended) return;
    this.client?.queue?.writeOut();
    const headers: HeaderList = [["message", message], ["content-type", "text/plain"], ...more];
    this.#write([[this.#spell(encodeFrame(this.version, "ERROR", headers, `${message}\n`))]]);
    this.#close(code, message);
  }

  #close(code: WebSocketCloseCode, reason: string): void {
    if (this.#ended) return;
    this.client?.queue?.writeOut();
    this.#ended = true;
    this.#transport.close(code, reason);
  }
}
