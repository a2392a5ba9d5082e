import type { Event } from "@parlance/protocol/events.ts";
import type { Interest } from "../../delivery/outlet.ts";

/** Which conversations a socket has joined: some, or all but some. What its own user sends it hears of everywhere. */
export class Joined implements Interest {
  readonly #userId: string;
  /** All, but for those that were left. */
  readonly isAll: boolean;
  /** Null as long as there are none, as with most idle connections. */
  #exceptions: Set<number> | null = null;

  constructor(userId: string, isAll: boolean) {
    this.#userId = userId;
    this.isAll = isAll;
  }

  hears(conversationId: number): boolean {
    return this.isAll !== (this.#exceptions?.has(conversationId) ?? false);
  }

  wants(event: Event): boolean {
    return event.type === "message.stored" && event.message.senderId === this.#userId;
  }

  get isEverything(): boolean {
    return this.isAll && this.#exceptions === null;
  }

  join(conversationId: number): void {
    this.#set(conversationId, !this.isAll);
  }

  leave(conversationId: number): void {
    this.#set(conversationId, this.isAll);
  }

  #set(conversationId: number, isException: boolean): void {
    if (isException) {
      this.#exceptions ??= new Set();
      this.#exceptions.add(conversationId);
    } else {
      this.#exceptions?.delete(conversationId);
      if (this.#exceptions?.size === 0) this.#exceptions = null;
    }
  }
}
