import { randomBytes } from "node:crypto";
import type { AttachmentStore, KnownAttachment } from "../../core/ports/attachment-store.ts";
import type { Query } from "./line.ts";
import { MESSAGE_COLUMNS, NEWEST, readMessages } from "./shapes.ts";

const ADD = `insert into attachments (id, uploader_id, file_name, content_type, size, width, height, thumbnail_size)
  values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`;

const FIND = `select id, uploader_id as "uploaderId", file_name as "fileName", content_type as "contentType", size, width,
    height, thumbnail_size as "thumbnailSize", conversation_id as "conversationId", message_seq as seq
  from attachments where id = any ($1::uuid[]) and stored_at is not null and removed_at is null`;

const COUNT_UNUSED = `select count(*) as n from (
  select from attachments where uploader_id = $1 and message_id is null and stored_at is not null and removed_at is null limit $2) a`;

const MESSAGES = `with place as materialized (
    select distinct message_seq as seq from attachments
    where conversation_id = $1 and message_seq < $2 and message_seq >= $3 and message_id is not null
      and removed_at is null
    order by message_seq desc limit $4)
  select ${MESSAGE_COLUMNS} from place join messages m on m.conversation_id = $1 and m.seq = place.seq
  order by m.seq desc`;

const TAKE_DOOMED = `with old as materialized (
    select id from attachments where message_id is null and removed_at is null and created_at < to_timestamp($1 / 1000.0)
    order by created_at limit $2 for no key update skip locked),
  taken as (update attachments a set removed_at = now() from old where a.id = old.id returning a.id)
  select id from taken
  union all
  (select id from attachments where removed_at < now() order by removed_at limit $2)
  limit $2`;

interface FoundRow extends Omit<KnownAttachment, "usedBy"> {
  readonly conversationId: number | null;
  readonly seq: number | null;
}

export function createAttachmentStore(query: Query): AttachmentStore {
  return {
    async add({ id, uploaderId, fileName, contentType, size, width, height, thumbnailSize }) {
      await query(ADD, [id, uploaderId, fileName, contentType, size, width, height, thumbnailSize]);
    },
    async completed(id) {
      await query("update attachments set stored_at = clock_timestamp() where id = $1", [id]);
    },
    async find(ids) {
      const rows = await query<FoundRow & Record<string, unknown>>(FIND, [ids]);
      return rows.map(({ conversationId, seq, ...attachment }) => ({
        ...attachment,
        usedBy: conversationId === null || seq === null ? null : { conversationId, seq },
      }));
    },
    async countUnused(uploaderId, limit) {
      const [row] = await query<{ n: number }>(COUNT_UNUSED, [uploaderId, limit]);
      return row?.n ?? 0;
    },
    async messages({ conversationId, beforeSeq, fromSeq, limit }) {
      return await readMessages(query, MESSAGES, [conversationId, beforeSeq ?? NEWEST, fromSeq, limit]);
    },
    async takeDoomed(unusedSince, limit) {
      const rows = await query<{ id: string }>(TAKE_DOOMED, [unusedSince, limit]);
      return rows.map((row) => row.id);
    },
    async forget(ids) {
      await query("delete from attachments where id = any ($1::uuid[]) and removed_at is not null", [ids]);
    },
  };
}

const SECRET_BYTES = 32;

/** A key that all processes over this database share: made by whoever asks first, kept with the data. */
export function createSecrets(query: Query): (name: string) => Promise<Buffer> {
  return async (name) => {
    await query("insert into secrets (name, value) values ($1, $2) on conflict do nothing", [
      name,
      randomBytes(SECRET_BYTES),
    ]);
    const [row] = await query<{ value: Buffer }>("select value from secrets where name = $1", [name]);
    if (row === undefined) throw new Error("a secret that was just made is not there");
    return row.value;
  };
}
