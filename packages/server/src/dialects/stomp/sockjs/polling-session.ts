import type { Visited } from "../../../http/heartbeat.ts";
import type { WebSocketCloseCode } from "../../../http/websocket-transport.ts";
import type { ByteTransport, OutFrame, TransportEvents } from "../transport.ts";
import { ANOTHER_CONNECTION, arrayFrame, closeFrame, HEARTBEAT, INTERRUPTED, OPEN } from "./framing.ts";
import type { Receiver } from "./receiver.ts";

export interface SessionTimes {
  /** Between heart-beats of a connection on which nothing else is said. */
  readonly heartbeatMs: number;
  /** A session that nothing receives from for so long is over. */
  readonly disconnectMs: number;
  /** How often it is visited. */
  readonly visitMs: number;
}

const LOW_WATER_BYTES = 256 * 1024;
/** What is left of a response when it has ended must be read within this; sooner where the session has ended too. */
const LAST_BYTES_MS = 30_000;
/** Clients send in one request at a time. */
const MAX_SENDERS = 4;

/**
 * A connection made of HTTP requests: at most one of them receives at a time, others bring what the client sends.
 * What is written while none receives waits. When it has ended, whoever asks is told why until it is forgotten.
 */
export class PollingSession implements ByteTransport, Visited {
  readonly spelling = "json";
  readonly #times: SessionTimes;
  readonly #forget: (session: PollingSession) => void;
  #events: TransportEvents | null = null;
  #receiver: Receiver | null = null;
  /** A response that has ended and whose last bytes are on their way. */
  #leaving: Receiver | null = null;
  /** When the last response ended. */
  #leftAt = performance.now();
  #wroteAt = performance.now();
  #visitedAt = performance.now();
  #waiting: OutFrame[] = [];
  #waitingBytes = 0;
  /** Why it has ended; null while it lives. */
  #goodbye: Buffer | null = null;
  #isOpen = false;
  #paused = false;
  /** Requests that bring something. */
  #senders = 0;
  /** Those who wait for something here to change. */
  #sleepers: (() => void)[] = [];

  constructor(times: SessionTimes, forget: (session: PollingSession) => void) {
    this.#times = times;
    this.#forget = forget;
  }

  /** Whom it carries bytes for; once, before the first response. */
  belongTo(events: TransportEvents): void {
    this.#events = events;
    if (this.#goodbye !== null) events.closed();
  }

  get hasEnded(): boolean {
    return this.#goodbye !== null;
  }

  get buffered(): number {
    return this.#waitingBytes + (this.#receiver?.buffered ?? 0) + (this.#leaving?.buffered ?? 0);
  }

  write(frames: readonly OutFrame[]): void {
    if (this.#goodbye !== null) return;
    this.#waiting.push(...frames);
    for (const frame of frames) for (const part of frame) this.#waitingBytes += part.length;
    this.#flush();
  }

  async drained(): Promise<void> {
    while (this.buffered > LOW_WATER_BYTES && this.#goodbye === null) await this.#change();
  }

  ping(): boolean {
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  close(code: WebSocketCloseCode, reason: string): void {
    this.#end(closeFrame(code, reason));
    this.#flush();
  }

  cut(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#receiver?.destroy();
    this.#end(INTERRUPTED);
  }

  /** Takes a response to send in; a second one beside a first is told so and ended. */
  attach(receiver: Receiver): void {
    this.#events?.alive();
    if (this.#receiver !== null) {
      if (receiver.send([ANOTHER_CONNECTION])) receiver.end();
      return;
    }
    this.#receiver = receiver;
    receiver.listen({
      drained: () => this.#wake(),
      finished: (whole) => this.#finished(receiver, whole),
    });
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#send([OPEN]);
    }
    this.#flush();
  }

  /**
   * What the client sends; resolves when it may send more. False where too much of it waits already, in requests
   * beside one another.
   */
  async receive(messages: readonly string[]): Promise<boolean> {
    if (this.#senders >= MAX_SENDERS) return false;
    this.#senders++;
    await this.#resumed();
    for (const message of messages) this.#events?.received(Buffer.from(message));
    await this.#resumed();
    this.#senders--;
    return true;
  }

  async #resumed(): Promise<void> {
    while (this.#paused && this.#goodbye === null) await this.#change();
  }

  visit(): void {
    const now = performance.now();
    const { heartbeatMs, disconnectMs, visitMs } = this.#times;
    // A process that stood still has not heard who came meanwhile.
    const late = now - this.#visitedAt - visitMs;
    this.#visitedAt = now;
    if (late > visitMs) this.#leftAt += late;
    if (this.#receiver !== null) {
      if (now - this.#wroteAt + visitMs > heartbeatMs) this.#send([HEARTBEAT]);
      return;
    }
    if (this.#leaving !== null) {
      const patience = this.#goodbye === null ? LAST_BYTES_MS : disconnectMs;
      if (now - this.#leftAt > patience) this.#leaving.destroy();
      return;
    }
    if (now - this.#leftAt + visitMs > disconnectMs) this.#expire();
  }

  #expire(): void {
    this.#end(INTERRUPTED);
    this.#forget(this);
  }

  #flush(): void {
    if (this.#receiver === null) return;
    if (this.#waiting.length > 0) {
      const frames = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#send(arrayFrame(frames));
      this.#wake();
    }
    if (this.#goodbye !== null && this.#receiver !== null) {
      const receiver = this.#receiver;
      this.#send([this.#goodbye]);
      if (this.#receiver === receiver) {
        receiver.end();
        this.#leave();
      }
    }
  }

  #send(parts: readonly Buffer[]): void {
    this.#wroteAt = performance.now();
    if (this.#receiver?.send(parts) === false) this.#leave();
  }

  #leave(): void {
    this.#leaving = this.#receiver;
    this.#receiver = null;
    this.#leftAt = performance.now();
  }

  #finished(receiver: Receiver, whole: boolean): void {
    if (this.#receiver === receiver) this.#leave();
    if (this.#leaving === receiver) {
      this.#leaving = null;
      this.#leftAt = performance.now();
    }
    // What was in it may be lost: there is no going on, only coming back.
    if (!whole) {
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#end(INTERRUPTED);
    }
    this.#wake();
  }

  #end(goodbye: Buffer): void {
    if (this.#goodbye !== null) return;
    this.#goodbye = goodbye;
    this.#wake();
    this.#events?.closed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#sleepers.push(resolve));
  }

  #wake(): void {
    const sleepers = this.#sleepers;
    this.#sleepers = [];
    for (const wake of sleepers) wake();
  }
}
