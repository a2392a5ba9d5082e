/** What the server says, in the client's own words. */
import type {
  ConversationPayload,
  MessagePayload,
  ParticipantPayload,
} from "@parlance/protocol/websocket.ts";
import { camel } from "./camel.ts";
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

/** What a message has that nothing is said of. */
export const BARE = {
  state: "stored",
  error: null,
  senderAvatarUrl: null,
  replyCount: 0,
  mentions: [],
  reactions: {},
  ownReactions: [],
  editedAt: null,
  deletedAt: null,
  pinnedAt: null,
  pinnedBy: null,
} as const;

/** @param own the reactions of one's own, as far as they are known: a frame is the same for all who get it */
export function messageOfFrame(payload: MessagePayload, me: string, own: readonly string[] = []): Message {
  const { messageId, messageType, timestamp: _, parent, attachments, ...rest } = camel(payload);
  return {
    ...BARE,
    ...rest,
    key: keyOf(rest.senderId === me, messageId, rest.id),
    type: messageType as MessageType,
    parent: parent === undefined ? null : parentOf(camel(parent)),
    attachments: attachments.map((attachment) => attachmentOf(camel(attachment))),
    ownReactions: own.filter((emoji) => emoji in rest.reactions),
  };
}

function parentOf({
  messageType,
  deleted,
  ...parent
}: {
  readonly id: string;
  readonly messageType: string;
  readonly senderId: string;
  readonly senderName: string | null;
  readonly content: string;
  readonly deleted: boolean;
}): Message["parent"] {
  return { ...parent, type: lower<MessageType>(messageType), isDeleted: deleted };
}

/** What a list is keyed by. Others choose theirs as they like, one that another message has too: of those it is the id. */
const keyOf = (isOwn: boolean, chosen: string | null | undefined, id: string): string =>
  (isOwn && chosen) || id;

export function messageOfRest(message: RestMessage, me: string): Message {
  const { parentMessage: parent, parentMessageId } = message;
  const { senderName, senderAvatarUrl, replyCount, metadata, seq, rev } = message;
  const id = spellMessage(message.id);
  const senderId = senderOf(message);
  return {
    ...BARE,
    senderName,
    senderAvatarUrl,
    replyCount,
    metadata,
    seq,
    rev,
    id,
    key: keyOf(senderId === me, message.idempotencyKey, id),
    conversationId: spellConversation(message.conversationId),
    type: lower<MessageType>(message.messageType),
    senderId,
    content: message.content ?? "",
    parentId: parentMessageId === null ? null : spellMessage(parentMessageId),
    parent:
      parent === null
        ? null
        : parentOf({
            id: spellMessage(parent.id),
            messageType: parent.messageType,
            senderId: senderOf(parent),
            senderName: parent.senderName,
            content: parent.content ?? "",
            deleted: parent.isDeleted,
          }),
    mentions: message.mentions.map(String),
    attachments: message.attachments.map(attachmentOf),
    reactions: message.reactionSummary,
    ownReactions: message.ownReactions ?? [],
    createdAt: Date.parse(message.createdAt),
    editedAt: timeOf(message.editedAt),
    deletedAt: timeOf(message.deletedAt),
    pinnedAt: timeOf(message.pinnedAt),
    pinnedBy: message.pinnedBy === null ? null : String(message.pinnedBy),
  };
}

const senderOf = ({ senderId }: Pick<RestMessage, "senderId">): string =>
  senderId === null ? NOBODY : String(senderId);

export function attachmentOf({
  id,
  fileName,
  contentType,
  size,
  width,
  height,
  url,
  thumbnailUrl,
}: RestMessage["attachments"][number]): Attachment {
  return { id, fileName, contentType, size, width, height, url, hasThumbnail: thumbnailUrl !== null };
}

/** Over so many people the server tells of nobody's receipts. */
const MAX_MARKED = 100;
const UNMARKED: Marks = { deliveredSeq: 0, readSeq: 0, readAt: null };

/** How the others of these have come, as far as that is told. */
function marksOf(
  people: readonly { readonly userId: string }[],
  count: number,
  me: string,
  known: (userId: string) => Marks | undefined,
): Readonly<Record<string, Marks>> {
  const others = count > MAX_MARKED ? [] : people.filter(({ userId }) => userId !== me);
  return Object.fromEntries(others.map(({ userId }) => [userId, known(userId) ?? UNMARKED]));
}

const roleOf = (people: readonly Participant[], me: string): Role | null =>
  people.find(({ userId }) => userId === me)?.role ?? null;

export function conversationOfRest(conversation: RestConversation, me: string): Conversation {
  const { name, description, avatarUrl, participantCount, unreadMentions, lastMessage } = conversation;
  const { muted, pinned, archived, blocked, seq } = conversation;
  const participants = conversation.participants.map(participantOfRest);
  const marks = new Map(
    conversation.participants.map(({ userId, lastDeliveredSeq = 0, lastReadSeq = 0 }) => [
      String(userId),
      { deliveredSeq: lastDeliveredSeq, readSeq: lastReadSeq, readAt: null },
    ]),
  );
  return {
    name,
    description,
    avatarUrl,
    participantCount,
    unreadMentions,
    muted,
    pinned,
    archived,
    blocked,
    seq,
    id: spellConversation(conversation.id),
    kind: lower(conversation.type),
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
    marks: marksOf(participants, participantCount, me, (userId) => marks.get(userId)),
    ownRole: roleOf(participants, me),
    readSeq: marks.get(me)?.readSeq ?? 0,
    unread: conversation.unreadCount,
    lastMessage: lastMessage === null ? null : messageOfRest(lastMessage, me),
    lastActivityAt: Date.parse(conversation.lastMessageAt ?? conversation.createdAt),
    level: conversation.notificationLevel,
    hidden: false,
  };
}

/** What a conversation has that was never said more of than its head. */
const UNKNOWN = {
  createdAt: null,
  readSeq: 0,
  unread: 0,
  unreadMentions: 0,
  lastMessage: null,
  muted: false,
  pinned: false,
  archived: false,
  level: "all",
  hidden: false,
  blocked: false,
} as const;

/** A head as it is told, over what is known already. @param now by the server's clock */
export function conversationOfFrame(
  payload: ConversationPayload,
  known: Conversation | null,
  me: string,
  now: number,
): Conversation {
  const { conversationId, settings, added: _, removed: __, deleted: ___, ...head } = camel(payload);
  const pictures = new Map(known?.participants.map(({ userId, avatarUrl }) => [userId, avatarUrl]));
  // Those of a large group are not told again to who knows them.
  const told = head.participants?.map((one: ParticipantPayload): Participant => {
    const { userId, userName: name, role } = camel(one);
    return { userId, name, avatarUrl: pictures.get(userId) ?? null, role: role as Role };
  });
  const participants = told ?? known?.participants ?? [];
  return {
    ...UNKNOWN,
    lastActivityAt: now,
    ...known,
    ...head,
    id: conversationId,
    settings: camel(settings) as unknown as Conversation["settings"],
    participants,
    marks: marksOf(participants, head.participantCount, me, (userId) => known?.marks[userId]),
    ownRole: roleOf(participants, me),
    seq: Math.max(head.seq, known?.seq ?? 0),
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
