import type { WebSocketCloseCode } from "../../http/websocket-transport.ts";

/** How the text of frames stands on a wire: as it is, or inside a JSON string, without its quotes (SockJS). */
export type Spelling = "plain" | "json";

/** One STOMP frame going out, in its transport's spelling; its parts may be shared with other connections. */
export type OutFrame = readonly Buffer[];

/** Moves STOMP frames, whatever carries them. */
export interface ByteTransport {
  readonly spelling: Spelling;
  /** Sends frames, each as a message of its own, all in one write. */
  write(frames: readonly OutFrame[]): void;
  /** Bytes written that nobody has taken yet. */
  readonly buffered: number;
  /** Resolves when most of what was written is taken, or the connection is gone. */
  drained(): Promise<void>;
  /** Asks for a sign of life. False where the transport finds out by itself that its client is gone. */
  ping(): boolean;
  /** Stops and restarts reading: a client that sends faster than it can be served waits in its own kernel. */
  pause(): void;
  resume(): void;
  /** Says goodbye after what was written. */
  close(code: WebSocketCloseCode, reason: string): void;
  /** Ends it without a word. */
  cut(): void;
}

/** What the owner of a `ByteTransport` hears of it. */
export interface TransportEvents {
  /** Some bytes of frames; where they are cut means nothing. */
  received(data: Buffer): void;
  /** Any sign of life, also such as carries no bytes. */
  alive(): void;
  /** Once, whoever has ended it. */
  closed(): void;
}

/** What JSON may hold as it is but browsers and proxies are known to mangle (SockJS 0.3.3, "JSON Unicode Encoding"). */
const MANGLED = /[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff]/g;

export function spell(spelling: Spelling, text: string): string {
  return spelling === "plain" ? text : JSON.stringify(text).slice(1, -1).replace(MANGLED, escapeOf);
}

export function unspell(spelling: Spelling, text: string): string {
  return spelling === "plain" ? text : (JSON.parse(`"${text}"`) as string);
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
