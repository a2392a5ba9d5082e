import { createHash } from "node:crypto";
import pg from "pg";
import type { Log } from "../../core/ports/log.ts";
import { StoreError } from "../../core/ports/message-log.ts";

export interface LineOptions {
  readonly connection: pg.ClientConfig;
  /** Statements run first on each new connection. */
  readonly setup: readonly string[];
  /** Called with each new connection before it takes queries; a rejection closes it and tries again. */
  readonly onConnect?: (query: Query) => Promise<void>;
  /** How long a query waits for a connection before it answers `unavailable`. */
  readonly patienceMs: number;
  readonly log: Log;
}

export type Query = <Row extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<Row[]>;

/**
 * One pipelined connection to PostgreSQL that comes back by itself. Queries are named prepared statements,
 * sent without waiting for the answers before them; each is its own transaction.
 * Rejects with `StoreError`.
 */
export interface Line {
  readonly query: Query;
  /** Queries sent and not yet answered. */
  readonly pending: () => number;
  close(): Promise<void>;
}

const FIRST_DELAY_MS = 25;
const LONGEST_DELAY_MS = 2_000;

/** What a server answers that is no primary any more, or not yet: behind the same address there may be another by now. */
const READ_ONLY = "25006";

export function createLine(options: LineOptions): Line {
  let client: pg.Client | null = null;
  let closed = false;
  let pending = 0;
  let waiting: Array<() => void> = [];

  const connect = async (): Promise<void> => {
    for (let delay = FIRST_DELAY_MS; !closed; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
      const candidate = new pg.Client({
        ...options.connection,
        pipeline: true,
        types: TYPES,
        keepAlive: true,
      });
      candidate.on("error", () => {});
      try {
        await candidate.connect();
        for (const statement of options.setup) await candidate.query(statement);
        await options.onConnect?.((text, values) => run(candidate, text, values));
      } catch (error) {
        options.log.warn({ reason: reasonOf(error) }, "cannot connect to PostgreSQL, trying again");
        candidate.end().catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random())));
        continue;
      }
      if (closed) {
        await candidate.end();
        return;
      }
      client = candidate;
      candidate.once("end", () => {
        if (client !== candidate) return;
        client = null;
        if (!closed) connecting = connect();
      });
      const ready = waiting;
      waiting = [];
      for (const wake of ready) wake();
      return;
    }
  };
  let connecting = connect();

  const connected = (): Promise<pg.Client> =>
    new Promise((resolve, reject) => {
      const wake = () => {
        clearTimeout(timer);
        if (client === null) reject(new StoreError("unavailable", "closed"));
        else resolve(client);
      };
      const timer = setTimeout(() => {
        waiting = waiting.filter((other) => other !== wake);
        reject(new StoreError("unavailable", "no connection"));
      }, options.patienceMs);
      waiting.push(wake);
    });

  return {
    async query(text, values) {
      if (closed) throw new StoreError("unavailable", "closed");
      pending++;
      try {
        const own = client ?? (await connected());
        try {
          return await run(own, text, values);
        } catch (error) {
          if (error instanceof StoreError && error.code === READ_ONLY) own.end().catch(() => {});
          throw error;
        }
      } finally {
        pending--;
      }
    },
    pending: () => pending,
    async close() {
      closed = true;
      for (const wake of waiting) wake();
      await client?.end();
      client = null;
      await connecting;
    },
  };
}

async function run<Row extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
  values?: readonly unknown[],
): Promise<Row[]> {
  try {
    const result = await client.query<Row>({ name: nameOf(text), text, values: values as unknown[] });
    return result.rows;
  } catch (error) {
    throw toStoreError(error);
  }
}

const names = new Map<string, string>();

/** Statements are named by their text, so that each is parsed and planned once per connection. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash("sha256").update(text).digest("hex").slice(0, 32);
    names.set(text, name);
  }
  return name;
}

/** By SQLSTATE class: what cannot be stored (22, 23, 54), what was only in the way, and the rest. */
function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = sqlState(error);
  if (code === undefined) return new StoreError("again", "connection lost");
  if (/^(22|23|54)/.test(code)) return new StoreError("poison", code);
  if (/^(08|57P0[123]|40001|40P01|55P03)/.test(code)) return new StoreError("again", code);
  return new StoreError("unavailable", code);
}

/** A code without the server's words: those may hold content. */
function reasonOf(error: unknown): string {
  if (error instanceof StoreError) return error.code;
  if (error instanceof Error) return sqlState(error) ?? ("code" in error ? String(error.code) : error.name);
  return "unknown";
}

/** Only what PostgreSQL itself has said: a broken socket has codes too, and leaves the outcome unknown. */
function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

const INT8 = 20;
const INT8_ARRAY = 1016;
const XID8 = 5069;

/** Our 64-bit numbers stay below 2^53 by construction; the array parser is for plain numbers and ten times quicker. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: "text" | "binary") => {
    if (oid === INT8 || oid === XID8) return Number;
    if (oid === INT8_ARRAY)
      return (text: string) => (text === "{}" ? [] : text.slice(1, -1).split(",").map(numberOrNull));
    return pg.types.getTypeParser(oid, format);
  }) as pg.CustomTypesConfig["getTypeParser"],
};

function numberOrNull(text: string): number | null {
  return text === "NULL" ? null : Number(text);
}
