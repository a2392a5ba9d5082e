import { CLOSE_CODES, type CloseCode } from "@parlance/protocol/close-codes.ts";
import { LostAnswer, Refusal } from "@parlance/protocol/errors.ts";
import { MAX_BAD_FRAMES, type RequestId } from "@parlance/protocol/websocket.ts";
import type { Caller } from "../../core/caller.ts";
import type { Log } from "../../core/ports/log.ts";
import { type Listening, TooManySessions } from "../../delivery/listen.ts";
import type { EndReason, Outlet } from "../../delivery/outlet.ts";
import type { Visited } from "../../http/heartbeat.ts";
import type { WebSocketEvents, WebSocketTransport } from "../../http/websocket-transport.ts";
import type { DialectParts } from "../dialect.ts";
import { codec, frame } from "./codec.ts";
import { BadFrame, type ClientFrame, decode } from "./decode.ts";
import { handle } from "./handle.ts";

export interface ConnectionLimits {
  readonly heartbeatSeconds: number;
  readonly maxFramesPerSecond: number;
}

/** A visit comes at least so often; a token's end is noticed then. */
const LONGEST_VISIT_SECONDS = 4;
export const visitSeconds = (heartbeatSeconds: number): number =>
  Math.min(heartbeatSeconds, LONGEST_VISIT_SECONDS);
/** Frames read ahead while one is being worked on; then the client waits. */
const MAX_WAITING_FRAMES = 256;
/**
 * Nothing live is told until the first frame, or so long: a `resume` that comes first is answered with what was
 * missed before anything newer.
 */
const RESUME_GRACE_MS = 500;

/**
 * One connection of the websocket dialect. Frames are taken one after another: the next is begun when the one
 * before stands in the order of its conversation, or is answered.
 */
export class Connection implements WebSocketEvents, Visited, Outlet {
  readonly parts: DialectParts;
  readonly codec = codec;
  readonly interest = null;
  readonly #transport: WebSocketTransport;
  readonly #limits: ConnectionLimits;
  readonly #log: Log;
  readonly #gone: (connection: Connection) => void;
  caller: Caller;
  listening: Listening | null = null;
  /** Messages on their way to the store, by the ids their sender gave them; null until there is one. */
  sending: Map<string, Promise<unknown>> | null = null;
  /** Frames that wait; null stands for a binary one. */
  #frames: (string | null)[] = [];
  #working = false;
  #closed = false;
  #released = false;
  #badFrames = 0;
  #silentVisits = 0;
  #second = 0;
  #framesThisSecond = 0;

  constructor(options: {
    readonly parts: DialectParts;
    readonly caller: Caller;
    readonly transport: WebSocketTransport;
    readonly limits: ConnectionLimits;
    readonly gone: (connection: Connection) => void;
  }) {
    this.parts = options.parts;
    this.caller = options.caller;
    this.#transport = options.transport;
    this.#limits = options.limits;
    this.#log = options.parts.log;
    this.#gone = options.gone;
  }

  get buffered(): number {
    return this.#transport.buffered;
  }

  write(buffers: readonly Buffer[]): void {
    this.#transport.write(buffers);
  }

  drained(): Promise<void> {
    return this.#transport.drained();
  }

  /** Begins to listen and says `ready`; frames that came before are worked on then. */
  async open(): Promise<void> {
    this.#working = true;
    try {
      this.listening = await this.parts.listen(this.caller, this);
    } catch (error) {
      const refusal = this.#refusalOf(error);
      this.#transport.write([errorFrame(refusal)]);
      if (refusal instanceof TooManySessions)
        this.#close(CLOSE_CODES.tooManySessions, "too many connections");
      else if (refusal.code === "unauthenticated")
        this.#close(CLOSE_CODES.unauthenticated, "unauthenticated");
      else this.#close(CLOSE_CODES.restart, "come back");
      return;
    }
    if (this.#closed) {
      this.listening.close();
      return;
    }
    const { session } = this.listening;
    session.push(
      frame("ready", {
        user_id: session.userId,
        epoch: this.listening.epoch(),
        position: this.listening.startPosition(),
        heartbeat_seconds: this.#limits.heartbeatSeconds,
        server_time: this.parts.now(),
      }),
    );
    setTimeout(() => this.release(), RESUME_GRACE_MS);
    this.#working = false;
    this.#work();
  }

  /** Lets live events go, once. */
  release(): void {
    if (this.#released || this.listening === null) return;
    this.#released = true;
    this.listening.session.release();
  }

  send(frames: Buffer): void {
    this.listening?.session.push(frames);
  }

  text(data: string): void {
    this.#receive(data);
  }

  binary(): void {
    this.#receive(null);
  }

  #receive(data: string | null): void {
    if (this.#closed) return;
    if (this.#isTooFast()) {
      this.#close(CLOSE_CODES.tooFast, "too many frames");
      return;
    }
    this.#frames.push(data);
    if (this.#frames.length >= MAX_WAITING_FRAMES) this.#transport.pause();
    this.#work();
  }

  alive(): void {
    this.#silentVisits = 0;
  }

  visit(): void {
    const { expiresAt } = this.caller;
    if (expiresAt !== null && expiresAt <= this.parts.now()) {
      this.end("expired");
      return;
    }
    this.#silentVisits++;
    const { heartbeatSeconds } = this.#limits;
    const visitsPerHeartbeat = Math.round(heartbeatSeconds / visitSeconds(heartbeatSeconds));
    if (this.#silentVisits > 2 * visitsPerHeartbeat) this.#transport.cut();
    else if (this.#silentVisits % visitsPerHeartbeat === 0) this.#transport.ping();
  }

  end(reason: EndReason): void {
    if (reason === "slow_consumer")
      this.#close(CLOSE_CODES.slowConsumer, "slow consumer: come back and resume");
    else if (reason === "restart") this.#close(CLOSE_CODES.restart, "restart: come back and resume");
    else {
      const why = reason === "expired" ? "The token has expired" : "The user is deactivated";
      this.#transport.write([errorFrame(new Refusal("unauthenticated", why))]);
      this.#close(CLOSE_CODES.unauthenticated, why);
    }
  }

  closed(): void {
    this.#closed = true;
    this.#frames = [];
    this.listening?.close();
    this.#gone(this);
  }

  #close(code: CloseCode, reason: string): void {
    this.#closed = true;
    this.listening?.session.writeOut();
    this.#transport.close(code, reason);
  }

  #isTooFast(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#framesThisSecond = 0;
    }
    return ++this.#framesThisSecond > this.#limits.maxFramesPerSecond;
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    void this.#workThrough();
  }

  async #workThrough(): Promise<void> {
    for (let data = this.#frames.shift(); data !== undefined; data = this.#frames.shift()) {
      if (this.#closed) break;
      if (this.#frames.length === MAX_WAITING_FRAMES >> 1) this.#transport.resume();
      await this.#take(data);
    }
    this.#working = false;
  }

  /** Resolves when the next frame may be begun. */
  async #take(data: string | null): Promise<void> {
    let request: ClientFrame;
    try {
      if (data === null) throw new BadFrame("Binary frames are not taken");
      request = decode(data);
    } catch (error) {
      this.release();
      this.#bad(error as BadFrame);
      return;
    }
    this.#badFrames = 0;
    if (request.event !== "resume") this.release();
    await new Promise<void>((resolve) => {
      handle(this, request, resolve).then(resolve, (error: unknown) => {
        if (!(error instanceof LostAnswer)) {
          const messageId = request.event === "message.send" ? request.payload.message_id : undefined;
          this.send(errorFrame(this.#refusalOf(error), request.id, messageId));
        }
        resolve();
      });
    });
    if (request.event === "resume") this.release();
  }

  #bad(bad: BadFrame): void {
    if (this.#closed) return;
    this.send(errorFrame(bad, bad.id));
    if (++this.#badFrames >= MAX_BAD_FRAMES) this.#close(CLOSE_CODES.policy, "too many bad frames");
  }

  #refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    this.#log.error({ error }, "a frame could not be worked on");
    return new Refusal("internal", "Something went wrong here");
  }
}

/** @param messageId the sender's own id of the message that was refused */
export function errorFrame(refusal: Refusal, id?: RequestId, messageId?: string): Buffer {
  return frame(
    "error",
    {
      code: refusal.code,
      message: refusal.message,
      ...(id !== undefined && { id }),
      ...(messageId !== undefined && { message_id: messageId }),
      ...(refusal.retryAfter !== undefined && { retry_after: refusal.retryAfter }),
    },
    id,
  );
}
