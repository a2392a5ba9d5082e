import type { Role } from "@parlance/protocol/model.ts";

/**
 * What the writer is to do to a conversation, said as plainly as it can be: the clock and everything that takes a
 * tick, marks, and what is unread. Held against the real thing by the tests beside it.
 */
export interface ModelMessage {
  readonly id: number;
  readonly senderId: string;
  readonly key: string | null;
  readonly firstContent: string;
  readonly seq: number;
  readonly rev: number;
  readonly content: string;
  readonly deleted: boolean;
  readonly pinnedBy: string | null;
  /** Who reacted, by emoji. */
  readonly reactions: Readonly<Record<string, readonly string[]>>;
}

export interface ModelPerson {
  readonly userId: string;
  readonly role: Role;
  readonly joinedSeq: number;
  readonly readSeq: number;
}

/** Of somebody who is in already, or has the role, `seq` is 0: that tick is of no interest. */
export type Outcome = { readonly seq: number; readonly fresh: boolean } | { readonly refused: string };

/** What everybody sees of it. */
export interface View {
  readonly clock: number;
  readonly name: string | null;
  readonly people: readonly Pick<ModelPerson, "userId" | "role" | "joinedSeq">[];
  readonly messages: readonly {
    readonly id: number;
    readonly seq: number;
    readonly rev: number;
    readonly content: string;
    readonly deleted: boolean;
    readonly pinnedBy: string | null;
    readonly reactions: Readonly<Record<string, number>> | null;
  }[];
}

export class ModelConversation {
  readonly id: number;
  clock = 1;
  name: string | null;
  people: ModelPerson[];
  messages: ModelMessage[] = [];
  /** The view at each tick. */
  readonly views: View[] = [EMPTY];

  constructor(id: number, name: string | null, userIds: readonly string[]) {
    this.id = id;
    this.name = name;
    this.people = userIds.map((userId, i) => ({
      userId,
      role: i === 0 ? "owner" : "member",
      joinedSeq: 1,
      readSeq: 0,
    }));
    this.views.push(this.view());
  }

  person(userId: string): ModelPerson | undefined {
    return this.people.find((person) => person.userId === userId);
  }

  send(id: number, senderId: string, key: string | null, content: string): Outcome {
    const earlier = this.messages.find((m) => key !== null && m.key === key && m.senderId === senderId);
    if (earlier !== undefined) {
      return earlier.firstContent === content
        ? { seq: earlier.seq, fresh: false }
        : { refused: "key_reused" };
    }
    if (this.person(senderId) === undefined) return { refused: "not_participant" };
    const seq = this.clock + 1;
    const texts = { content, firstContent: content };
    const fresh = { seq, rev: seq, deleted: false, pinnedBy: null, reactions: {} };
    this.messages.push({ id, senderId, key, ...texts, ...fresh });
    return this.#ticked();
  }

  edit(id: number, content: string): Outcome {
    return this.#onMessage(id, (message) => (message.content === content ? null : { ...message, content }));
  }

  delete(id: number): Outcome {
    const message = this.messages.find((m) => m.id === id);
    if (message?.deleted) return { seq: message.rev, fresh: false };
    return this.#onMessage(id, (m) => ({ ...m, content: "", deleted: true, pinnedBy: null, reactions: {} }));
  }

  pin(id: number, userId: string, pin: boolean, maxPins: number): Outcome {
    const message = this.messages.find((m) => m.id === id);
    const isNew = pin && message?.deleted === false && message.pinnedBy === null;
    if (isNew && this.messages.filter((m) => m.pinnedBy !== null).length >= maxPins)
      return { refused: "too_many" };
    return this.#onMessage(id, (m) =>
      (m.pinnedBy !== null) === pin ? null : { ...m, pinnedBy: pin ? userId : null },
    );
  }

  react(id: number, userId: string, emoji: string, wish: boolean | "toggle", maxEmoji: number): Outcome {
    const message = this.messages.find((m) => m.id === id);
    const add = wish === "toggle" ? !(message?.reactions[emoji] ?? []).includes(userId) : wish;
    const emojis = Object.keys(message?.reactions ?? {});
    if (add && message?.deleted === false && !emojis.includes(emoji) && emojis.length >= maxEmoji) {
      return { refused: "too_many" };
    }
    return this.#onMessage(id, (m) => {
      const { [emoji]: who = [], ...others } = m.reactions;
      if (who.includes(userId) === add) return null;
      const now = add ? [...who, userId] : who.filter((other) => other !== userId);
      return { ...m, reactions: now.length === 0 ? others : { ...others, [emoji]: now } };
    });
  }

  add(userIds: readonly string[]): Outcome {
    const newcomers = userIds.filter((userId) => this.person(userId) === undefined);
    if (newcomers.length === 0) return { seq: 0, fresh: false };
    const seq = this.clock + 1;
    for (const userId of newcomers)
      this.people.push({ userId, role: "member", joinedSeq: seq, readSeq: seq });
    return this.#ticked();
  }

  remove(userId: string): Outcome {
    const leaver = this.person(userId);
    if (leaver === undefined) return { refused: "not_found" };
    if (this.people.length > 1 && this.#isLastOwner(leaver)) return { refused: "last_owner" };
    this.people = this.people.filter((person) => person !== leaver);
    return this.#ticked();
  }

  setRole(userId: string, role: Role): Outcome {
    const person = this.person(userId);
    if (person === undefined) return { refused: "not_found" };
    if (person.role === role) return { seq: 0, fresh: false };
    if (this.#isLastOwner(person)) return { refused: "last_owner" };
    this.people = this.people.map((other) => (other === person ? { ...person, role } : other));
    return this.#ticked();
  }

  rename(name: string | null): Outcome {
    this.name = name;
    return this.#ticked();
  }

  read(userId: string, seq: number): void {
    this.people = this.people.map((person) =>
      person.userId === userId
        ? { ...person, readSeq: Math.max(person.readSeq, Math.min(seq, this.clock)) }
        : person,
    );
  }

  unread({ userId, readSeq }: ModelPerson): number {
    return this.messages.filter((m) => m.seq > readSeq && m.senderId !== userId && !m.deleted).length;
  }

  view(): View {
    return {
      clock: this.clock,
      name: this.name,
      people: this.people
        .map(({ userId, role, joinedSeq }) => ({ userId, role, joinedSeq }))
        .toSorted((a, b) => a.joinedSeq - b.joinedSeq || (a.userId < b.userId ? -1 : 1)),
      messages: this.messages.map(({ id, seq, rev, content, deleted, pinnedBy, reactions }) => ({
        id,
        seq,
        rev,
        content,
        deleted,
        pinnedBy,
        reactions:
          Object.keys(reactions).length === 0
            ? null
            : Object.fromEntries(Object.entries(reactions).map(([emoji, who]) => [emoji, who.length])),
      })),
    };
  }

  #isLastOwner(person: ModelPerson): boolean {
    return (
      person.role === "owner" && !this.people.some((other) => other !== person && other.role === "owner")
    );
  }

  #onMessage(id: number, change: (message: ModelMessage) => ModelMessage | null): Outcome {
    const i = this.messages.findIndex((message) => message.id === id);
    const message = this.messages[i];
    if (message === undefined) return { refused: "not_found" };
    if (message.deleted) return { refused: "deleted" };
    const changed = change(message);
    if (changed === null) return { seq: message.rev, fresh: false };
    this.messages[i] = { ...changed, rev: this.clock + 1 };
    return this.#ticked();
  }

  #ticked(): Outcome {
    this.clock++;
    this.views.push(this.view());
    return { seq: this.clock, fresh: true };
  }
}

const EMPTY: View = { clock: 0, name: null, people: [], messages: [] };
