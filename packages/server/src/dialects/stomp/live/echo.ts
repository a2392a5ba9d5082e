import { withBody } from "../session/messages.ts";
import { changeMessages } from "../session/records.ts";
import type { Spelling } from "../transport.ts";
import { TOPICS } from "./topics.ts";

/** Messages that were stored and not yet told to their sender; of more the oldest are told without a `tempId`. */
const MAX_WAITING = 1_000;
const ID = Buffer.from("message-id:");
const ZERO = 48;

/** Gives a connection's own messages the `tempId` under which it sent them: what is told to all does not have it. */
export class Echo {
  readonly #waiting = new Map<number, string>();

  /** Before the message is written: that is at the end of the turn in which it was found to be stored. */
  expect(messageId: number, tempId: string): void {
    if (this.#waiting.size >= MAX_WAITING) {
      for (const oldest of this.#waiting.keys()) {
        this.#waiting.delete(oldest);
        break;
      }
    }
    this.#waiting.set(messageId, tempId);
  }

  into(records: readonly Buffer[], spelling: Spelling): readonly Buffer[] {
    if (this.#waiting.size === 0) return records;
    return changeMessages(records, TOPICS.messages, (rest) => {
      const id = idIn(rest);
      const tempId = this.#waiting.get(id);
      if (tempId === undefined) return null;
      this.#waiting.delete(id);
      return withBody(spelling, rest, (body) => `${body.slice(0, -1)},"tempId":${JSON.stringify(tempId)}}`);
    });
  }
}

/** Of a message its own id is the frame's. */
function idIn(rest: Buffer): number {
  let id = 0;
  for (let at = rest.indexOf(ID) + ID.length; ; at++) {
    const digit = (rest[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return id;
    id = id * 10 + digit;
  }
}
