import type { Reacted } from "@parlance/protocol/commands.ts";
import { type Message, type MessageType as ModelMessageType, NOBODY } from "@parlance/protocol/model.ts";
import type {
  EarlierText as ModelEarlierText,
  Reaction as ModelReaction,
  ReadBy,
} from "@parlance/protocol/queries.ts";
import { type Static, Type } from "typebox";
import type { SignedLinks } from "../../../http/signed-links.ts";
import { type SpelledUserId, spellUserId } from "../ids.ts";
import { Attachment, attachmentOf } from "./attachments.ts";
import {
  closed,
  Id,
  Nullable,
  Text,
  Time,
  timeOf,
  timeOrNull,
  UserId,
  UserName,
  upper,
  userOrNull,
} from "./common.ts";

export const MessageType = Type.Union([
  Type.Literal("TEXT"),
  Type.Literal("IMAGE"),
  Type.Literal("FILE"),
  Type.Literal("SYSTEM"),
]);
export type MessageType = Static<typeof MessageType>;

/** Count by emoji. */
export const ReactionSummary = Type.Record(Text, Type.Integer());
const Metadata = Type.Record(Text, Type.Unknown());

export const ParentMessage = Type.Object(
  {
    id: Id,
    messageType: MessageType,
    content: Nullable(Text),
    senderId: Nullable(UserId),
    senderName: UserName,
    isDeleted: Type.Boolean(),
  },
  { title: "ParentMessage", ...closed },
);

export const ChatMessage = Type.Object(
  {
    id: Id,
    conversationId: Id,
    messageType: MessageType,
    /** Null once deleted. */
    content: Nullable(Text),
    /** Null of SYSTEM messages. */
    senderId: Nullable(UserId),
    senderName: UserName,
    senderAvatarUrl: Nullable(Text),
    parentMessageId: Nullable(Id),
    parentMessage: Nullable(ParentMessage),
    replyCount: Type.Integer(),
    isEdited: Type.Boolean(),
    isDeleted: Type.Boolean(),
    attachments: Type.Array(Attachment),
    reactionSummary: ReactionSummary,
    /** With what its reader has reacted; in lists of messages, where that has been looked up. */
    ownReactions: Type.Optional(Type.Array(Text)),
    mentions: Type.Array(UserId),
    metadata: Nullable(Metadata),
    createdAt: Time,
    editedAt: Nullable(Time),
    deletedAt: Nullable(Time),
    pinnedAt: Nullable(Time),
    pinnedBy: Nullable(UserId),
    seq: Type.Integer(),
    rev: Type.Integer(),
    /** To its sender alone, as it was given. */
    tempId: Type.Optional(Text),
    /** To its sender alone: the key it was sent under. */
    idempotencyKey: Type.Optional(Text),
  },
  { title: "ChatMessage", ...closed },
);
export type ChatMessage = Static<typeof ChatMessage>;

export const Reaction = Type.Object(
  { userId: UserId, userName: UserName, emoji: Text, createdAt: Time },
  { title: "Reaction", ...closed },
);

/** What a reaction that was set or taken away has led to. */
export const ReactionChange = Type.Object(
  {
    messageId: Id,
    conversationId: Id,
    userId: UserId,
    userName: UserName,
    emoji: Text,
    added: Type.Boolean(),
    summary: ReactionSummary,
  },
  { title: "ReactionChange", ...closed },
);

export const ReadReceipt = Type.Object(
  { userId: UserId, userName: UserName, readAt: Time },
  { title: "ReadReceipt", ...closed },
);

export const EarlierText = Type.Object(
  { content: Text, replacedAt: Time, rev: Type.Integer() },
  { title: "EarlierText", ...closed },
);

/** For whom a thing is shown, and who signs the links in it; null: it is the same for everybody, with plain paths. */
export type Viewer = { readonly userId: string; readonly links: SignedLinks } | null;

const senderOf = (id: string): SpelledUserId | null => (id === NOBODY ? null : spellUserId(id));

/** This dialect knows no locations: theirs is a text. */
const typeOf = (type: ModelMessageType): MessageType => (type === "location" ? "TEXT" : upper(type));

/** A message; a deleted one is a tombstone, which keeps its place and who it was from. */
export function messageOf(message: Message, viewer: Viewer): ChatMessage {
  const { parent, deletedAt } = message;
  const isDeleted = deletedAt !== null;
  return {
    id: message.id,
    conversationId: message.conversationId,
    messageType: typeOf(message.type),
    content: isDeleted ? null : message.content,
    senderId: senderOf(message.senderId),
    senderName: message.senderName,
    senderAvatarUrl: message.senderAvatarUrl,
    parentMessageId: message.parentId,
    parentMessage: parent === null ? null : parentOf(parent),
    replyCount: message.replyCount,
    isEdited: message.editedAt !== null,
    isDeleted,
    attachments: message.attachments?.map((attachment) => attachmentOf(attachment, viewer)) ?? [],
    reactionSummary: message.reactions ?? {},
    mentions: message.mentions.map(spellUserId),
    metadata: message.metadata,
    createdAt: timeOf(message.createdAt),
    editedAt: timeOrNull(message.editedAt),
    deletedAt: timeOrNull(deletedAt),
    pinnedAt: timeOrNull(message.pinnedAt),
    pinnedBy: userOrNull(message.pinnedBy),
    seq: message.seq,
    rev: message.rev,
    ...(message.idempotencyKey !== null &&
      viewer?.userId === message.senderId && { idempotencyKey: message.idempotencyKey }),
  };
}

function parentOf({ id, type, senderId, senderName, content, deleted }: NonNullable<Message["parent"]>) {
  return {
    id,
    messageType: typeOf(type),
    content: deleted ? null : content,
    senderId: senderOf(senderId),
    senderName,
    isDeleted: deleted,
  };
}

export function reactionOf({ userId, userName, emoji, createdAt }: ModelReaction) {
  return { userId: spellUserId(userId), userName, emoji, createdAt: timeOf(createdAt) };
}

export function reactionChangeOf(
  reacted: Pick<Reacted, "message" | "userId" | "userName" | "emoji" | "added">,
): Static<typeof ReactionChange> {
  const { message, userId, userName, emoji, added } = reacted;
  return {
    messageId: message.id,
    conversationId: message.conversationId,
    userId: spellUserId(userId),
    userName,
    emoji,
    added,
    summary: message.reactions ?? {},
  };
}

export function receiptOf({ userId, userName, readAt }: ReadBy) {
  return { userId: spellUserId(userId), userName, readAt: timeOf(readAt) };
}

export function earlierTextOf({ content, replacedAt, rev }: ModelEarlierText) {
  return { content, replacedAt: timeOf(replacedAt), rev };
}
