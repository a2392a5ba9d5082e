/** What the server says, in the client's own words. */
import type { ConversationPayload, MessagePayload } from "@parlance/protocol/websocket.ts";
import type {
  Attachment,
  Conversation,
  Marks,
  Message,
  MessageType,
  Participant,
  Presence,
  Role,
  User,
} from "./model.ts";
import type {
  RestConversation,
  RestMessage,
  RestParticipant,
  RestPresence,
  RestUser,
} from "./rest-shapes.ts";

const CHECK_CHARACTERS = "bcdfghjkmnpqrstvwxz";
const spell = (prefix: string, id: number): string => `${prefix}_${id}${CHECK_CHARACTERS[id % 19]}`;
/** The REST writes numbers where the socket writes `conv_…` and `msg_…`: here it is always the latter. */
export const spellConversation = (id: number): string => spell("conv", id);
export const spellMessage = (id: number): string => spell("msg", id);

const lower = <T extends string>(word: string): T => word.toLowerCase() as T;
const timeOf = (text: string | null): number | null => (text === null ? null : Date.parse(text));

/** Whose `senderId` is of messages that nobody wrote. */
const NOBODY = "";
const STORED = { state: "stored", error: null } as const;

/** @param ownReactions as far as they are known: a frame is the same for all who get it */
export function messageOfFrame(payload: MessagePayload, ownReactions: readonly string[] = []): Message {
  const { parent } = payload;
  return {
    ...STORED,
    key: payload.message_id,
    id: payload.id,
    conversationId: payload.conversation_id,
    seq: payload.seq,
    rev: payload.rev,
    type: payload.message_type as MessageType,
    senderId: payload.sender_id,
    senderName: payload.sender_name,
    senderAvatarUrl: payload.sender_avatar_url ?? null,
    content: payload.content,
    parentId: payload.parent_id,
    parent:
      parent === undefined
        ? null
        : {
            id: parent.id,
            type: parent.message_type as MessageType,
            senderId: parent.sender_id,
            senderName: parent.sender_name,
            content: parent.content,
            isDeleted: parent.deleted,
          },
    replyCount: payload.reply_count ?? 0,
    mentions: payload.mentions,
    metadata: payload.metadata,
    attachments: payload.attachments.map((attachment) => ({
      id: attachment.id,
      fileName: attachment.file_name,
      contentType: attachment.content_type,
      size: attachment.size,
      width: attachment.width,
      height: attachment.height,
      hasThumbnail: attachment.thumbnail_url !== null,
    })),
    reactions: payload.reactions,
    ownReactions: ownReactions.filter((emoji) => emoji in payload.reactions),
    createdAt: payload.created_at,
    editedAt: payload.edited_at,
    deletedAt: payload.deleted_at,
    pinnedAt: payload.pinned_at ?? null,
    pinnedBy: payload.pinned_by ?? null,
  };
}

const senderOf = (userId: number | string | null): string => (userId === null ? NOBODY : String(userId));

export function messageOfRest(message: RestMessage): Message {
  const { parentMessage: parent } = message;
  const id = spellMessage(message.id);
  return {
    ...STORED,
    key: message.idempotencyKey ?? id,
    id,
    conversationId: spellConversation(message.conversationId),
    seq: message.seq,
    rev: message.rev,
    type: lower<MessageType>(message.messageType),
    senderId: senderOf(message.senderId),
    senderName: message.senderName,
    senderAvatarUrl: message.senderAvatarUrl,
    content: message.content ?? "",
    parentId: message.parentMessageId === null ? null : spellMessage(message.parentMessageId),
    parent:
      parent === null
        ? null
        : {
            id: spellMessage(parent.id),
            type: lower<MessageType>(parent.messageType),
            senderId: senderOf(parent.senderId),
            senderName: parent.senderName,
            content: parent.content ?? "",
            isDeleted: parent.isDeleted,
          },
    replyCount: message.replyCount,
    mentions: message.mentions.map(String),
    metadata: message.metadata,
    attachments: message.attachments.map(attachmentOfRest),
    reactions: message.reactionSummary,
    ownReactions: message.ownReactions ?? [],
    createdAt: Date.parse(message.createdAt),
    editedAt: timeOf(message.editedAt),
    deletedAt: timeOf(message.deletedAt),
    pinnedAt: timeOf(message.pinnedAt),
    pinnedBy: message.pinnedBy === null ? null : String(message.pinnedBy),
  };
}

/** The links that come with it end or lack a token: `files.url` makes one. */
export function attachmentOfRest({
  id,
  fileName,
  contentType,
  size,
  width,
  height,
  thumbnailUrl,
}: RestMessage["attachments"][number]): Attachment {
  return { id, fileName, contentType, size, width, height, hasThumbnail: thumbnailUrl !== null };
}

export function conversationOfRest(conversation: RestConversation, me: string): Conversation {
  const marks: Record<string, Marks> = {};
  let ownRole: Role | null = null;
  let readSeq = 0;
  const participants = conversation.participants.map((participant): Participant => {
    const shown = participantOfRest(participant);
    const { userId, role } = shown;
    const mark = {
      deliveredSeq: participant.lastDeliveredSeq ?? 0,
      readSeq: participant.lastReadSeq ?? 0,
      readAt: null,
    };
    if (userId === me) {
      ownRole = role;
      readSeq = mark.readSeq;
    } else if (conversation.participantCount <= MAX_MARKED) marks[userId] = mark;
    return shown;
  });
  const { lastMessage } = conversation;
  return {
    id: spellConversation(conversation.id),
    kind: lower(conversation.type),
    name: conversation.name,
    description: conversation.description,
    avatarUrl: conversation.avatarUrl,
    createdAt: Date.parse(conversation.createdAt),
    settings: {
      allowReplies: conversation.allowReplies,
      allowReactions: conversation.allowReactions,
      allowFileUploads: conversation.allowFileUploads,
      historyVisible: conversation.historyVisible,
      maxFileSizeMb: conversation.maxFileSizeMb,
      allowedFileTypes: conversation.allowedFileTypes,
    },
    participants,
    participantCount: conversation.participantCount,
    marks,
    ownRole,
    readSeq,
    unread: conversation.unreadCount,
    unreadMentions: conversation.unreadMentions,
    lastMessage: lastMessage === null ? null : messageOfRest(lastMessage),
    lastActivityAt: Date.parse(conversation.lastMessageAt ?? conversation.createdAt),
    muted: conversation.muted,
    pinned: conversation.pinned,
    archived: conversation.archived,
    level: conversation.notificationLevel,
    hidden: false,
    blocked: conversation.blocked,
    seq: conversation.seq,
  };
}

/** Over so many people the server tells of nobody's receipts. */
const MAX_MARKED = 100;

/** A head as it is told, over what is known already. @param now by the server's clock */
export function conversationOfFrame(
  payload: ConversationPayload,
  known: Conversation | null,
  me: string,
  now: number,
): Conversation {
  const before = new Map(known?.participants.map((participant) => [participant.userId, participant]));
  const told = payload.participants?.map(
    ({ user_id: userId, user_name: name, role }): Participant => ({
      userId,
      name,
      avatarUrl: before.get(userId)?.avatarUrl ?? null,
      role: role as Role,
    }),
  );
  const participants = told ?? known?.participants ?? [];
  const { settings } = payload;
  const marks: Record<string, Marks> = {};
  if (payload.participant_count <= MAX_MARKED) {
    for (const { userId } of participants) {
      if (userId !== me)
        marks[userId] = known?.marks[userId] ?? { deliveredSeq: 0, readSeq: 0, readAt: null };
    }
  }
  return {
    id: payload.conversation_id,
    kind: payload.kind,
    name: payload.name,
    description: payload.description,
    avatarUrl: payload.avatar_url,
    createdAt: known?.createdAt ?? null,
    settings: {
      allowReplies: settings.allow_replies as boolean,
      allowReactions: settings.allow_reactions as boolean,
      allowFileUploads: settings.allow_file_uploads as boolean,
      historyVisible: settings.history_visible as boolean,
      maxFileSizeMb: settings.max_file_size_mb as number | null,
      allowedFileTypes: settings.allowed_file_types as readonly string[] | null,
    },
    participants,
    participantCount: payload.participant_count,
    marks,
    ownRole: participants.find(({ userId }) => userId === me)?.role ?? null,
    readSeq: known?.readSeq ?? 0,
    lastMessage: known?.lastMessage ?? null,
    lastActivityAt: known?.lastActivityAt ?? now,
    unread: payload.unread ?? known?.unread ?? 0,
    unreadMentions: payload.unread_mentions ?? known?.unreadMentions ?? 0,
    muted: payload.muted ?? known?.muted ?? false,
    pinned: payload.pinned ?? known?.pinned ?? false,
    archived: payload.archived ?? known?.archived ?? false,
    level: payload.level ?? known?.level ?? "all",
    hidden: payload.hidden ?? known?.hidden ?? false,
    blocked: payload.blocked ?? known?.blocked ?? false,
    seq: Math.max(payload.seq, known?.seq ?? 0),
  };
}

export function userOfRest({ userId, userName, avatarUrl, isBot }: RestUser): User {
  return { userId: String(userId), name: userName, avatarUrl, isBot };
}

export function participantOfRest({
  userId,
  userName,
  avatarUrl = null,
  role,
}: RestParticipant): Participant {
  return { userId: String(userId), name: userName, avatarUrl, role: lower<Role>(role) };
}

export function presenceOfRest({ userId, status, lastSeenAt }: RestPresence): Presence {
  return { userId: String(userId), status: lower(status), lastSeenAt: timeOf(lastSeenAt) };
}
