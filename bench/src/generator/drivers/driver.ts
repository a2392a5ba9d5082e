/**
 * How one dialect spells what the workloads do. A driver only knows text frames on a WebSocket; it decodes as
 * few bytes as it can, and whole JSON only in `decode`, which is asked for every k-th socket.
 */
export type FrameKind = "ready" | "ack" | "receive" | "opened" | "resumed" | "error" | "other";

export type Decoded = {
  conversation: string;
  /** The number that `numberOf` found in the cheap way, from the decoded content. */
  number: number;
  /** The server's order in the conversation; undefined where the peer has none. */
  seq: number | undefined;
};

/** Who connects. The topic is what it hears, or speaks to, where a peer has topics and no conversations. */
export type Seat = { user: string; topic?: string; listens?: boolean };

export type Driver = {
  readonly name: DriverName;
  /** Whether the peer promises an order at all; a fault of order fails a run only then. */
  readonly ordered: boolean;
  upgradePath(seat: Seat): string;
  /** Where the peer wants a token of everybody. */
  tokenOf?(port: number, user: string): Promise<string>;
  /** Text frames to send as soon as the socket is open. */
  hello(seat: Seat, token: string): readonly string[];
  /** Text frames after which the server tells what is live at once, and no longer waits for a resume. */
  readonly wake: readonly string[];
  /** True when the socket is ready at once, without a frame that says so. */
  readonly readyOnOpen: boolean;
  kindOf(payload: Buffer): FrameKind;
  /** A text frame that must be answered to stay connected (Engine.IO's ping), or undefined. */
  heartbeat(payload: Buffer): string | undefined;
  /** Asks for a conversation of these users; the answer is an `opened` frame. */
  open(users: readonly string[]): string;
  openedConversation(payload: Buffer): string;
  /** Where conversations are opened by a request: in place of the two above. */
  openByRequest?(port: number, users: readonly string[]): Promise<string>;
  /** Conversations are topics that nobody makes: who listens subscribes by its `hello` or its path. */
  readonly hasTopics?: true;
  /** Messages are binary. */
  readonly isBinary?: true;
  /** Where a WebSocket message is any piece of a stream: what takes one connection's stream apart. */
  parts?(): (piece: Buffer, each: (part: Buffer) => void) => void;
  /** Makes the frames of one sender in one conversation. */
  sender(conversation: string, user: string): (number: number) => string;
  /** Where messages are sent by requests: in place of `sender`. Users: who sends, who gets it. */
  post?(conversation: string, users: readonly [string, string]): (number: number) => Post;
  /** Where who only listens reads a stream of server-sent events; `kindOf` and `decode` get its blocks. */
  readonly stream?: { path(user: string): string; kindOf(block: Buffer): FrameKind };
  /** How one who was away goes on: from the frame that made it ready, to a frame of the kind `resumed`. */
  readonly resume?: { positionOf(ready: Buffer): string; frame(position: string): string };
  decode(payload: Buffer): Decoded;
};

/** A request with a JSON body; `headers` are further lines, each with its end. */
export type Post = { path: string; headers: string; body: string };

export type DriverName =
  | "websocket"
  | "queue"
  | "socketio"
  | "sse"
  | "stomp"
  | "naive-ws"
  | "naive-socketio"
  | "rabbitmq-queue"
  | "rabbitmq-topic"
  | "nats"
  | "nchan";

/** The number of a message stands in its text and in its id as `~` and eight digits; nothing else holds a `~`. */
export function mark(number: number): string {
  return `~${String(number).padStart(8, "0")}`;
}

const TILDE = 0x7e;

export function numberOf(payload: Buffer): number {
  return digitsAt(payload, payload.indexOf(TILDE) + 1);
}

function digitsAt(payload: Buffer, start: number): number {
  if (start === 0) return -1;
  let number = 0;
  for (let i = start; i < start + 8; i++) number = number * 10 + (payload[i]! - 48);
  return number;
}

export function numberIn(text: string): number {
  const at = text.indexOf("~");
  return at < 0 ? -1 : Number(text.slice(at + 1, at + 9));
}

/** 60 bytes, the length of a short chat message, with the number inside. */
export function sixtyBytes(number: number): string {
  return `${mark(number)} the quick brown fox jumps over the lazy dog, twice`.padEnd(60, ".").slice(0, 60);
}
