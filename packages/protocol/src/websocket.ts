/**
 * The frames of the websocket dialect (`/ws`). One JSON text frame: `{"event": …, "payload": {…}}`, with an
 * optional `"id"` that is echoed in the answer. Ids of conversations and messages may come in any of their
 * spellings and go out prefixed; times are epoch milliseconds.
 */
import { type Static, Type } from "typebox";

const Id = Type.Union([Type.String(), Type.Number()]);
const UserId = Type.String();

export const CLIENT_EVENTS = {
  "message.send": Type.Object({
    conversation_id: Id,
    sender_id: Type.Optional(UserId),
    /** Made by the client, unique by conversation and sender: a repeat is answered with the first result. */
    message_id: Type.Optional(Type.String()),
    content: Type.String(),
    timestamp: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    message_type: Type.Optional(
      Type.Union([
        Type.Literal("text"),
        Type.Literal("image"),
        Type.Literal("file"),
        Type.Literal("location"),
      ]),
    ),
    parent_id: Type.Optional(Type.Union([Id, Type.Null()])),
    metadata: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
    /** Of files uploaded before; each can be used once. */
    attachment_ids: Type.Optional(Type.Array(Type.String())),
  }),
  "message.edit": Type.Object({ conversation_id: Id, message_id: Id, content: Type.String() }),
  "message.delete": Type.Object({ conversation_id: Id, message_id: Id }),
  "reaction.add": Type.Object({ conversation_id: Id, message_id: Id, emoji: Type.String() }),
  "reaction.remove": Type.Object({ conversation_id: Id, message_id: Id, emoji: Type.String() }),
  read: Type.Object({ conversation_id: Id, message_id: Type.Optional(Type.Union([Id, Type.Null()])) }),
  typing: Type.Object({ conversation_id: Id, typing: Type.Boolean() }),
  presence: Type.Object({
    status: Type.Union([
      Type.Literal("online"),
      Type.Literal("away"),
      Type.Literal("dnd"),
      Type.Literal("offline"),
    ]),
  }),
  "conversation.open": Type.Object({
    participants: Type.Array(UserId),
    name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  }),
  resume: Type.Object({
    position: Type.Optional(Type.String()),
    epoch: Type.Optional(Type.String()),
    /** The seq of the last event a client has, by conversation. */
    positions: Type.Optional(
      Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    ),
  }),
  auth: Type.Object({ token: Type.String() }),
  ping: Type.Object({}),
} as const;

export type ClientEventName = keyof typeof CLIENT_EVENTS;
export type ClientPayload<N extends ClientEventName> = Static<(typeof CLIENT_EVENTS)[N]>;

/** A request id: paired with its answer, otherwise meaningless here. */
export type RequestId = string | number;

export interface AttachmentPayload {
  readonly id: string;
  readonly file_name: string;
  readonly content_type: string;
  readonly size: number;
  readonly width: number | null;
  readonly height: number | null;
  /** A path on this server, had with the token that one connects with. */
  readonly url: string;
  readonly thumbnail_url: string | null;
}

export interface ParentPayload {
  readonly id: string;
  readonly message_type: string;
  readonly sender_id: string;
  readonly sender_name: string | null;
  /** The first 200 code points; empty once deleted. */
  readonly content: string;
  readonly deleted: boolean;
}

export interface MessagePayload {
  readonly conversation_id: string;
  readonly sender_id: string;
  /** The sender's own id for it where it gave one, else the server's. */
  readonly message_id: string;
  readonly content: string;
  /** What the sender's clock said; when it said nothing, the server's. Orders nothing: `seq` does. */
  readonly timestamp: number;
  /** The server's id. */
  readonly id: string;
  readonly sender_name: string | null;
  /** Only where the sender has a picture. */
  readonly sender_avatar_url?: string;
  readonly message_type: string;
  readonly parent_id: string | null;
  /** Only of a reply: as much of what it answers as a preview shows. */
  readonly parent?: ParentPayload;
  /** Only where there are any: replies that are not deleted. Who listens counts those that come after. */
  readonly reply_count?: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** User ids of the participants that the content names. */
  readonly mentions: readonly string[];
  readonly attachments: readonly AttachmentPayload[];
  readonly reactions: Readonly<Record<string, number>>;
  readonly seq: number;
  readonly rev: number;
  readonly created_at: number;
  readonly edited_at: number | null;
  readonly deleted_at: number | null;
  /** Only of a message that is pinned in its conversation. */
  readonly pinned_at?: number;
  readonly pinned_by?: string;
}

export interface ParticipantPayload {
  readonly user_id: string;
  readonly user_name: string | null;
  readonly role: string;
}

export interface ConversationPayload {
  readonly conversation_id: string;
  readonly kind: "direct" | "group";
  readonly name: string | null;
  readonly description: string | null;
  readonly avatar_url: string | null;
  readonly settings: Readonly<Record<string, boolean | number | readonly string[] | null>>;
  /**
   * The longest in it first, at most 200. Not there where a resume tells of one's own list only, of a conversation that
   * the client knows with more than 20 people.
   */
  readonly participants?: readonly ParticipantPayload[];
  readonly participant_count: number;
  readonly seq: number;
  /** Who was just let in, and who was let out. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** It was deleted for everyone. */
  readonly deleted?: boolean;
  /**
   * From here on only where the frame is made for one person: after a resume, and when they changed how they keep the
   * conversation in their own list.
   */
  readonly unread?: number;
  /** Of the unread, those that name this person. */
  readonly unread_mentions?: number;
  readonly muted?: boolean;
  readonly pinned?: boolean;
  /** Out of the list until the next message. */
  readonly archived?: boolean;
  readonly level?: "all" | "mentions" | "none";
  /** Left, if a direct conversation can be: out of every list until the next message. */
  readonly hidden?: boolean;
  /** They have blocked the other person. */
  readonly blocked?: boolean;
}

export interface ServerEvents {
  ready: { user_id: string; epoch: string; position: string; heartbeat_seconds: number; server_time: number };
  "message.ack": {
    conversation_id: string;
    message_id: string;
    id: string;
    seq: number;
    timestamp: number;
    duplicate: boolean;
  };
  ok: { seq?: number };
  "conversation.opened": { conversation_id: string; created: boolean };
  resumed: { position: string };
  reset: { conversation_id?: string; reason: string };
  pong: Record<string, never>;
  "message.receive": MessagePayload;
  "message.updated": MessagePayload;
  "reaction.changed": {
    conversation_id: string;
    message_id: string;
    /** The server's id of the message. */
    id: string;
    user_id: string;
    emoji: string;
    added: boolean;
    summary: Readonly<Record<string, number>>;
    seq: number;
  };
  receipt: {
    conversation_id: string;
    user_id: string;
    delivered_seq: number;
    read_seq: number;
    read_at: number | null;
  };
  typing: { conversation_id: string; user_id: string; user_name: string | null; typing: boolean };
  "presence.changed": { user_id: string; status: string; last_seen_at: number | null };
  "conversation.changed": ConversationPayload;
  position: { position: string };
  error: { code: string; message: string; id?: RequestId; message_id?: string; retry_after?: number };
}
export type ServerEventName = keyof ServerEvents;

/** Bad frames in a row after which the connection is closed with 1008. */
export const MAX_BAD_FRAMES = 10;
