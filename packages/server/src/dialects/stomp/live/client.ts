import type { Stored } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Caller } from "../../../core/caller.ts";
import type { Listening, Told } from "../../../delivery/listen.ts";
import type { EndReason, Interest, Outlet } from "../../../delivery/outlet.ts";
import { readPosition } from "../../../delivery/position.ts";
import type { DialectParts } from "../../dialect.ts";
import type { HeaderList } from "../frames/encode.ts";
import type { Frame } from "../frames/parser.ts";
import type { FrameQueue, StompClient } from "../session/application.ts";
import type { StompSession } from "../session/session.ts";
import type { Subscription } from "../session/subscriptions.ts";
import type { Codecs, Message, StompCodec } from "./codec.ts";
import { send } from "./destinations.ts";
import { Echo } from "./echo.ts";
import { resume } from "./resume.ts";
import { errorOf, INVALID_POSITION } from "./told.ts";
import { HEARD, RESUMABLE, TOPICS, topicOf } from "./topics.ts";

export interface LiveParts extends Pick<DialectParts, "door" | "listen" | "identity" | "log"> {
  readonly codecs: Codecs;
  /** The server's own limit. */
  readonly maxFileSizeMb: number;
}

class InvalidPosition extends Refusal {
  constructor() {
    super("invalid", "The position is not one of this server's");
  }
}

/**
 * One connected client: what it sends becomes commands, what its user hears becomes records. It is told everything and
 * the session writes what it has subscribed to.
 */
export class LiveClient implements StompClient, Outlet {
  readonly parts: LiveParts;
  readonly caller: Caller & { readonly userId: string };
  readonly session: StompSession;
  readonly name: string;
  readonly codec: StompCodec;
  /** Who has subscribed to nothing that is told of conversations is told none of it: it waits for nobody. */
  readonly interest: Interest = {
    hears: () => HEARD.some((topic) => this.session.subscriptions.headsOf(topic).length > 0),
    wants: () => false,
    receives: () => this.session.subscriptions.headsOf(TOPICS.messages).length > 0,
  };
  readonly #echo = new Echo();
  /** Null until it listens. */
  #listening: Listening | null = null;
  /** What one subscription is told before it is as far as the others. */
  apart: Told | null = null;
  #greeting: HeaderList = [];
  #ownMessages = 0;

  constructor(parts: LiveParts, caller: Caller & { readonly userId: string }, session: StompSession) {
    this.parts = parts;
    this.caller = caller;
    this.session = session;
    this.name = caller.userId;
    this.codec = parts.codecs[session.spelling];
  }

  /** Begins to listen. Nothing is subscribed to yet: what is told from here on and not written is not missed. */
  async open(): Promise<void> {
    const listening = await this.parts.listen(this.caller, this);
    this.#listening = listening;
    this.#greeting = [["position", listening.startPosition()]];
    listening.session.release();
  }

  get greeting(): HeaderList {
    return this.#greeting;
  }

  get listening(): Listening {
    return this.#listening as Listening;
  }

  get expiresAt(): number | null {
    return this.caller.expiresAt;
  }

  get queue(): FrameQueue {
    return this.listening.session;
  }

  get buffered(): number {
    return this.session.buffered;
  }

  write(records: readonly Buffer[]): void {
    this.session.write(this.#echo.into(records, this.session.spelling));
  }

  drained(): Promise<void> {
    return this.session.drained();
  }

  end(reason: EndReason): void {
    this.session.end(reason);
  }

  topicOf(destination: string): number | null {
    return topicOf(destination);
  }

  async subscribed(subscription: Subscription, headers: ReadonlyMap<string, string>): Promise<void> {
    const since = headers.get("since");
    if (since === undefined) return;
    const position = readPosition(since);
    if (position === null) throw new InvalidPosition();
    if (RESUMABLE.has(subscription.topic)) await resume(this, subscription, position);
  }

  unsubscribed(): void {}

  async send(frame: Frame, accepted: () => void): Promise<void> {
    await send(this, frame, accepted);
  }

  /** A message of this client's is stored; what is told of it has not been written yet. */
  sent(stored: Stored, tempId: string | null): void {
    if (tempId !== null && !stored.duplicate) this.#echo.expect(stored.id, tempId);
    const { id: messageId, conversationId, seq, duplicate } = stored;
    this.tell("acks", { tempId, messageId, conversationId, seq, duplicate });
  }

  refused(refusal: Refusal, frame: Frame): void {
    const code = refusal instanceof InvalidPosition ? INVALID_POSITION : refusal.code;
    const about = { tempId: tempIdOf(frame), receipt: frame.headers.get("receipt") };
    this.tell("errors", errorOf(refusal, code, about));
  }

  /** Something for this client alone. */
  tell(topic: Message["topic"], body: object): void {
    this.queue.push(this.ownMessage(topic, body));
  }

  ownMessage(topic: Message["topic"], body: object, headers: HeaderList = []): Buffer {
    return this.codec.message({ topic, id: `o${++this.#ownMessages}`, body, headers });
  }

  gone(): void {
    this.apart?.close();
    this.#listening?.close();
  }
}

/** Of whatever could not be done, also where its body is not what it should be. */
function tempIdOf({ command, body }: Frame): string | undefined {
  if (command !== "SEND" || body.length === 0) return undefined;
  try {
    const { tempId } = JSON.parse(body.toString("utf8")) as { readonly tempId?: unknown };
    return typeof tempId === "string" ? tempId : undefined;
  } catch {
    return undefined;
  }
}
