import type { CloseCode } from "@parlance/protocol/close-codes.ts";
import type {
  ClientEventName,
  ClientPayload,
  RequestId,
  ServerEventName,
  ServerEvents,
} from "@parlance/protocol/websocket.ts";
import { backoff } from "./backoff.ts";
import { asClientError, ClientError, isPassing } from "./errors.ts";
import { type MachineEvent, next } from "./machine.ts";
import type { ConnectionStatus } from "./model.ts";
import type { TokenSource } from "./token.ts";

/** What becomes of a connection that the server has closed with such a code; after any other it is `dropped`. */
const AFTER: Readonly<Partial<Record<CloseCode, MachineEvent>>> = {
  1008: "rejected",
  1009: "rejected",
  4001: "refused",
  4009: "rejected",
};
const TOO_FAST: CloseCode = 4029;
const UNAUTHENTICATED: CloseCode = 4001;
const TOO_FAST_WAIT_MS = 2_000;

const READY_MS = 15_000;
const ANSWER_MS = 10_000;
/** Live for so long, a connection counts as good: the next loss begins with short waits again. */
const GOOD_AFTER_MS = 10_000;
const RENEW_AGAIN_MS = 30_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Somebody looks at the screen and waits. */
const WAKE_MS = 4_000;
const PING = '{"event":"ping","payload":{}}';

/** Request ids of our own begin at 1. */
const RESUME_ID = 0;

export interface LostReason {
  readonly code: number;
  readonly message: string;
}

export interface ConnectionParts {
  /** `ws://…/ws`. */
  readonly url: string;
  readonly tokens: TokenSource;
  /** Milliseconds before the nth attempt. */
  readonly retryDelay?: (attempt: number) => number;
  /** Milliseconds that an answer may take. */
  readonly answerMs?: number;
  /** A frame, an answer too. */
  readonly heard: (event: ServerEventName, payload: ServerEvents[ServerEventName]) => void;
  readonly changed: () => void;
  readonly entered: (status: ConnectionStatus) => void;
}

interface Pending {
  readonly resolve: (payload: unknown) => void;
  readonly reject: (error: ClientError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

type Answers = {
  "message.send": ServerEvents["message.ack"];
  "conversation.open": ServerEvents["conversation.opened"];
};
type Answer<N> = N extends keyof Answers ? Answers[N] : ServerEvents["ok"];

/** One connection that comes back by itself, as SPEC.md says. */
export class LiveConnection {
  readonly #parts: ConnectionParts;
  readonly #pending = new Map<RequestId, Pending>();
  #status: ConnectionStatus = "idle";
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #goodTimer: ReturnType<typeof setTimeout> | undefined;
  #renewTimer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #lastId = 0;
  #heardSince = true;
  #token = "";
  #refused: string | undefined;
  /** How often the server did not know who this is, since it last did. */
  #refusals = 0;
  #lastCode = 0;
  #heartbeatMs = 0;
  /** Where to resume from: what was told so far. */
  position: string | null = null;
  retryAt: number | null = null;
  reason: LostReason | null = null;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Something happened; what follows from it is in the table. */
  happen(event: MachineEvent): void {
    const before = this.#status;
    const status = next(before, event);
    if (status === before) return;
    this.#status = status;
    clearTimeout(this.#timer);
    this.retryAt = null;
    if (status !== "live") {
      clearTimeout(this.#goodTimer);
      clearTimeout(this.#renewTimer);
    }
    if (status === "idle" || status === "waiting" || status === "ended" || status === "authorizing")
      this.#letGo();
    if (event === "start" || event === "online") this.#attempt = 0;
    if (event === "offline") this.#lost(0, "Offline");
    this.#enter(status);
    this.#parts.entered(status);
    this.#parts.changed();
  }

  /** Resolves with the answer; rejects with a `ClientError`, at once where there is no connection. */
  request<N extends Exclude<ClientEventName, "typing" | "resume">>(
    event: N,
    payload: ClientPayload<N>,
  ): Promise<Answer<N>> {
    const socket = this.#socket;
    if (this.#status !== "live" || socket === null) return Promise.reject(disconnected());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new ClientError("timeout", "No answer came"));
      }, this.#parts.answerMs ?? ANSWER_MS);
      this.#pending.set(id, { resolve: resolve as (payload: unknown) => void, reject, timer });
      socket.send(JSON.stringify({ event, id, payload }));
    });
  }

  /** The device was asleep, or is in another network: what was true of the connection may not be any more. */
  wake(): void {
    if (this.#status === "live") this.#ask(WAKE_MS);
    else this.happen("online");
  }

  /** Lost where there is no connection. */
  typing(payload: ClientPayload<"typing">): void {
    if (this.#status === "live") this.#socket?.send(JSON.stringify({ event: "typing", payload }));
  }

  #enter(status: ConnectionStatus): void {
    if (status === "authorizing") void this.#authorize();
    else if (status === "connecting") this.#open();
    else if (status === "resuming") {
      this.#watch();
      const frame = { event: "resume", id: RESUME_ID, payload: { position: this.position } };
      this.#socket?.send(JSON.stringify(frame));
    } else if (status === "live") {
      this.#watch();
      this.reason = null;
      this.#refusals = 0;
      this.#goodTimer = setTimeout(() => {
        this.#attempt = 0;
      }, GOOD_AFTER_MS);
      this.#renewLater(this.#parts.tokens.renewInMs);
    } else if (status === "waiting") {
      const floor = this.#lastCode === TOO_FAST ? TOO_FAST_WAIT_MS : 0;
      const waitMs = Math.max(floor, (this.#parts.retryDelay ?? backoff)(++this.#attempt));
      this.retryAt = Date.now() + waitMs;
      this.#timer = setTimeout(() => this.happen("due"), waitMs);
    }
  }

  async #authorize(): Promise<void> {
    const { tokens } = this.#parts;
    try {
      this.#token = this.#refused === undefined ? await tokens.get() : await tokens.renew(this.#refused);
      this.#refused = undefined;
      this.happen("token");
    } catch (error) {
      const { code, message } = asClientError(error);
      this.#lost(0, message);
      this.happen(code === "unauthenticated" ? "rejected" : "no-token");
    }
  }

  #open(): void {
    const url = new URL(this.#parts.url);
    url.searchParams.set("token", this.#token);
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#drop("Silence"), READY_MS);
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#receive(String(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#lost(code, reason);
      if (code === UNAUTHENTICATED) this.#refused = this.#token;
      const isAgain = code === UNAUTHENTICATED && ++this.#refusals > 1;
      this.happen(isAgain ? "rejected" : (AFTER[code as CloseCode] ?? "dropped"));
    });
  }

  #receive(text: string): void {
    this.#heardSince = true;
    const frame = readFrame(text);
    if (frame === null) {
      this.#drop("That is no frame");
      return;
    }
    const { event, id, payload } = frame;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending !== undefined) this.#settle(id as RequestId, pending, event, payload);
    this.#parts.heard(event, payload);
    if (event === "ready") this.#ready(payload as ServerEvents["ready"]);
    else if (event === "resumed") this.#resumed((payload as ServerEvents["resumed"]).position);
    else if (event === "error" && id === RESUME_ID) this.#cannotResume(payload as ServerEvents["error"]);
    else if (event === "position" && this.#status === "live") {
      this.position = (payload as ServerEvents["position"]).position;
    }
  }

  #ready({ position, heartbeat_seconds }: ServerEvents["ready"]): void {
    this.#heartbeatMs = heartbeat_seconds * 1_000;
    if (this.position !== null) {
      this.happen("resumable");
      return;
    }
    this.position = position;
    this.happen("fresh");
    // The first frame lets live events go.
    this.#socket?.send(PING);
  }

  #resumed(position: string): void {
    if (this.#status !== "resuming") return;
    this.position = position;
    this.happen("resumed");
  }

  #cannotResume({ code, message }: ServerEvents["error"]): void {
    if (code !== "invalid") {
      this.#drop(message);
      return;
    }
    this.position = null;
    this.#parts.heard("reset", { reason: "invalid_position" });
    this.happen("reset");
  }

  #settle(id: RequestId, pending: Pending, event: ServerEventName, payload: unknown): void {
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (event !== "error") pending.resolve(payload);
    else {
      const { code, message, retry_after } = payload as ServerEvents["error"];
      pending.reject(new ClientError(code as ClientError["code"], message, retry_after));
    }
  }

  /** A network that has gone away says nothing: ask after one silent heartbeat, give up after two. */
  #watch(asked = false, forMs = this.#heartbeatMs): void {
    this.#heardSince = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#heardSince) this.#watch();
      else if (asked) this.#drop("Silence");
      else this.#ask(this.#heartbeatMs);
    }, forMs);
  }

  #ask(forMs: number): void {
    this.#socket?.send(PING);
    this.#watch(true, forMs);
  }

  #renewLater(inMs: number): void {
    if (inMs === Number.POSITIVE_INFINITY) return;
    this.#renewTimer = setTimeout(
      () => void this.#renew(),
      Math.min(Math.max(inMs, 1_000), LONGEST_TIMER_MS),
    );
  }

  async #renew(): Promise<void> {
    const { tokens } = this.#parts;
    try {
      if (tokens.renewInMs <= 0) this.#token = await tokens.renew(this.#token);
      await this.request("auth", { token: this.#token });
      this.#renewLater(tokens.renewInMs);
    } catch (error) {
      // Otherwise the connection goes on until the server ends it.
      if (isPassing(asClientError(error))) this.#renewLater(RENEW_AGAIN_MS);
    }
  }

  #drop(message: string): void {
    this.#lost(1006, message);
    this.happen("dropped");
  }

  #lost(code: number, message: string): void {
    this.#lastCode = code;
    this.reason = { code, message };
  }

  #letGo(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject, timer } of pending) {
      clearTimeout(timer);
      reject(disconnected());
    }
  }
}

interface Frame {
  readonly event: ServerEventName;
  readonly id?: RequestId;
  readonly payload: ServerEvents[ServerEventName];
}

/** Null: no server of ours says such a thing, but something on the way to it may. */
function readFrame(text: string): Frame | null {
  try {
    const frame = JSON.parse(text) as Frame | null;
    return typeof frame?.payload === "object" ? frame : null;
  } catch {
    return null;
  }
}

const disconnected = (): ClientError => new ClientError("disconnected", "There is no connection");
