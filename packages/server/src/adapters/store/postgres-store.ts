import type pg from "pg";
import type { AttachmentStore } from "../../core/ports/attachment-store.ts";
import type { FollowStore } from "../../core/ports/follow.ts";
import type { Log } from "../../core/ports/log.ts";
import { type MarkLog, type MessageLog, StoreError } from "../../core/ports/message-log.ts";
import type { PeopleStore } from "../../core/ports/people-store.ts";
import type { Ids, Reader, UserStore } from "../../core/ports/reader.ts";
import type { SearchStore } from "../../core/ports/search-store.ts";
import type { TickReader } from "../../core/ports/tick-reader.ts";
import type { WebhookOutbox, WebhookRegister } from "../../core/ports/webhook-store.ts";
import { ID_MARGIN, readEpoch } from "./epoch.ts";
import { createIds } from "./id-blocks.ts";
import { createLine, type Line, type Query } from "./line.ts";
import { createAttachmentStore, createSecrets } from "./postgres-attachments.ts";
import { createFollowStore } from "./postgres-follow-store.ts";
import { createMessageLog } from "./postgres-message-log.ts";
import { createPeopleStore } from "./postgres-people-store.ts";
import { createReader, createUserStore } from "./postgres-reader.ts";
import { createSearchStore } from "./postgres-search-store.ts";
import { createTickReader } from "./postgres-tick-reader.ts";
import { createWebhookOutbox, createWebhookRegister } from "./postgres-webhooks.ts";

export interface PostgresStoreOptions {
  readonly connection: pg.ClientConfig;
  readonly lanes: number;
  readonly readConnections: number;
  /** How long a query waits for PostgreSQL to come back before it is answered `unavailable`. */
  readonly patienceMs: number;
  readonly log: Log;
}

/** What is true after a restart, behind the core's ports. */
export interface PostgresStore {
  /** One for each lane, each on a connection of its own. */
  readonly logs: readonly MessageLog[];
  readonly marks: MarkLog;
  readonly reader: Reader;
  readonly ticks: TickReader;
  readonly users: UserStore;
  readonly people: PeopleStore;
  readonly ids: Ids;
  readonly attachments: AttachmentStore;
  readonly follow: FollowStore;
  readonly search: SearchStore;
  readonly webhooks: WebhookRegister;
  readonly outbox: WebhookOutbox;
  /** A key by its name, that all processes over this database share; made where there is none. */
  readonly secret: (name: string) => Promise<Buffer>;
  /** Ids of messages that are given from now on are above this one, by as much as others may hold unused. */
  moveIdsPast(messageId: number): Promise<void>;
  /** Commits something: rejects where nothing can be stored. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Plans are made once and must fit every size of batch and table, so only index look-ups in nested loops are left to
 * choose from: a plan made over an empty table would otherwise scan it for ever.
 */
export const SESSION_SETUP = [
  "set application_name = 'parlance'",
  "set default_transaction_isolation = 'read committed'",
  "set timezone = 'UTC'",
  "set jit = off",
  "set plan_cache_mode = force_generic_plan",
  "set enable_seqscan = off",
  "set enable_hashjoin = off",
  "set enable_mergejoin = off",
  "set enable_material = off",
  "set enable_memoize = off",
];
/** A batch that waits longer for another's lock is tried again. */
const LANE_SETUP = [...SESSION_SETUP, "set lock_timeout = '5s'"];
/** Nothing a client asks for may hold a connection longer that others wait for. */
const STATEMENT_TIMEOUT = "set statement_timeout = '15s'";
const READ_SETUP = [...SESSION_SETUP, STATEMENT_TIMEOUT];
/**
 * What the follower does it can do again: the row that says it was done is lost with it, or kept with it. So it does not
 * wait for the disk, for which the lanes wait.
 */
const FOLLOW_SETUP = [...LANE_SETUP, "set synchronous_commit = off"];
const SEARCH_SETUP = [...SESSION_SETUP, "set statement_timeout = '1s'"];
const MARK_SETUP = [...LANE_SETUP, STATEMENT_TIMEOUT];

const MOVE_IDS =
  "select setval('message_ids', $1::bigint + $2) from message_ids where last_value <= $1::bigint";

/** Changes nothing, and is refused wherever nothing may be changed. */
const PROBE = `with none as (update instance set epoch = epoch where false) select pg_current_xact_id()`;

export async function connectStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  let epoch = "";
  const onConnect = async (query: Query): Promise<void> => {
    const now = await readEpoch(query);
    if (epoch !== "" && now !== epoch) {
      options.log.warn({}, "the database has begun a new life: clients are told to start again");
      ids.forget();
    }
    epoch = now;
  };
  const line = (setup: readonly string[]): Line => createLine({ ...options, setup, onConnect });
  const lanes = Array.from({ length: options.lanes }, () => line(LANE_SETUP));
  const marking = line(MARK_SETUP);
  const following = line(FOLLOW_SETUP);
  const outgoing = line(MARK_SETUP);
  const searching = line(SEARCH_SETUP);
  const reading = Array.from({ length: options.readConnections }, () => line(READ_SETUP));
  const read = repeated((text, values) => leastBusy(reading).query(text, values));
  const ids = createIds(read);
  const all = [...lanes, marking, following, outgoing, searching, ...reading];
  await Promise.all(all.map((one) => one.query("select 1")));

  return {
    logs: lanes.map((lane) => createMessageLog(lane.query)),
    marks: createMessageLog(marking.query),
    reader: createReader(read),
    ticks: createTickReader(read, async () => epoch),
    users: createUserStore(read),
    people: createPeopleStore(read),
    attachments: createAttachmentStore(read),
    follow: createFollowStore(following.query),
    search: createSearchStore(following.query, repeated(searching.query)),
    webhooks: createWebhookRegister(read),
    // By itself: what takes long here is waited for by nobody else, and a claim whose answer was lost is not made twice.
    outbox: createWebhookOutbox(outgoing.query),
    secret: createSecrets(read),
    ids,
    async moveIdsPast(messageId) {
      const moved = await read(MOVE_IDS, [messageId, ID_MARGIN]);
      if (moved.length > 0) ids.forget();
    },
    async probe() {
      await marking.query(PROBE);
    },
    async close() {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

/** How often a connection may be lost under one read before its caller hears of it. */
const READ_TRIES = 3;
/** By then a broken connection is known to be one. */
const READ_RETRY_MS = 25;

/** For what may be done twice: asks again where a connection was lost, on another one or on the same come back. */
function repeated(query: Query): Query {
  return async <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]> => {
    for (let tries = 1; ; tries++) {
      try {
        return await query<Row>(text, values);
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== "again" || tries === READ_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, READ_RETRY_MS));
      }
    }
  };
}

function leastBusy(lines: readonly Line[]): Line {
  return lines.reduce((best, line) => (line.pending() < best.pending() ? line : best));
}
