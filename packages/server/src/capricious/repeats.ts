import type { Listen } from "../delivery/listen.ts";
import type { Codec, EndReason, Outlet } from "../delivery/outlet.ts";
import type { Moods } from "./moods.ts";

/** Lets connections hear each event one, two or three times; all that share a codec hear it equally often. */
export function repeatingListen(listen: Listen, moods: Pick<Moods, "copies">): Listen {
  const codecs = new WeakMap<Codec, Codec>();
  const repeating = (outlet: Outlet): Outlet => {
    let codec = codecs.get(outlet.codec);
    if (codec === undefined) {
      codec = repeatingCodec(outlet.codec, moods);
      codecs.set(outlet.codec, codec);
    }
    return new RepeatingOutlet(outlet, codec);
  };
  return async (caller, outlet) => {
    const listening = await listen(caller, repeating(outlet));
    return { ...listening, beside: (other) => listening.beside(repeating(other)) };
  };
}

function repeatingCodec(codec: Codec, { copies }: Pick<Moods, "copies">): Codec {
  return {
    ...(codec.stamp !== undefined && { stamp: codec.stamp }),
    events(events) {
      const frames: Buffer[] = [];
      for (const event of events) {
        const frame = codec.events([event]);
        if (frame === null) continue;
        for (let left = copies(); left > 0; left--) frames.push(frame);
      }
      return frames.length === 0 ? null : Buffer.concat(frames);
    },
    signal: (signal) => codec.signal(signal),
    position: (position) => codec.position(position),
  };
}

class RepeatingOutlet implements Outlet {
  readonly codec: Codec;
  readonly #outlet: Outlet;

  constructor(outlet: Outlet, codec: Codec) {
    this.#outlet = outlet;
    this.codec = codec;
  }

  get interest(): Outlet["interest"] {
    return this.#outlet.interest;
  }

  get buffered(): number {
    return this.#outlet.buffered;
  }

  write(buffers: readonly Buffer[]): void {
    this.#outlet.write(buffers);
  }

  drained(): Promise<void> {
    return this.#outlet.drained();
  }

  end(reason: EndReason): void {
    this.#outlet.end(reason);
  }
}
