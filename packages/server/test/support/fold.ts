import type { Received } from "./socket.ts";

/** What a frame says of itself, or to one person only. */
const OF_ONE_FRAME = new Set([
  ...["added", "removed", "seq", "unread", "unread_mentions"],
  ...["muted", "pinned", "archived", "level", "hidden", "blocked"],
]);

interface Folded {
  readonly messages: Map<string, Record<string, unknown>>;
  head: Record<string, unknown> | null;
  left: boolean;
}

/** What a client knows: every frame folded into it, the latest state of each thing wins. */
export interface ClientState {
  apply(frame: Received): void;
  /** Free of anything that only says how it came to be known; comparable with `toEqual`. */
  snapshot(): Record<string, unknown>;
  /** The last tick known of each conversation that was not left. */
  clocks(): Record<string, number>;
  copy(): ClientState;
}

/** The conversation and tick that a frame tells of, or null. */
export function tickOf({ event, payload }: Received): { conversation: string; tick: number } | null {
  const conversation = payload.conversation_id;
  if (event === "message.updated") return { conversation, tick: payload.rev };
  if (["message.receive", "reaction.changed", "conversation.changed"].includes(event)) {
    return { conversation, tick: payload.seq };
  }
  return null;
}

export function clientState(
  userId: string,
  conversations = new Map<string, Folded>(),
  clocks = new Map<string, number>(),
): ClientState {
  const of = (conversation: string): Folded => {
    const known = conversations.get(conversation) ?? { messages: new Map(), head: null, left: false };
    conversations.set(conversation, known);
    return known;
  };
  return {
    apply(frame) {
      const told = tickOf(frame);
      if (told === null) return;
      const { event, payload } = frame;
      const folded = of(told.conversation);
      clocks.set(told.conversation, Math.max(told.tick, clocks.get(told.conversation) ?? 0));
      if (event === "conversation.changed") {
        const { added, removed } = payload;
        const head = Object.fromEntries(Object.entries(payload).filter(([name]) => !OF_ONE_FRAME.has(name)));
        folded.head = head;
        if (removed.includes(userId)) folded.left = true;
        if (added.includes(userId)) folded.left = false;
      } else if (event === "reaction.changed") {
        const message = [...folded.messages.values()].find((one) => one.message_id === payload.message_id);
        if (message === undefined) throw new Error("a reaction to a message that was never told");
        folded.messages.set(message.id as string, {
          ...message,
          reactions: payload.summary,
          rev: payload.seq,
        });
      } else {
        if (event === "message.updated" && !folded.messages.has(payload.id)) {
          throw new Error("a change of a message that was never told");
        }
        const known = folded.messages.get(payload.id);
        if (known === undefined || (known.rev as number) <= payload.rev)
          folded.messages.set(payload.id, payload);
      }
    },
    snapshot() {
      const entries = [...conversations].map(([id, { messages, head, left }]) => [
        id,
        {
          left,
          // Of a conversation one has left, the head is whatever it was when one was told.
          head: left ? null : head,
          messages: [...messages.values()].toSorted((a, b) => (a.seq as number) - (b.seq as number)),
        },
      ]);
      return Object.fromEntries(entries.toSorted());
    },
    clocks: () => Object.fromEntries([...clocks].filter(([id]) => !conversations.get(id)?.left)),
    copy: () =>
      clientState(
        userId,
        new Map([...conversations].map(([id, one]) => [id, { ...one, messages: new Map(one.messages) }])),
        new Map(clocks),
      ),
  };
}
