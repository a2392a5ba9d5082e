import type { Bus } from "../ports/bus.ts";

/** Told again at most so often: clients say it with every key stroke. */
const REPEAT_MS = 1_000;

/** Who is typing: a signal with an expiry, never stored. */
export interface Typing {
  set(
    conversationId: number,
    user: { readonly id: string; readonly name: string | null },
    typing: boolean,
  ): void;
  close(): void;
}

export function createTyping(bus: Pick<Bus, "publish">, ttlMs: number, now: () => number): Typing {
  const typists = new Map<string, { timer: NodeJS.Timeout; toldAt: number }>();

  return {
    set(conversationId, user, typing) {
      const key = `${conversationId} ${user.id}`;
      const known = typists.get(key);
      if (known !== undefined) clearTimeout(known.timer);
      const tell = (is: boolean) =>
        bus.publish([
          {
            topic: `conversation:${conversationId}`,
            kind: "signal",
            conversationId,
            signal: { type: "typing", conversationId, userId: user.id, userName: user.name, typing: is },
            except: user.id,
          },
        ]);
      if (!typing) {
        if (typists.delete(key)) tell(false);
        return;
      }
      const timer = setTimeout(() => {
        typists.delete(key);
        tell(false);
      }, ttlMs);
      const due = known === undefined || now() - known.toldAt >= REPEAT_MS;
      typists.set(key, { timer, toldAt: due ? now() : known.toldAt });
      if (due) tell(true);
    },
    close() {
      for (const { timer } of typists.values()) clearTimeout(timer);
      typists.clear();
    },
  };
}
