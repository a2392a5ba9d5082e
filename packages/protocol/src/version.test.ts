import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { CLOSE_CODES } from "./close-codes.ts";
import { ERROR_CODES, RETRYABLE } from "./errors.ts";
import { PROTOCOL_VERSION } from "./version.ts";
import { CLIENT_EVENTS, type MessagePayload, type ServerEventName, type ServerEvents } from "./websocket.ts";

const message: Required<MessagePayload> = {
  conversation_id: "",
  sender_id: "",
  message_id: "",
  content: "",
  timestamp: 0,
  id: "",
  sender_name: null,
  sender_avatar_url: "",
  message_type: "",
  parent_id: null,
  parent: { id: "", message_type: "", sender_id: "", sender_name: null, content: "", deleted: false },
  reply_count: 0,
  metadata: null,
  mentions: [""],
  attachments: [
    {
      id: "",
      file_name: "",
      content_type: "",
      size: 0,
      width: null,
      height: null,
      url: "",
      thumbnail_url: null,
    },
  ],
  reactions: { "": 0 },
  seq: 0,
  rev: 0,
  created_at: 0,
  edited_at: null,
  deleted_at: null,
  pinned_at: 0,
  pinned_by: "",
};

/** One of each, with every field: what the server says is known to the compiler only, which holds this complete. */
const SERVER_EVENTS: { readonly [N in ServerEventName]: Required<ServerEvents[N]> } = {
  ready: { user_id: "", epoch: "", position: "", heartbeat_seconds: 0, server_time: 0 },
  "message.ack": { conversation_id: "", message_id: "", id: "", seq: 0, timestamp: 0, duplicate: false },
  ok: { seq: 0 },
  "conversation.opened": { conversation_id: "", created: false },
  resumed: { position: "" },
  reset: { conversation_id: "", reason: "" },
  pong: {},
  "message.receive": message,
  "message.updated": message,
  "reaction.changed": {
    conversation_id: "",
    message_id: "",
    id: "",
    user_id: "",
    emoji: "",
    added: false,
    summary: { "": 0 },
    seq: 0,
  },
  receipt: { conversation_id: "", user_id: "", delivered_seq: 0, read_seq: 0, read_at: null },
  typing: { conversation_id: "", user_id: "", user_name: null, typing: false },
  "presence.changed": { user_id: "", status: "", last_seen_at: null },
  "conversation.changed": {
    conversation_id: "",
    kind: "group",
    name: null,
    description: null,
    avatar_url: null,
    settings: { "": false },
    participants: [{ user_id: "", user_name: null, role: "" }],
    participant_count: 0,
    seq: 0,
    added: [""],
    removed: [""],
    deleted: false,
    unread: 0,
    unread_mentions: 0,
    muted: false,
    pinned: false,
    archived: false,
    level: "all",
    hidden: false,
    blocked: false,
  },
  position: { position: "" },
  error: { code: "", message: "", id: "", message_id: "", retry_after: 0 },
};

/**
 * The wire as it is now. When this fails, what is said on the wire has changed. Then:
 *
 * 1. Would a client or server of yesterday misunderstand it (see version.ts)? Then raise PROTOCOL_VERSION.
 * 2. Bring docs/protocols/websocket.md and CHANGELOG.md up to date.
 * 3. Put the version and the hash that the failure shows here.
 */
const CONSIDERED = { version: 1, hash: "6f348af47245f1c6" };

test("a change of the wire is a change of the version, or was considered", () => {
  const wire = { CLIENT_EVENTS, SERVER_EVENTS, CLOSE_CODES, ERROR_CODES, RETRYABLE };
  const hash = createHash("sha256").update(JSON.stringify(wire)).digest("hex").slice(0, 16);
  expect(
    { version: PROTOCOL_VERSION, hash },
    "the wire has changed: follow the three steps above CONSIDERED in version.test.ts",
  ).toEqual(CONSIDERED);
});
