import type { UnreadCounts } from "@parlance/protocol/commands.ts";
import type {
  ConversationHead,
  Marks,
  Message,
  MessageType,
  Metadata,
  ParentPreview,
  Participant,
  Role,
} from "@parlance/protocol/model.ts";

/** A message that policy has accepted and that is not yet written. Its id exists before its row does. */
export interface Draft {
  readonly id: number;
  readonly conversationId: number;
  readonly senderId: string;
  /** Not stored: goes out with the event. */
  readonly senderName: string | null;
  /** Not stored: goes out with the event. */
  readonly senderAvatarUrl?: string | null;
  readonly idempotencyKey: string | null;
  /** 48 bits over everything that is the content; null where there is no key to guard. */
  readonly contentHash: number | null;
  readonly type: MessageType;
  readonly content: string;
  readonly parentId: number | null;
  /** Not stored: goes out with the event. */
  readonly parent?: ParentPreview | null;
  /** Participants that the content names; absent: none. */
  readonly mentions?: readonly string[];
  readonly metadata: Metadata | null;
  readonly clientTime: number | null;
  /** Of what was accepted before it is stored, when: epoch ms, by a clock that need not be the store's. */
  readonly acceptedAt?: number;
}

export type AppendOutcome =
  /**
   * `at`: the message's time, epoch ms. That of its being accepted, but never of the store's future nor older than the
   * message before it.
   */
  | { readonly kind: "stored"; readonly seq: number; readonly at: number }
  /** The key, or the id, was stored before with the same content. */
  | { readonly kind: "repeat"; readonly id: number; readonly seq: number; readonly at: number }
  | { readonly kind: "key_reused" }
  | { readonly kind: "not_participant" }
  /** A direct conversation one of whose two people has blocked the other. */
  | { readonly kind: "barred" }
  /** Another node holds the conversation: nothing was done, try again. */
  | { readonly kind: "held" };

export interface Appended {
  /** The transaction. */
  readonly xid: number;
  /** One for each draft, in their order. */
  readonly outcomes: readonly AppendOutcome[];
}

interface ChangeBase {
  readonly conversationId: number;
  /** Who changes it, and the role the policy saw; null for one who acts without taking part. */
  readonly by: string | null;
  readonly asRole: Role | null;
}

/** A change that a group's history may tell of. */
interface ToldChange extends ChangeBase {
  readonly by: string;
  /** In a SYSTEM message, stored in the tick after the change's. */
  readonly tell?: true;
}

export type Change =
  | (ChangeBase & {
      readonly kind: "open";
      readonly conversationKind: "direct" | "group";
      readonly name: string | null;
      readonly description?: string | null;
      readonly avatarUrl?: string | null;
      readonly people: readonly { readonly userId: string; readonly role: Role }[];
      /** Names the direct conversation of two people. */
      readonly pair?: string;
      /** An outside name for it, with a hash of what was asked: the same name finds the same conversation. */
      readonly ref?: string;
      readonly hash?: number;
      /** The outside name as it is shown. */
      readonly externalRef?: string;
      readonly settings: object;
    })
  | (ToldChange & {
      readonly kind: "add";
      readonly userIds: readonly string[];
      readonly maxParticipants: number;
    })
  | (ToldChange & {
      readonly kind: "remove";
      readonly userId: string;
      /** The role of the removed that the policy saw, where its answer hung on it. */
      readonly userRole?: Role;
    })
  | (ChangeBase & { readonly kind: "role"; readonly userId: string; readonly role: Role })
  | (ToldChange & {
      readonly kind: "settings";
      readonly name?: string | null;
      readonly description?: string | null;
      readonly avatarUrl?: string | null;
      readonly settings?: object;
    })
  | (ChangeBase & { readonly kind: "delete-conversation" })
  | (ChangeBase & {
      readonly kind: "edit";
      readonly messageId: number;
      readonly content: string;
      /** Participants that the new content names; absent: none. */
      readonly mentions?: readonly string[];
    })
  | (ChangeBase & { readonly kind: "delete"; readonly messageId: number })
  | (ChangeBase & {
      readonly kind: "pin";
      readonly by: string;
      readonly messageId: number;
      readonly pin: boolean;
      readonly maxPins: number;
    })
  | (ChangeBase & {
      readonly kind: "react";
      readonly by: string;
      /** Not stored: goes out with the event. */
      readonly byName?: string | null;
      readonly messageId: number;
      readonly emoji: string;
      readonly add: boolean | "toggle";
      readonly maxEmoji: number;
    })
  /** A message with files: stored like any other, in one transaction with their being used. */
  | (ChangeBase & {
      readonly kind: "send";
      readonly by: string;
      readonly draft: Draft;
      readonly attachmentIds: readonly string[];
      readonly origin?: string;
    });

export type ChangeOutcome =
  /** The standing that policy was asked with is no longer so: ask again. */
  | { readonly stale: true }
  | {
      readonly refused:
        | "not_found"
        | "deleted"
        | "last_owner"
        | "too_many"
        | "key_reused"
        | "no_attachment"
        | "attachment_used";
    }
  | {
      readonly seq: number;
      readonly changed: boolean;
      /** `open`: the conversation found or made. */
      readonly conversationId?: number;
      /** edit, delete, pin, react, send. */
      readonly message?: Message;
      /** react: whether it is there now. */
      readonly added?: boolean;
      /** The rest. */
      readonly head?: ConversationHead;
      readonly participants?: readonly Participant[];
      /** add, remove, settings: the SYSTEM message that tells of it. */
      readonly said?: Message;
      /** delete-conversation: all who took part. */
      readonly removed?: readonly string[];
    };

export interface Changed {
  readonly xid: number;
  readonly at: number;
  readonly outcomes: readonly ChangeOutcome[];
}

/**
 * What a lane writes through. Each call is one transaction: all of it is committed and synced when the promise
 * resolves, and none of it was if it rejects with a `StoreError` other than `again`.
 */
export interface MessageLog {
  /**
   * @param wait wait for conversations that others hold, rather than answer `held`
   * @param recheck the batch may have been stored before: look the ids up as well
   */
  append(drafts: readonly Draft[], options: { wait: boolean; recheck: boolean }): Promise<Appended>;
  /**
   * Applies the changes in their order.
   * @param batch numbers the batches of this log: the number of the one before again gives what that one gave, so
   * that a batch of unknown outcome can be repeated
   */
  change(changes: readonly Change[], options: { batch: number }): Promise<Changed>;
}

/** How far somebody has come. Marks only go forward, so 0 leaves one where it is. */
export interface MarkWish {
  readonly conversationId: number;
  readonly userId: string;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** One message that somebody has read, by its seq. */
export interface ReadWish {
  readonly conversationId: number;
  readonly userId: string;
  readonly seq: number;
}

export interface MarkMoved extends Marks {
  readonly conversationId: number;
}

export interface MarkStored extends MarkMoved {
  /** Between two of whom one has blocked the other: the other is not told. */
  readonly isBarred: boolean;
}

export interface MarkLog {
  /** Moves marks forward, never back, and answers those that moved. At most one wish per person and conversation. */
  mark(wishes: readonly MarkWish[]): Promise<readonly MarkStored[]>;
  /**
   * Notes messages as read by others than their senders, one by one; the mark follows as far as nothing unread is in its
   * way. Answers the marks that moved.
   */
  markMessages(wishes: readonly ReadWish[]): Promise<readonly MarkStored[]>;
  /**
   * Counts what stands from `fromSeq` on as unread by somebody, until they read it; the marks stay. Null of one who does
   * not take part.
   */
  markUnread(conversationId: number, userId: string, fromSeq: number): Promise<UnreadCounts | null>;
}

/**
 * What the store may answer instead of doing it.
 * - `poison`: one of the things in the batch cannot be stored, ever; nothing was.
 * - `again`: the outcome is unknown or another transaction was in the way: the same batch may be sent again.
 * - `unavailable`: it cannot be reached or refuses; nothing was stored.
 */
export class StoreError extends Error {
  readonly kind: "poison" | "again" | "unavailable";

  /** The store's own code for it; its words may hold content. */
  readonly code: string;

  constructor(kind: StoreError["kind"], code: string) {
    super(`store: ${kind} (${code})`);
    this.name = "StoreError";
    this.kind = kind;
    this.code = code;
  }
}
