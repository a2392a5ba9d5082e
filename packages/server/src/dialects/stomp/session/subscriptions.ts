import { headerLine } from "../frames/encode.ts";
import type { StompVersion } from "../frames/version.ts";
import { type Spelling, spell } from "../transport.ts";

export interface Subscription {
  /** The client's; null in a SUBSCRIBE of 1.0 that has none, which its destination stands for. */
  readonly id: string | null;
  readonly destination: string;
  readonly topic: number;
}

interface Kept extends Subscription {
  /** The first lines of its messages. */
  readonly head: Buffer;
}

const NONE: readonly Buffer[] = [];

/** What one session listens to. */
export class Subscriptions {
  readonly #byKey = new Map<string, Kept>();
  readonly #headsByTopic = new Map<number, Buffer[]>();

  get size(): number {
    return this.#byKey.size;
  }

  /** False where the id is taken. */
  add(subscription: Subscription, withAck: boolean, version: StompVersion, spelling: Spelling): boolean {
    const key = keyOf(subscription.id, subscription.destination);
    if (this.#byKey.has(key)) return false;
    let lines = "MESSAGE\n";
    if (subscription.id !== null) lines += headerLine(version, "subscription", subscription.id);
    // Its value means nothing to us: what was stored and told need not be acknowledged, a client resumes.
    if (withAck && version === "1.2") lines += headerLine(version, "ack", subscription.id ?? "");
    const head = Buffer.from(spell(spelling, lines));
    this.#byKey.set(key, { ...subscription, head });
    this.#headsByTopic.set(subscription.topic, [...this.headsOf(subscription.topic), head]);
    return true;
  }

  /** The subscription that was removed. */
  remove(id: string | null, destination: string): Subscription | undefined {
    const key = keyOf(id, destination);
    const found = this.#byKey.get(key);
    if (found === undefined) return undefined;
    this.#byKey.delete(key);
    const rest = this.headsOf(found.topic).filter((head) => head !== found.head);
    if (rest.length > 0) this.#headsByTopic.set(found.topic, rest);
    else this.#headsByTopic.delete(found.topic);
    return found;
  }

  headsOf(topic: number): readonly Buffer[] {
    return this.#headsByTopic.get(topic) ?? NONE;
  }
}

function keyOf(id: string | null, destination: string): string {
  return id === null ? `to ${destination}` : `id ${id}`;
}
