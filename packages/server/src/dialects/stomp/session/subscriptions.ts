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
    this.#setHeads(subscription.topic, [...this.headsOf(subscription.topic), head]);
    return true;
  }

  /** The subscription that was removed. */
  remove(id: string | null, destination: string): Subscription | undefined {
    const key = keyOf(id, destination);
    const found = this.#byKey.get(key);
    if (found === undefined) return undefined;
    this.#byKey.delete(key);
    this.#setHeads(
      found.topic,
      this.headsOf(found.topic).filter((head) => head !== found.head),
    );
    return found;
  }

  /** It gets only what is told to it alone, until it is put back. */
  setApart(subscription: Subscription): void {
    const { topic } = subscription;
    const own = this.#headOf(subscription);
    this.#setHeads(
      topic,
      this.headsOf(topic).filter((head) => head !== own),
    );
  }

  putBack(subscription: Subscription): void {
    const own = this.#headOf(subscription);
    if (own !== undefined) this.#setHeads(subscription.topic, [...this.headsOf(subscription.topic), own]);
  }

  /** Of what is told to one subscription alone. */
  headsOfOne(subscription: Subscription, topic: number): readonly Buffer[] {
    const own = topic === subscription.topic ? this.#headOf(subscription) : undefined;
    return own === undefined ? NONE : [own];
  }

  headsOf(topic: number): readonly Buffer[] {
    return this.#headsByTopic.get(topic) ?? NONE;
  }

  #headOf({ id, destination }: Subscription): Buffer | undefined {
    return this.#byKey.get(keyOf(id, destination))?.head;
  }

  #setHeads(topic: number, heads: Buffer[]): void {
    if (heads.length > 0) this.#headsByTopic.set(topic, heads);
    else this.#headsByTopic.delete(topic);
  }
}

function keyOf(id: string | null, destination: string): string {
  return id === null ? `to ${destination}` : `id ${id}`;
}
