/**
 * What this dialect says of things, as its REST and its destinations both say it. The schemas check, type and document
 * the same shape.
 */

import type { Reacted } from "@parlance/protocol/commands.ts";
import {
  type ConversationHead,
  type Message,
  type MessageType as ModelMessageType,
  type Participant as ModelParticipant,
  NOBODY,
  type UserCard,
} from "@parlance/protocol/model.ts";
import type {
  InboxEntry,
  EarlierText as ModelEarlierText,
  Reaction as ModelReaction,
  ReadBy,
  SeenParticipant,
  UserPresence,
} from "@parlance/protocol/queries.ts";
import { type Static, Type } from "typebox";
import type { SignedLinks } from "../../http/signed-links.ts";
import { attachmentOf } from "./attachment-shape.ts";
import { type SpelledUserId, spellUserId } from "./ids.ts";

export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const Id = Type.Integer({ minimum: 1 });
/** RFC 3339, UTC, milliseconds. */
const Time = Type.String({ format: "date-time" });
const Text = Type.String();
const UserId = Type.Union([Type.Integer(), Type.String()], {
  description: "A number where the id is a plain decimal integer below 2^53, else a string",
});
const UserName = Nullable(Text);

export const MessageType = Type.Union([
  Type.Literal("TEXT"),
  Type.Literal("IMAGE"),
  Type.Literal("FILE"),
  Type.Literal("SYSTEM"),
]);
export type MessageType = Static<typeof MessageType>;

export const Role = Type.Union([Type.Literal("OWNER"), Type.Literal("ADMIN"), Type.Literal("MEMBER")]);
export const Status = Type.Union([
  Type.Literal("ONLINE"),
  Type.Literal("AWAY"),
  Type.Literal("DND"),
  Type.Literal("OFFLINE"),
]);
export const NotificationLevel = Type.Union([
  Type.Literal("all"),
  Type.Literal("mentions"),
  Type.Literal("none"),
]);

const closed = { additionalProperties: false };

export const Attachment = Type.Object(
  {
    id: Text,
    fileName: Text,
    contentType: Text,
    size: Type.Integer(),
    width: Nullable(Type.Integer()),
    height: Nullable(Type.Integer()),
    url: Text,
    thumbnailUrl: Nullable(Text),
  },
  { title: "Attachment", ...closed },
);

export const FileLink = Type.Object(
  { url: Text, thumbnailUrl: Nullable(Text), expiresAt: Text },
  { title: "FileLink", ...closed },
);

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

export const Participant = Type.Object(
  {
    userId: UserId,
    userName: UserName,
    role: Role,
    joinedAt: Time,
    /** What is known of them when one asks; what is told to all at once leaves it out. */
    avatarUrl: Type.Optional(Nullable(Text)),
    lastReadMessageId: Type.Optional(Nullable(Id)),
    /** Everything up to these `seq` was handed to a device of theirs, or read. */
    lastDeliveredSeq: Type.Optional(Type.Integer()),
    lastReadSeq: Type.Optional(Type.Integer()),
    online: Type.Optional(Type.Boolean()),
  },
  { title: "Participant", ...closed },
);

const CONVERSATION = {
  id: Id,
  type: Type.Union([Type.Literal("DIRECT"), Type.Literal("GROUP")]),
  /** Of a direct conversation null: it goes by the other person's name. */
  name: Nullable(Text),
  description: Nullable(Text),
  avatarUrl: Nullable(Text),
  createdBy: Nullable(UserId),
  createdAt: Time,
  participantCount: Type.Integer(),
  /** The first 200, longest in it first. */
  participants: Type.Array(Participant),
  allowReactions: Type.Boolean(),
  allowReplies: Type.Boolean(),
  allowFileUploads: Type.Boolean(),
  maxFileSizeMb: Type.Integer(),
  /** Null: whatever the server takes. */
  allowedFileTypes: Nullable(Type.Array(Text)),
  historyVisible: Type.Boolean(),
  seq: Type.Integer(),
};

/** What everybody in a conversation is told of it alike. */
export const SharedConversation = Type.Object(CONVERSATION, { title: "SharedConversation", ...closed });

export const Conversation = Type.Object(
  {
    ...CONVERSATION,
    /** Its latest message, or its own latest change. */
    updatedAt: Time,
    lastMessage: Nullable(ChatMessage),
    lastMessageAt: Nullable(Time),
    unreadCount: Type.Integer(),
    unreadMentions: Type.Integer(),
    muted: Type.Boolean(),
    pinned: Type.Boolean(),
    archived: Type.Boolean(),
    notificationLevel: NotificationLevel,
    /** The caller has blocked the other person of a direct conversation. */
    blocked: Type.Boolean(),
  },
  { title: "Conversation", ...closed },
);
export type Conversation = Static<typeof Conversation>;

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

export const Presence = Type.Object(
  {
    userId: UserId,
    userName: UserName,
    online: Type.Boolean(),
    status: Status,
    lastSeenAt: Nullable(Time),
    deviceType: Nullable(Text),
  },
  { title: "Presence", ...closed },
);

export const User = Type.Object(
  { userId: UserId, userName: UserName, avatarUrl: Nullable(Text), isBot: Type.Boolean() },
  { title: "User", ...closed },
);

/** For whom a thing is shown, and who signs the links in it; null: it is the same for everybody, with plain paths. */
export type Viewer = { readonly userId: string; readonly links: SignedLinks } | null;

export const timeOf = (ms: number): string => new Date(ms).toISOString();
const timeOrNull = (ms: number | null): string | null => (ms === null ? null : timeOf(ms));
const upper = <T extends string>(word: T): Uppercase<T> => word.toUpperCase() as Uppercase<T>;
const userOrNull = (id: string | null): SpelledUserId | null => (id === null ? null : spellUserId(id));

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

export function participantOf({ userId, userName, role, joinedAt }: ModelParticipant) {
  return { userId: spellUserId(userId), userName, role: upper(role), joinedAt: timeOf(joinedAt) };
}

export function participantDetailOf(participant: SeenParticipant) {
  const { avatarUrl, lastReadMessageId, deliveredSeq, readSeq, online } = participant;
  return {
    ...participantOf(participant),
    avatarUrl,
    lastReadMessageId,
    lastDeliveredSeq: deliveredSeq,
    lastReadSeq: readSeq,
    online,
  };
}

/** @param maxFileSizeMb the server's own limit */
export function sharedConversationOf(
  { conversation, participants }: ConversationHead,
  maxFileSizeMb: number,
): Static<typeof SharedConversation> {
  const { settings } = conversation;
  return {
    id: conversation.id,
    type: upper(conversation.kind),
    name: conversation.name,
    description: conversation.description,
    avatarUrl: conversation.avatarUrl,
    createdBy: userOrNull(conversation.createdBy),
    createdAt: timeOf(conversation.createdAt),
    participantCount: conversation.participantCount,
    participants: participants.map(participantOf),
    allowReactions: settings.allowReactions,
    allowReplies: settings.allowReplies,
    allowFileUploads: settings.allowFileUploads,
    maxFileSizeMb: Math.min(settings.maxFileSizeMb ?? maxFileSizeMb, maxFileSizeMb),
    allowedFileTypes: settings.allowedFileTypes === null ? null : [...settings.allowedFileTypes],
    historyVisible: settings.historyVisible,
    seq: conversation.clock,
  };
}

/** A conversation as it stands in somebody's list. */
export function conversationOf(
  entry: InboxEntry,
  {
    viewer,
    people,
    maxFileSizeMb,
  }: {
    readonly viewer: Viewer;
    readonly people: readonly SeenParticipant[];
    readonly maxFileSizeMb: number;
  },
): Conversation {
  return {
    ...sharedConversationOf(entry.head, maxFileSizeMb),
    participants: people.map(participantDetailOf),
    ...personalOf(entry, viewer),
  };
}

/** What of a conversation hangs on who looks at it. */
export function personalOf(entry: InboxEntry, viewer: Viewer) {
  const { head, lastMessage, lastMessageAt } = entry;
  return {
    updatedAt: timeOf(Math.max(lastMessageAt, head.conversation.updatedAt)),
    lastMessage: lastMessage === null ? null : messageOf(lastMessage, viewer),
    lastMessageAt: lastMessage === null ? null : timeOf(lastMessageAt),
    unreadCount: entry.unread,
    unreadMentions: entry.unreadMentions,
    muted: entry.muted,
    pinned: entry.pinned,
    archived: entry.archived,
    notificationLevel: entry.level,
    blocked: entry.blocked,
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

export function presenceOf(presence: UserPresence): Static<typeof Presence> {
  const { userId, name, status, lastSeenAt, deviceType } = presence;
  return {
    userId: spellUserId(userId),
    userName: name,
    online: status !== "offline",
    status: upper(status),
    lastSeenAt: timeOrNull(lastSeenAt),
    deviceType,
  };
}

export function userOf({ id, name, avatarUrl, isBot }: UserCard): Static<typeof User> {
  return { userId: spellUserId(id), userName: name, avatarUrl, isBot };
}
