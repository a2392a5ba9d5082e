import type { Refusal } from "@parlance/protocol/errors.ts";
import type { HeaderList } from "../frames/encode.ts";
import type { Frame } from "../frames/parser.ts";
import type { StompSession } from "./session.ts";
import type { Subscription } from "./subscriptions.ts";

/** What frames are about: the session knows STOMP, the application what its destinations mean. */
export interface StompApplication {
  /** Who connects. A rejection is told with ERROR, and the connection ends. */
  connect(session: StompSession, headers: ReadonlyMap<string, string>): Promise<StompClient>;
}

/** One connected client, as the application sees it. */
export interface StompClient {
  /** What CONNECTED says as `user-name`. */
  readonly name: string;
  /** Further headers of CONNECTED. */
  readonly greeting: HeaderList;
  /** When its identity ends, epoch milliseconds; null where it does not. Looked at again and again. */
  readonly expiresAt: number | null;
  /** Where the session's own frames wait for their turn among messages; null: they are written at once. */
  readonly queue: FrameQueue | null;
  /** The topic that a destination stands for; null where there is no such destination. */
  topicOf(destination: string): number | null;
  /**
   * A subscription was made: it gets messages from now on. Its receipt is sent when this resolves; with a rejection
   * it is unmade again, and `refused` is called.
   */
  subscribed(subscription: Subscription, headers: ReadonlyMap<string, string>): Promise<void>;
  unsubscribed(subscription: Subscription): void;
  /**
   * A SEND, which has a `destination`. Its receipt is sent when this resolves; with a rejection there is none, and
   * `refused` is called. The next frame is begun when this is settled, or has called `accepted`.
   */
  send(frame: Frame, accepted: () => void): Promise<void>;
  /** A frame was not done, and the session lives: the client should be told. */
  refused(refusal: Refusal, frame: Frame): void;
  /** The connection is gone; called once, and nothing after it. */
  gone(): void;
}

/** What waits to be written, as records (records.ts). */
export interface FrameQueue {
  push(records: Buffer): void;
  /** Writes what waits at once: the connection is about to be closed. */
  writeOut(): void;
}
