/** As much of what `/api/chat` answers as is read here; `/docs/openapi.json` of a server has all of it. */
import type { NotificationLevel } from "./model.ts";

type UserId = number | string;

export interface RestAttachment {
  readonly id: string;
  readonly fileName: string;
  readonly contentType: string;
  readonly size: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly url: string;
  readonly thumbnailUrl: string | null;
}

export interface RestFileLink {
  readonly url: string;
}

export interface RestMessage {
  readonly id: number;
  readonly conversationId: number;
  readonly messageType: string;
  readonly content: string | null;
  readonly senderId: UserId | null;
  readonly senderName: string | null;
  readonly senderAvatarUrl: string | null;
  readonly parentMessageId: number | null;
  readonly parentMessage: {
    readonly id: number;
    readonly messageType: string;
    readonly content: string | null;
    readonly senderId: UserId | null;
    readonly senderName: string | null;
    readonly isDeleted: boolean;
  } | null;
  readonly replyCount: number;
  readonly attachments: readonly RestAttachment[];
  readonly reactionSummary: Readonly<Record<string, number>>;
  readonly ownReactions?: readonly string[];
  readonly mentions: readonly UserId[];
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly createdAt: string;
  readonly editedAt: string | null;
  readonly deletedAt: string | null;
  readonly pinnedAt: string | null;
  readonly pinnedBy: UserId | null;
  readonly seq: number;
  readonly rev: number;
  readonly idempotencyKey?: string;
}

export interface RestParticipant {
  readonly userId: UserId;
  readonly userName: string | null;
  readonly avatarUrl?: string | null;
  readonly role: string;
  readonly lastReadSeq?: number;
  readonly lastDeliveredSeq?: number;
  readonly online?: boolean;
}

export interface RestConversation {
  readonly id: number;
  readonly type: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly avatarUrl: string | null;
  readonly createdAt: string;
  readonly lastMessageAt: string | null;
  readonly participantCount: number;
  readonly participants: readonly RestParticipant[];
  readonly allowReactions: boolean;
  readonly allowReplies: boolean;
  readonly allowFileUploads: boolean;
  readonly maxFileSizeMb: number;
  readonly allowedFileTypes: readonly string[] | null;
  readonly historyVisible: boolean;
  readonly seq: number;
  readonly lastMessage: RestMessage | null;
  readonly unreadCount: number;
  readonly unreadMentions: number;
  readonly muted: boolean;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly notificationLevel: NotificationLevel;
  readonly blocked: boolean;
}

export interface RestUser {
  readonly userId: UserId;
  readonly userName: string | null;
  readonly avatarUrl: string | null;
  readonly isBot: boolean;
}

export interface RestPresence {
  readonly userId: UserId;
  readonly status: string;
  readonly lastSeenAt: string | null;
}

export interface RestPage<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}
