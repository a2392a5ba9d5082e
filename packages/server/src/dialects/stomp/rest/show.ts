import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type { InboxEntry } from "@parlance/protocol/queries.ts";
import type { Caller } from "../../../core/caller.ts";
import type { Door } from "../../../core/door.ts";
import type { SignedLinks } from "../../../http/signed-links.ts";
import { type Conversation, conversationOf } from "../shapes/conversations.ts";
import { type ChatMessage, messageOf } from "../shapes/messages.ts";

/** What has been read, as its reader is shown it. */
export interface Show {
  message(caller: Caller, message: Message): ChatMessage;
  /** With what the caller has reacted to each. */
  messages(caller: Caller, messages: readonly Message[]): Promise<ChatMessage[]>;
  conversations(caller: Caller, entries: readonly InboxEntry[]): Promise<Conversation[]>;
  /** As it is now; refuses with `not_participant`. */
  conversation(caller: Caller, conversationId: number): Promise<Conversation>;
}

export function createShow(options: {
  readonly door: Door;
  readonly links: SignedLinks;
  readonly maxFileSizeMb: number;
}): Show {
  const { door, links, maxFileSizeMb } = options;
  const viewerOf = ({ userId }: Caller) => (userId === null ? null : { userId, links });

  async function conversations(caller: Caller, entries: readonly InboxEntry[]): Promise<Conversation[]> {
    if (entries.length === 0) return [];
    const found = await door.answer(caller, {
      type: "read-people",
      conversationIds: entries.map(({ head }) => head.conversation.id),
    });
    const people = new Map(found.map((one) => [one.conversationId, one.participants]));
    const viewer = viewerOf(caller);
    return entries.map((entry) =>
      conversationOf(entry, { viewer, people: people.get(entry.head.conversation.id) ?? [], maxFileSizeMb }),
    );
  }

  return {
    message: (caller, message) => messageOf(message, viewerOf(caller)),
    async messages(caller, messages) {
      const reacted = messages.filter(({ reactions }) => reactions !== null);
      const found = await door.answer(caller, {
        type: "read-own-reactions",
        messages: reacted.map(({ id, conversationId }) => ({ conversationId, messageId: id })),
      });
      const own = new Map(found.map(({ messageId, emoji }) => [messageId, emoji]));
      const viewer = viewerOf(caller);
      return messages.map((message) => ({
        ...messageOf(message, viewer),
        ownReactions: [...(own.get(message.id) ?? [])],
      }));
    },
    conversations,
    async conversation(caller, conversationId) {
      const entries = await door.answer(caller, { type: "read-entries", conversationIds: [conversationId] });
      const [conversation] = await conversations(caller, entries);
      if (conversation !== undefined) return conversation;
      throw new Refusal("not_participant", "There is no such conversation of the caller's");
    },
  };
}
