import { attachmentPath } from "@parlance/protocol/attachment-path.ts";
import { isOurSpelling, spellPrefixed } from "@parlance/protocol/ids.ts";
import type { Attachment, ConversationHead, Message, ParentPreview } from "@parlance/protocol/model.ts";
import type { InboxEntry } from "@parlance/protocol/queries.ts";
import type {
  AttachmentPayload,
  ConversationPayload,
  MessagePayload,
  ParentPayload,
} from "@parlance/protocol/websocket.ts";

export const conversationId = (id: number): string => spellPrefixed("conversation", id);

/** The sender's own id where it gave one that cannot be taken for one of ours. */
export function messageId({ id, idempotencyKey }: Pick<Message, "id" | "idempotencyKey">): string {
  return idempotencyKey !== null && !isOurSpelling(idempotencyKey)
    ? idempotencyKey
    : spellPrefixed("message", id);
}

export function messagePayload(message: Message): MessagePayload {
  return {
    conversation_id: conversationId(message.conversationId),
    sender_id: message.senderId,
    message_id: messageId(message),
    content: message.content,
    timestamp: message.clientTime ?? message.createdAt,
    id: spellPrefixed("message", message.id),
    sender_name: message.senderName,
    ...(message.senderAvatarUrl !== null && { sender_avatar_url: message.senderAvatarUrl }),
    message_type: message.type,
    parent_id: message.parentId === null ? null : spellPrefixed("message", message.parentId),
    ...(message.parent !== null && { parent: parentPayload(message.parent) }),
    ...(message.replyCount > 0 && { reply_count: message.replyCount }),
    metadata: message.metadata,
    mentions: message.mentions,
    attachments: message.attachments?.map(attachmentPayload) ?? [],
    reactions: message.reactions ?? {},
    seq: message.seq,
    rev: message.rev,
    created_at: message.createdAt,
    edited_at: message.editedAt,
    deleted_at: message.deletedAt,
    ...(message.pinnedAt !== null && { pinned_at: message.pinnedAt, pinned_by: message.pinnedBy ?? "" }),
  };
}

function parentPayload({ id, type, senderId, senderName, content, deleted }: ParentPreview): ParentPayload {
  return {
    id: spellPrefixed("message", id),
    message_type: type,
    sender_id: senderId,
    sender_name: senderName,
    content,
    deleted,
  };
}

/** Without signatures: a frame is the same for all who get it, and a signature names one of them. */
function attachmentPayload({ id, hasThumbnail, ...attachment }: Attachment): AttachmentPayload {
  return {
    id,
    file_name: attachment.fileName,
    content_type: attachment.contentType,
    size: attachment.size,
    width: attachment.width,
    height: attachment.height,
    url: attachmentPath(id, "file"),
    thumbnail_url: hasThumbnail ? attachmentPath(id, "thumbnail") : null,
  };
}

/** @param entry where the frame is for one person */
export function conversationPayload(
  { conversation, participants }: ConversationHead,
  changes: {
    /** The last tick told of it, which the head may be ahead of. */
    readonly seq: number;
    readonly added?: readonly string[];
    readonly removed?: readonly string[];
    readonly deleted?: boolean;
  },
  entry?: InboxEntry,
): ConversationPayload {
  const { settings } = conversation;
  return {
    conversation_id: conversationId(conversation.id),
    kind: conversation.kind,
    name: conversation.name,
    description: conversation.description,
    avatar_url: conversation.avatarUrl,
    settings: {
      allow_replies: settings.allowReplies,
      allow_reactions: settings.allowReactions,
      history_visible: settings.historyVisible,
      allow_file_uploads: settings.allowFileUploads,
      max_file_size_mb: settings.maxFileSizeMb,
      allowed_file_types: settings.allowedFileTypes,
    },
    ...((participants.length > 0 || entry === undefined) && {
      participants: participants.map(({ userId, userName, role }) => ({
        user_id: userId,
        user_name: userName,
        role,
      })),
    }),
    participant_count: conversation.participantCount,
    seq: changes.seq,
    added: changes.added ?? [],
    removed: changes.removed ?? [],
    ...(changes.deleted === true && { deleted: true }),
    ...(entry !== undefined && personal(entry)),
  };
}

/** How a conversation stands in one person's list. */
function personal(entry: InboxEntry) {
  const { unread, unreadMentions, muted, pinned, archived, level, hidden, blocked } = entry;
  return { unread, unread_mentions: unreadMentions, muted, pinned, archived, level, hidden, blocked };
}
