import { Client, type ClientConfig } from "pg";

/** Rows of one statement: where batching stops paying (design, "The idea"). */
const ROWS = 512;
const CONNECTIONS = 2;
/** Statements under way on each connection, so that the server never waits for us. */
const DEPTH = 2;
const CONVERSATIONS = 200;

export const SCHEMA = `
  create table messages (
    conversation_id bigint not null, seq bigint not null, id bigint not null, n bigint not null,
    rev bigint not null, xid xid8 not null, client_time bigint, created_at timestamptz not null,
    type text not null, sender_id text not null, idempotency_key text, content text not null,
    primary key (conversation_id, seq));
  create index on messages (id);
  create unique index on messages (conversation_id, idempotency_key, sender_id) where idempotency_key is not null`;

export const INSERT = `
  insert into messages (conversation_id, seq, id, n, rev, xid, client_time, created_at, type, sender_id,
                        idempotency_key, content)
  select c, s, i, s, s, pg_current_xact_id(), 1713087600000, now(), 'text', u, k, t
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
    as row (c, s, i, u, k, t)`;

export type BareInsertResult = { seconds: number; rows: number };
export type BareInsertOptions = {
  warmSeconds: number;
  seconds: number;
  /** Stop after so many rows instead. */
  rows?: number;
  onMeasure?: (edge: "begin" | "end") => void;
};

const text = "the quick brown fox jumps over the lazy dog, twice".padEnd(60, ".");

/**
 * The machine's limit for what Parlance stores: the same rows under the same indexes, in batches, with nobody
 * to number, check or tell.
 */
export async function bareInsert(
  config: ClientConfig,
  options: BareInsertOptions,
): Promise<BareInsertResult> {
  const clients = Array.from({ length: CONNECTIONS }, () => new Client({ ...config, pipeline: true }));
  await Promise.all(clients.map((client) => client.connect()));
  await clients[0]!.query(SCHEMA);

  let rows = 0;
  let lastId = 0;
  let stopped = false;
  const sequences = new Float64Array(CONVERSATIONS);

  const batch = (connection: number): unknown[] => {
    const conversations: number[] = [];
    const seqs: number[] = [];
    const ids: number[] = [];
    const users: string[] = [];
    const keys: string[] = [];
    const texts: string[] = [];
    for (let i = 0; i < ROWS; i++) {
      // Each connection has its own conversations, as lanes have.
      const conversation = ((lastId + i) % (CONVERSATIONS / CONNECTIONS)) * CONNECTIONS + connection;
      sequences[conversation]! += 1;
      conversations.push(conversation);
      seqs.push(sequences[conversation]!);
      ids.push(lastId + i);
      users.push(`user${conversation}`);
      keys.push(`b~${String(lastId + i).padStart(8, "0")}`);
      texts.push(text);
    }
    lastId += ROWS;
    return [conversations, seqs, ids, users, keys, texts];
  };

  const line = async (client: Client, connection: number) => {
    while (!stopped) {
      await client.query({ name: "insert", text: INSERT, values: batch(connection) });
      rows += ROWS;
      if (options.rows !== undefined && rows >= options.rows) stopped = true;
    }
  };
  const lines = clients.flatMap((client, connection) =>
    Array.from({ length: DEPTH }, () => line(client, connection)),
  );

  await pause(options.warmSeconds);
  options.onMeasure?.("begin");
  const before = rows;
  const from = performance.now();
  if (options.rows === undefined) await pause(options.seconds);
  else await Promise.all(lines);
  const result = { seconds: (performance.now() - from) / 1000, rows: rows - before };
  options.onMeasure?.("end");
  stopped = true;
  await Promise.all(lines);
  const counted = await clients[0]!.query<{ count: string }>("select count(*) from messages");
  if (Number(counted.rows[0]!.count) !== rows)
    throw new Error(`${rows} inserted, ${counted.rows[0]!.count} stored`);
  await Promise.all(clients.map((client) => client.end()));
  return result;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
