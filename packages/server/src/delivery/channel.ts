import type { Event } from "@parlance/protocol/events.ts";
import type { LocalUser } from "./local-user.ts";
import type { Codec, SharedFrames } from "./session.ts";

/** Events with their frames, encoded once for all who are told them. */
export interface Page {
  readonly events: readonly Event[];
  readonly shared: SharedFrames;
}

/** One conversation as this node hears it: its clock here, who listens here, and what waits for a hole to be filled. */
export class Channel {
  readonly id: number;
  readonly users = new Set<LocalUser>();
  /** How many users listen or are about to: at none it is forgotten. */
  interest = 0;
  /** The last tick told here; 0 until the store has been asked. */
  clock = 0;
  /** The transaction of that tick. */
  movedXid = 0;
  participantCount = 0;
  /** Settles when subscribed and its clock is known. */
  ready: Promise<void> = Promise.resolve();
  /** Events kept back: the clock is not yet known, or something before them is missing. */
  held: Event[] | null = [];
  filling: Promise<void> | null = null;
  /** What newcomers are being told, while it is read. */
  reading: {
    readonly since: number;
    readonly through: number;
    readonly pages: Promise<readonly Page[]>;
  } | null = null;
  /** The position frame of users for whom only this conversation has moved since the horizon, by codec. */
  readonly positionFrames = new Map<Codec, { clock: number; horizon: number; frame: Buffer | null }>();

  constructor(id: number) {
    this.id = id;
  }

  get small(): boolean {
    return this.participantCount <= MAX_SIGNALLED_PARTICIPANTS;
  }
}

/**
 * In conversations of more people than this, who is online, has received and has read is not told live: each
 * change would be told to each of them, which grows with the square of their number.
 */
export const MAX_SIGNALLED_PARTICIPANTS = 100;
