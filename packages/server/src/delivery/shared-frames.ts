import type { Event } from "@parlance/protocol/events.ts";
import type { Codec } from "./outlet.ts";
import { positionAfter } from "./position.ts";

/** Events with the position after each before it, and the last of these. */
export interface Stamped {
  readonly frames: Buffer | null;
  readonly position: string;
}

/** The frames of one publication, encoded once per codec, for all who are told the same. */
export class SharedFrames {
  readonly #events: readonly Event[];
  readonly #byCodec = new Map<Codec, Buffer | null>();
  readonly #origins: ReadonlySet<string>;
  /** By codec: each event's own frames, and what was made of them for those who stood at a position. */
  #stamped: Map<Codec, { bodies: readonly (Buffer | null)[]; byPosition: Map<string, Stamped> }> | null =
    null;

  constructor(events: readonly Event[]) {
    this.#events = events;
    const origins = new Set<string>();
    for (const event of events) {
      if (event.type === "message.stored" && event.origin !== undefined) origins.add(event.origin);
    }
    this.#origins = origins;
  }

  /** Whether the session sent one of them itself. */
  isOrigin(sessionId: string): boolean {
    return this.#origins.has(sessionId);
  }

  frames(codec: Codec): Buffer | null {
    let frames = this.#byCodec.get(codec);
    if (frames === undefined) {
      frames = codec.events(this.#events);
      this.#byCodec.set(codec, frames);
    }
    return frames;
  }

  /** Listeners of one conversation mostly stand at the same position, and share all of it. */
  stamped(codec: Codec, stamp: (position: string) => string, position: string): Stamped {
    this.#stamped ??= new Map();
    let known = this.#stamped.get(codec);
    if (known === undefined) {
      known = { bodies: this.#events.map((event) => codec.events([event])), byPosition: new Map() };
      this.#stamped.set(codec, known);
    }
    let stamped = known.byPosition.get(position);
    if (stamped === undefined) {
      stamped = stampAll(this.#events, known.bodies, stamp, position);
      known.byPosition.set(position, stamped);
    }
    return stamped;
  }
}

function stampAll(
  events: readonly Event[],
  bodies: readonly (Buffer | null)[],
  stamp: (position: string) => string,
  from: string,
): Stamped {
  let position = from;
  const parts: Buffer[] = [];
  events.forEach((event, i) => {
    position = positionAfter(position, event.conversationId, event.seq);
    const body = bodies[i] ?? null;
    if (body !== null) parts.push(Buffer.from(stamp(position)), body);
  });
  return { frames: parts.length === 0 ? null : Buffer.concat(parts), position };
}
