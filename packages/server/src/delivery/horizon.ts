import type { LocalUser } from "./local-user.ts";
import type { Codec } from "./outlet.ts";
import { MAX_NAMES, positionHead, positionName } from "./position.ts";

/** Up to where everything is told on this node, and the positions of users that are built on it. */
export class Horizon {
  #epoch = "";
  #xid = 0;
  #head = "";

  get epoch(): string {
    return this.#epoch;
  }

  /** Every transaction before this one is finished and told here. */
  get xid(): number {
    return this.#xid;
  }

  /** @param at when the horizon was read, epoch seconds */
  advance(epoch: string, xid: number, at: number): void {
    this.#epoch = epoch;
    this.#xid = xid;
    this.#head = positionHead(epoch, xid, at);
  }

  /**
   * The position of all that has been told to this user here. A conversation that is being joined is not named: what
   * came before joining is still to be told, and no horizon passes it until it is.
   */
  positionOf(user: LocalUser): string {
    let names = "";
    let count = 0;
    for (const [conversationId, { xid, clock }] of user.recent) {
      if (xid < this.#xid) user.forget(conversationId);
      else if (!user.joining?.has(conversationId) && ++count <= MAX_NAMES)
        names += (names === "" ? "" : "_") + positionName(conversationId, clock);
    }
    return this.#head + names;
  }

  /** What a session that was told all of it goes on from: its own position, or a new one where the horizon moved. */
  renewed(user: LocalUser, position: string): string {
    return position.startsWith(this.#head) ? position : this.positionOf(user);
  }

  /** The same as a frame. Listeners of one busy conversation mostly share theirs. */
  frameOf(user: LocalUser, codec: Codec): Buffer | null {
    const { only } = user;
    if (only === null || only.clock !== user.onlyClock || user.joining !== null)
      return codec.position(this.positionOf(user));
    const known = only.positionFrames.get(codec);
    if (known?.clock === only.clock && known.head === this.#head) return known.frame;
    const frame = codec.position(this.positionOf(user));
    // Finding it, the user may have been found to have nothing recent.
    if (user.only === only) only.positionFrames.set(codec, { clock: only.clock, head: this.#head, frame });
    return frame;
  }
}
