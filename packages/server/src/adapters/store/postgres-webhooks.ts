import type { ConversationHead, Message, Participant } from "@parlance/protocol/model.ts";
import type {
  Webhook,
  WebhookDelivery,
  WebhookEvent,
  WebhookEventType,
} from "@parlance/protocol/webhooks.ts";
import type {
  ClaimWish,
  DueDelivery,
  Settlement,
  WebhookOutbox,
  WebhookRegister,
} from "../../core/ports/webhook-store.ts";
import type { Query } from "./line.ts";
import { NEWEST } from "./shapes.ts";

/** One at a time, or two of them could both be the last. */
const CREATE = `with guard as materialized (select pg_advisory_xact_lock(hashtextextended('webhook_create', 0)))
  insert into webhooks as w (url, events, secret)
  select $1, $2::text[], $3 from guard where (select count(*) from webhooks) < $4
  returning webhook_json(w) as webhook`;

const UPDATE = `update webhooks w
  set url = coalesce($2, url), events = coalesce($3::text[], events), secret = coalesce($4, secret),
    old_secret = case when $4 <> secret then secret else old_secret end,
    old_secret_until = case when $4 <> secret then now() + $5 * interval '1 millisecond' else old_secret_until end,
    disabled_at = case when $6 then null else disabled_at end,
    disabled_reason = case when $6 then null else disabled_reason end,
    failing_since = case when $6 or $2 <> url then null else failing_since end,
    updated_at = clock_timestamp()
  where id = $1 returning webhook_json(w) as webhook`;

const LIST = `select webhook_json(w) as webhook from webhooks w where id >= coalesce($1, 0) and id <= coalesce($1, id) order by id`;

const DELIVERIES = `select d.id, d.webhook_id as "webhookId", e.id as "eventId", e.type as "eventType",
    d.conversation_id as "conversationId", e.seq, d.state, d.attempts, epoch_ms(d.created_at) as "createdAt",
    epoch_ms(d.last_at) as "lastAt", d.last_status as "lastStatus", d.last_answer as "lastAnswer"
  from webhook_deliveries d join webhook_events e on e.conversation_id = d.conversation_id and e.number = d.event_number
  where d.webhook_id = $1 and d.id < $2 order by d.id desc limit $3`;

type WebhookRow = { readonly webhook: Webhook };

export function createWebhookRegister(query: Query): WebhookRegister {
  return {
    async create({ url, events, secret }, limit) {
      const [row] = await query<WebhookRow>(CREATE, [url, events, secret, limit]);
      return row?.webhook ?? null;
    },
    async update(id, { url, events, secret, enabled, keepOldMs }) {
      const values = [id, url ?? null, events ?? null, secret ?? null, keepOldMs, enabled ?? false];
      const [row] = await query<WebhookRow>(UPDATE, values);
      if (row === undefined || enabled !== false) return row?.webhook ?? null;
      await query("select webhook_disable($1, 'request')", [id]);
      const [disabled] = await query<WebhookRow>(LIST, [id]);
      return disabled?.webhook ?? null;
    },
    async remove(id) {
      const [row] = await query<{ removed: boolean }>("select webhook_remove($1) as removed", [id]);
      return row?.removed ?? false;
    },
    async list(id) {
      return (await query<WebhookRow>(LIST, [id])).map((row) => row.webhook);
    },
    deliveries: (webhookId, before, limit) =>
      query<WebhookDelivery & Record<string, unknown>>(DELIVERIES, [webhookId, before ?? NEWEST, limit]),
    async replay(webhookId, deliveryId) {
      const [row] = await query<{ replayed: boolean | null }>("select webhook_replay($1, $2) as replayed", [
        webhookId,
        deliveryId,
      ]);
      return row?.replayed ?? null;
    },
  };
}

const SPREAD = "select webhook_spread($1) as taken";
const CLAIM = "select due from webhook_claim($1, $2, $3, $4, $5)";
const SETTLE = "select due from webhook_settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const SWEEP = "select webhook_sweep($1, $2, $3) as more";

type DueRow = { readonly due: Due };

/** As webhook_heads gives it. */
interface Due extends Omit<DueDelivery, "secrets" | "event"> {
  readonly secrets: readonly string[];
  readonly event: {
    readonly id: string;
    readonly type: WebhookEventType;
    readonly at: number;
    readonly conversationId: number;
    readonly seq: number;
    readonly detail: {
      readonly userId: string;
      readonly emoji: string;
      readonly added: boolean;
      readonly messageId: number | null;
      readonly readAt: number;
    } | null;
    readonly user: { readonly name: string | null } | null;
    readonly participant: Participant | null;
    readonly message: Message | null;
    readonly head: ConversationHead | null;
    readonly conversationDeletedAt: number | null;
  };
}

export function createWebhookOutbox(query: Query): WebhookOutbox {
  return {
    async spread(limit) {
      const [row] = await query<{ taken: number }>(SPREAD, [limit]);
      return row?.taken ?? 0;
    },
    async claim({ limit, busy, each, failing, leaseMs }: ClaimWish) {
      const rows = await query<DueRow>(CLAIM, [limit, JSON.stringify(busy), each, failing, leaseMs]);
      return rows.map((row) => dueOf(row.due));
    },
    async settle({ webhookId, eventNumber, lease, event }, settlement: Settlement) {
      const { outcome, delayMs, status, answer, disableAfterMs, more, leaseMs } = settlement;
      const [row] = await query<DueRow>(SETTLE, [
        event.conversationId,
        webhookId,
        eventNumber,
        lease,
        outcome,
        delayMs,
        status,
        answer,
        disableAfterMs,
        more,
        leaseMs,
      ]);
      return row === undefined ? null : dueOf(row.due);
    },
    async sweep({ keepMs, maxBacklog, limit }) {
      const [row] = await query<{ more: boolean }>(SWEEP, [keepMs, maxBacklog, limit]);
      return row?.more ?? false;
    },
  };
}

function dueOf({ secrets, event, ...due }: Due): DueDelivery {
  return {
    ...due,
    secrets: secrets.map((secret) => Buffer.from(secret, "base64")),
    event: eventOf(event),
  };
}

function eventOf(event: Due["event"]): WebhookEvent {
  const { id, type, at, conversationId, seq, detail, user, participant, conversationDeletedAt } = event;
  const told = { id, at, conversationId, seq };
  const userId = detail?.userId ?? "";
  const userName = user?.name ?? null;
  switch (type) {
    case "chat_message.sent":
    case "chat_message.updated":
    case "chat_message.deleted":
      return { ...told, type, message: messageOf(event) };
    case "chat_message.reaction": {
      const { emoji = "", added = false } = detail ?? {};
      return { ...told, type, message: messageOf(event), userId, userName, emoji, added };
    }
    case "chat_conversation.created":
    case "chat_conversation.updated":
      return { ...told, type, head: event.head as ConversationHead, deleted: conversationDeletedAt !== null };
    case "chat_participant.added":
      return { ...told, type, participant: participant as Participant };
    case "chat_participant.removed":
      return { ...told, type, userId, userName };
    case "chat_receipt.read": {
      const { messageId = null, readAt = at } = detail ?? {};
      return { ...told, type, userId, userName, lastReadMessageId: messageId, readAt };
    }
  }
}

/** With its conversation a message is gone for everyone. */
function messageOf({ message, conversationDeletedAt }: Due["event"]): Message {
  const found = message as Message;
  if (conversationDeletedAt === null) return found;
  return {
    ...found,
    content: "",
    parent: null,
    mentions: [],
    metadata: null,
    attachments: null,
    reactions: null,
    pinnedAt: null,
    pinnedBy: null,
    deletedAt: found.deletedAt ?? conversationDeletedAt,
  };
}
