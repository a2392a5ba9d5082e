import type {
  Appended,
  AppendOutcome,
  Changed,
  ChangeOutcome,
  MarkLog,
  MarkMoved,
  MessageLog,
} from "../../core/ports/message-log.ts";
import type { Query } from "./line.ts";

const APPEND = `select stored_xid as xid, epoch_ms(stored_at) as at, outcome, repeats
  from append_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;

const CHANGE = "select made_xid as xid, epoch_ms(made_at) as at, results from apply_changes($1)";

const MARK = `select conversation_id as "conversationId", user_id as "userId", delivered_seq as "deliveredSeq",
    read_seq as "readSeq", epoch_ms(read_at) as "readAt"
  from mark($1, $2, $3, $4)`;

interface AppendRow {
  xid: number;
  at: number;
  outcome: number[];
  repeats: { i: number; id: number; seq: number; at: number }[] | null;
}

/** The message log over one line. Statements: migrations append_messages, apply_changes, mark. */
export function createMessageLog(query: Query): MessageLog & MarkLog {
  return {
    async append(drafts, { wait, recheck }): Promise<Appended> {
      const [row] = await query<AppendRow>(APPEND, [
        numbers(drafts, (d) => d.id),
        numbers(drafts, (d) => d.conversationId),
        texts(drafts, (d) => d.senderId),
        texts(drafts, (d) => d.idempotencyKey),
        numbers(drafts, (d) => d.contentHash),
        texts(drafts, (d) => d.type),
        texts(drafts, (d) => d.content),
        numbers(drafts, (d) => d.parentId),
        texts(drafts, (d) => (d.metadata === null ? null : JSON.stringify(d.metadata))),
        numbers(drafts, (d) => d.clientTime),
        numbers([...new Set(drafts.map((d) => d.conversationId))], (id) => id),
        wait,
        recheck,
      ]);
      if (row === undefined) throw new Error("append_messages answered no row");
      const repeats = new Map(row.repeats?.map((repeat) => [repeat.i, repeat]));
      return {
        xid: row.xid,
        at: row.at,
        outcomes: row.outcome.map((code, i) => outcomeOf(code, repeats.get(i))),
      };
    },

    async change(changes): Promise<Changed> {
      const [row] = await query<{ xid: number; at: number; results: ChangeOutcome[] }>(CHANGE, [
        JSON.stringify(changes),
      ]);
      if (row === undefined) throw new Error("apply_changes answered no row");
      return { xid: row.xid, at: row.at, outcomes: row.results };
    },

    async mark(wishes): Promise<readonly MarkMoved[]> {
      return await query<MarkMoved & Record<string, unknown>>(MARK, [
        numbers(wishes, (w) => w.conversationId),
        texts(wishes, (w) => w.userId),
        numbers(wishes, (w) => w.deliveredSeq),
        numbers(wishes, (w) => w.readSeq),
      ]);
    },
  };
}

/** The codes stand in the migration, at append_messages. */
function outcomeOf(code: number, repeat: { id: number; seq: number; at: number } | undefined): AppendOutcome {
  if (code > 0) return { kind: "stored", seq: code };
  if (code === 0) return { kind: "held" };
  if (code === -3) return { kind: "key_reused" };
  if (repeat !== undefined) return { kind: "repeat", id: repeat.id, seq: repeat.seq, at: repeat.at };
  return { kind: "not_participant" };
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
