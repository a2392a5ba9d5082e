import { randomUUID } from "node:crypto";
import type { Query } from "./line.ts";

const READ = `select epoch, system_identifier = $1 and timeline = $2 as same from instance`;

const WHICH = `select system_identifier::text as system, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
  as timeline from pg_control_system()`;

/**
 * Whoever comes first writes the new epoch; the others read it. In a life after the first, ids move past any block
 * that may be in use.
 */
const RENEW = `with renewed as (
    insert into instance (epoch, system_identifier, timeline) values ($3, $1, $2)
    on conflict (only_row) do update set epoch = $3, system_identifier = $1, timeline = $2
      where instance.system_identifier <> $1 or instance.timeline <> $2
    returning epoch)
  select setval('message_ids', greatest((select last_value from message_ids), (select max(id) from messages)) + $4),
         setval('conversation_ids', greatest((select last_value from conversation_ids), (select max(id) from conversations)) + $4)
  from renewed where exists (select from instance)`;

/** More than all blocks that all nodes can hold. */
export const ID_MARGIN = 1_000_000;

/**
 * Which life of the history this is: a stored word, made anew when the database is another one or has gone over to
 * another timeline (a restore, a failover), for then commits may be lost that positions and ids still know of.
 */
export async function readEpoch(query: Query): Promise<string> {
  const [which] = await query<{ system: string; timeline: number }>(WHICH);
  if (which === undefined) throw new Error("PostgreSQL does not say which system it is");
  const identity = [which.system, which.timeline];
  const [known] = await query<{ epoch: string; same: boolean }>(READ, identity);
  if (known?.same) return known.epoch;
  await query(RENEW, [...identity, randomUUID().replaceAll("-", ""), ID_MARGIN]);
  const [renewed] = await query<{ epoch: string }>(READ, identity);
  if (renewed === undefined) throw new Error("the epoch could not be stored");
  return renewed.epoch;
}
