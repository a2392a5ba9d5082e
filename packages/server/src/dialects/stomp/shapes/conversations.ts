import type { ConversationHead, Participant as ModelParticipant } from "@parlance/protocol/model.ts";
import type { InboxEntry, SeenParticipant } from "@parlance/protocol/queries.ts";
import { type Static, Type } from "typebox";
import { spellUserId } from "../ids.ts";
import { closed, Id, Nullable, Text, Time, timeOf, UserId, UserName, upper, userOrNull } from "./common.ts";
import { ChatMessage, messageOf, type Viewer } from "./messages.ts";

export const Role = Type.Union([Type.Literal("OWNER"), Type.Literal("ADMIN"), Type.Literal("MEMBER")]);
export const NotificationLevel = Type.Union([
  Type.Literal("all"),
  Type.Literal("mentions"),
  Type.Literal("none"),
]);

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
