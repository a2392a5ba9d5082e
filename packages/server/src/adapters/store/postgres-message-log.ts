import { randomUUID } from "node:crypto";
import type { UnreadCounts } from "@parlance/protocol/commands.ts";
import type {
  Appended,
  AppendOutcome,
  Changed,
  ChangeOutcome,
  Draft,
  MarkLog,
  MarkStored,
  MessageLog,
} from "../../core/ports/message-log.ts";
import { inByteOrder } from "./byte-order.ts";
import type { Query } from "./line.ts";

const APPEND = `select stored_xid as xid, epoch_ms(stored_at) as at, clocks, codes, repeats, times
  from append_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`;

const APPEND_ONE = `select stored_xid as xid, epoch_ms(stored_at) as at, stored_seq as seq
  from append_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`;

/** For a batch with what only some messages have. */
const APPEND_WITH_MORE = APPEND.replace("append_messages", "append_with_more").replace("$22)", "$22, $23)");

const CHANGE = "select made_xid as xid, epoch_ms(made_at) as at, results from apply_changes($1, $2, $3)";

const MOVED = `select conversation_id as "conversationId", user_id as "userId", delivered_seq as "deliveredSeq",
    read_seq as "readSeq", read_id as "readMessageId", epoch_ms(read_at) as "readAt", barred as "isBarred",
    (select u.name from users u where u.id = user_id) as "userName"`;
/** Marks, and what webhooks are to be told of them: a mark that this statement moved has a time of its own. */
const marking = (call: string): string => `with moved as materialized (select * from ${call}),
  noted as (
    insert into webhook_events (conversation_id, type, seq, detail, at)
    select conversation_id, 'chat_receipt.read', read_seq,
      jsonb_build_object('userId', user_id, 'messageId', read_id, 'readAt', epoch_ms(read_at)), read_at
    from moved where webhook_wanted('chat_receipt.read') and read_at >= date_trunc('milliseconds', now()))
  ${MOVED} from moved`;
const MARK = marking("mark($1, $2, $3, $4)");
const MARK_MESSAGES = marking("mark_messages($1, $2, $3)");

const MARK_UNREAD = `select unread, unread_mentions as "unreadMentions" from mark_unread($1, $2, $3)`;

interface Repeat {
  readonly i: number;
  readonly id: number;
  readonly seq: number;
  readonly at: number;
}

interface AppendRow {
  xid: number;
  at: number;
  clocks: (number | null)[];
  codes: number[] | null;
  repeats: Repeat[] | null;
  times: number[] | null;
}

/** The message log over one line. Statements: migrations append_messages, apply_changes, marks_and_reads. */
export function createMessageLog(query: Query): MessageLog & MarkLog {
  const lane = randomUUID();

  /** Null where it was not stored: `append_messages` knows why. */
  const appendOne = async (draft: Draft): Promise<Appended | null> => {
    const [row] = await query<{ xid: number; at: number; seq: number | null }>(APPEND_ONE, [
      draft.id,
      draft.conversationId,
      draft.senderId,
      draft.idempotencyKey,
      draft.contentHash,
      draft.type,
      draft.content,
      draft.parentId,
      draft.metadata === null ? null : JSON.stringify(draft.metadata),
      draft.clientTime,
      isCountable(draft) ? 1 : 0,
    ]);
    if (row === undefined || row.seq === null) return null;
    return { xid: row.xid, outcomes: [{ kind: "stored", seq: row.seq, at: row.at }] };
  };

  return {
    async append(drafts, { wait, recheck }): Promise<Appended> {
      const [only] = drafts;
      if (
        only !== undefined &&
        drafts.length === 1 &&
        !wait &&
        !recheck &&
        only.acceptedAt === undefined &&
        !hasMore(only)
      ) {
        const appended = await appendOne(only);
        if (appended !== null) return appended;
      }
      const outcomes = new Array<AppendOutcome>(drafts.length);
      // Drafts that may not be stored come back with a code and are left out: then nothing stands in the way.
      for (let places = drafts.map((_, place) => place); ; ) {
        const batch = countBatch(places.map((place) => drafts[place] as Draft));
        const values = [...columns(batch), wait, recheck];
        const acceptedAt = whenAccepted(batch);
        const [row] = batch.drafts.some(hasMore)
          ? await query<AppendRow>(APPEND_WITH_MORE, [...values, namedIn(batch.drafts), ...acceptedAt])
          : await query<AppendRow>(APPEND, [...values, ...acceptedAt]);
        if (row === undefined) throw new Error("append_messages answered no row");
        const { xid, codes } = row;
        if (codes === null) {
          for (const [j, place] of places.entries()) outcomes[place] = storedOutcome(batch, j, row, wait);
          return { xid, outcomes };
        }
        const repeats = new Map(row.repeats?.map((repeat) => [repeat.i, repeat]));
        for (const [j, place] of places.entries()) {
          if (codes[j] !== 0) outcomes[place] = refusedOutcome(codes[j] as number, repeats.get(j));
        }
        places = places.filter((_, j) => codes[j] === 0);
        if (places.length === 0) return { xid, outcomes };
      }
    },

    async change(changes, { batch }): Promise<Changed> {
      const [row] = await query<{ xid: number; at: number; results: ChangeOutcome[] }>(CHANGE, [
        lane,
        batch,
        JSON.stringify(changes),
      ]);
      if (row === undefined) throw new Error("apply_changes answered no row");
      return { xid: row.xid, at: row.at, outcomes: row.results };
    },

    async mark(wishes): Promise<readonly MarkStored[]> {
      return await query<MarkStored & Record<string, unknown>>(MARK, [
        numbers(wishes, (w) => w.conversationId),
        texts(wishes, (w) => w.userId),
        numbers(wishes, (w) => w.deliveredSeq),
        numbers(wishes, (w) => w.readSeq),
      ]);
    },

    async markMessages(wishes): Promise<readonly MarkStored[]> {
      return await query<MarkStored & Record<string, unknown>>(MARK_MESSAGES, [
        numbers(wishes, (w) => w.conversationId),
        texts(wishes, (w) => w.userId),
        numbers(wishes, (w) => w.seq),
      ]);
    },

    async markUnread(conversationId, userId, fromSeq) {
      const [counts] = await query<UnreadCounts & Record<string, unknown>>(MARK_UNREAD, [
        conversationId,
        userId,
        fromSeq,
      ]);
      return counts ?? null;
    },
  };
}

/** A batch with what append_messages wants counted; see there. Places in arrays begin at 1, as PostgreSQL's do. */
interface CountedBatch {
  readonly drafts: readonly Draft[];
  readonly at: readonly number[];
  readonly rank: readonly number[];
  readonly n: readonly number[];
  /** Null where that is now. In a conversation none is earlier than the one before it. */
  readonly acceptedAt: readonly (number | null)[];
  readonly conversations: readonly {
    readonly id: number;
    readonly count: number;
    readonly n: number;
    /** Of its last. */
    readonly acceptedAt: number | null;
  }[];
  readonly senders: readonly { readonly at: number; readonly userId: string; readonly n: number }[];
}

function countBatch(drafts: readonly Draft[]): CountedBatch {
  const ids = [...new Set(drafts.map((draft) => draft.conversationId))].sort((a, b) => a - b);
  const conversations = ids.map((id, i) => ({
    id,
    at: i + 1,
    count: 0,
    n: 0,
    acceptedAt: 0 as number | null,
    senders: new Map<string, number>(),
  }));
  const byId = new Map(conversations.map((conversation) => [conversation.id, conversation]));
  const at: number[] = [];
  const rank: number[] = [];
  const n: number[] = [];
  const acceptedAt: (number | null)[] = [];
  for (const draft of drafts) {
    const conversation = byId.get(draft.conversationId) as (typeof conversations)[number];
    conversation.count++;
    if (isCountable(draft)) {
      conversation.n++;
      conversation.senders.set(draft.senderId, (conversation.senders.get(draft.senderId) ?? 0) + 1);
    }
    at.push(conversation.at);
    rank.push(conversation.count);
    n.push(conversation.n);
    if (draft.acceptedAt === undefined) conversation.acceptedAt = null;
    else if (conversation.acceptedAt !== null) {
      conversation.acceptedAt = Math.max(conversation.acceptedAt, draft.acceptedAt);
    }
    acceptedAt.push(conversation.acceptedAt);
  }
  const senders = conversations.flatMap((conversation) =>
    [...conversation.senders]
      .map(([userId, own]) => ({ at: conversation.at, userId, n: own }))
      .sort((a, b) => inByteOrder(a.userId, b.userId)),
  );
  return { drafts, at, rank, n, acceptedAt, conversations, senders };
}

const isCountable = (draft: Draft): boolean => draft.type !== "system";

function columns({ drafts, at, rank, n, conversations, senders }: CountedBatch): string[] {
  return [
    numbers(drafts, (d) => d.id),
    texts(drafts, (d) => d.senderId),
    texts(drafts, (d) => d.idempotencyKey),
    numbers(drafts, (d) => d.contentHash),
    texts(drafts, (d) => d.type),
    texts(drafts, (d) => d.content),
    numbers(drafts, (d) => d.parentId),
    texts(drafts, (d) => (d.metadata === null ? null : JSON.stringify(d.metadata))),
    numbers(drafts, (d) => d.clientTime),
    `{${at}}`,
    `{${rank}}`,
    `{${n}}`,
    numbers(conversations, (c) => c.id),
    numbers(conversations, (c) => c.count),
    numbers(conversations, (c) => c.n),
    numbers(senders, (s) => s.at),
    texts(senders, (s) => s.userId),
    numbers(senders, (s) => s.n),
  ];
}

/** Nothing where all are accepted by being stored. */
function whenAccepted({ acceptedAt, conversations }: CountedBatch): [string, string] | [null, null] {
  if (acceptedAt.every((at) => at === null)) return [null, null];
  return [numbers(acceptedAt, (at) => at), numbers(conversations, (c) => c.acceptedAt)];
}

const hasMore = ({ mentions, parentId }: Draft): boolean => parentId !== null || mentions !== undefined;

/** Who is named by which draft, as append_with_more wants it. */
function namedIn(drafts: readonly Draft[]): string {
  const named = drafts.map(({ mentions = [] }, i) => ({ i: i + 1, users: mentions }));
  return JSON.stringify(named.filter(({ users }) => users.length > 0));
}

/** Without a clock a conversation is held elsewhere; of one that was waited for, it is unknown. */
function storedOutcome(
  { at, rank }: CountedBatch,
  j: number,
  row: Pick<AppendRow, "at" | "clocks" | "times">,
  waited: boolean,
): AppendOutcome {
  const clock = row.clocks[(at[j] as number) - 1] ?? null;
  if (clock !== null) {
    return { kind: "stored", seq: clock + (rank[j] as number), at: row.times?.[j] ?? row.at };
  }
  return waited ? { kind: "not_participant" } : { kind: "held" };
}

/** The codes stand in the migration, at append_messages. */
function refusedOutcome(code: number, repeat: Repeat | undefined): AppendOutcome {
  if (code === -3) return { kind: "key_reused" };
  if (code === -4 && repeat !== undefined)
    return { kind: "repeat", id: repeat.id, seq: repeat.seq, at: repeat.at };
  return { kind: code === -5 ? "barred" : "not_participant" };
}

/** PostgreSQL's array literal, written here because pg's own escapes each element by itself at three times the cost. */
function numbers<T>(rows: readonly T[], of: (row: T) => number | null): string {
  let literal = "{";
  for (let i = 0; i < rows.length; i++) literal += `${i === 0 ? "" : ","}${of(rows[i] as T) ?? "NULL"}`;
  return `${literal}}`;
}

const PLAIN = /^[A-Za-z0-9_:-]+$/;

function texts<T>(rows: readonly T[], of: (row: T) => string | null): string {
  let literal = "{";
  for (let i = 0; i < rows.length; i++) {
    const text = of(rows[i] as T);
    if (i > 0) literal += ",";
    if (text === null) literal += "NULL";
    else if (PLAIN.test(text) && text.length !== 4) literal += text;
    else literal += `"${/["\\]/.test(text) ? text.replace(/["\\]/g, "\\$&") : text}"`;
  }
  return `${literal}}`;
}
