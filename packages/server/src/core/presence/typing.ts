import type { TypingSignal } from "@parlance/protocol/events.ts";
import type { Bus } from "../ports/bus.ts";
import { createFreshness } from "./freshness.ts";

/**
 * That somebody types, and that they no longer do, are each told at most so often: clients say it with every key
 * stroke. What is said meanwhile waits, and only the last of it is told.
 */
const TOLD_EVERY_MS = 1_000;

/** Who is typing: a signal with an expiry, never stored. */
export interface Typing {
  set(
    conversationId: number,
    user: { readonly id: string; readonly name: string | null },
    typing: boolean,
  ): void;
  /** What came by the bus. Who types on a node that ends in the middle of it is taken to have stopped, here. */
  heard(signal: TypingSignal): void;
  close(): void;
}

interface Typist {
  readonly conversationId: number;
  readonly userId: string;
  userName: string | null;
  /** What they have said last, and until when it holds if it is that they type. */
  types: boolean;
  until: number;
  /** What the others know, and when they were told either last. */
  told: boolean;
  onAt: number;
  offAt: number;
  timer: NodeJS.Timeout | null;
}

/** A node that lives has said of a typist that they go on, or no longer do, by so much after their time. */
const GRACE_MS = 2_000;

/**
 * @param tellHere tells those who listen to the conversation on this node, but for the typist
 * @param now a clock that never goes back, in milliseconds
 */
export function createTyping(
  bus: Pick<Bus, "publish">,
  ttlMs: number,
  now: () => number,
  tellHere: (signal: TypingSignal) => void,
): Typing {
  const typists = new Map<string, Typist>();
  /** Those of other nodes who type. */
  const foreign = new Map<string, TypingSignal>();
  const freshness = createFreshness<string>(
    ttlMs + GRACE_MS,
    (key) => {
      const signal = foreign.get(key);
      foreign.delete(key);
      if (signal !== undefined) tellHere({ ...signal, typing: false });
    },
    now,
  );
  const keyOf = (conversationId: number, userId: string): string => `${conversationId} ${userId}`;

  const tell = ({ conversationId, userId, userName, told }: Typist): void =>
    bus.publish([
      {
        topic: `conversation:${conversationId}`,
        kind: "signal",
        conversationId,
        signal: { type: "typing", conversationId, userId, userName, typing: told },
        except: userId,
      },
    ]);

  /** Tells what is due, and comes back when the next thing is; forgets who has nothing more to be told or held back. */
  const settle = (key: string, typist: Typist, isRepeat: boolean): void => {
    if (typist.timer !== null) clearTimeout(typist.timer);
    const at = now();
    if (typist.until <= at) typist.types = false;
    const dueAt = (typist.types ? typist.onAt : typist.offAt) + TOLD_EVERY_MS;
    if ((typist.types !== typist.told || (isRepeat && typist.types)) && dueAt <= at) {
      typist.told = typist.types;
      if (typist.told) typist.onAt = at;
      else typist.offAt = at;
      tell(typist);
    }
    const next =
      typist.types !== typist.told
        ? dueAt
        : typist.types
          ? typist.until
          : Math.max(typist.onAt, typist.offAt) + TOLD_EVERY_MS;
    if (next > at) typist.timer = setTimeout(() => settle(key, typist, false), next - at);
    else typists.delete(key);
  };

  return {
    set(conversationId, { id: userId, name: userName }, types) {
      const key = keyOf(conversationId, userId);
      let typist = typists.get(key);
      if (typist === undefined) {
        if (!types) return;
        typist = {
          conversationId,
          userId,
          userName,
          types,
          until: 0,
          told: false,
          onAt: Number.NEGATIVE_INFINITY,
          offAt: Number.NEGATIVE_INFINITY,
          timer: null,
        };
        typists.set(key, typist);
      }
      typist.userName = userName;
      typist.types = types;
      if (types) typist.until = now() + ttlMs;
      settle(key, typist, true);
    },
    heard(signal) {
      const key = keyOf(signal.conversationId, signal.userId);
      if (signal.typing && !typists.has(key)) {
        foreign.set(key, signal);
        freshness.touch(key);
      } else if (foreign.delete(key)) freshness.forget(key);
    },
    close() {
      freshness.close();
      foreign.clear();
      for (const { timer } of typists.values()) if (timer !== null) clearTimeout(timer);
      typists.clear();
    },
  };
}
