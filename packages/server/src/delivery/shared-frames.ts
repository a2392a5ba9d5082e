import type { Event } from "@parlance/protocol/events.ts";
import type { Codec } from "./outlet.ts";

/** The frames of one publication, encoded once per codec, for all who are told the same. */
export class SharedFrames {
  readonly #events: readonly Event[];
  readonly #byCodec = new Map<Codec, Buffer | null>();
  readonly #origins: ReadonlySet<string>;

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
}
