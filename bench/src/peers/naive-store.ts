import { Pool } from "pg";
import type { NaiveOptions } from "./naive.ts";

/** Stores one message and gives its id once it is committed; without a database it only counts. */
export type NaiveStore = (
  conversation: string,
  sender: string,
  key: string,
  text: string,
) => Promise<number> | number;

export async function openNaiveStore(options: NaiveOptions): Promise<NaiveStore> {
  if (!options.database) {
    let last = 0;
    return () => ++last;
  }
  const { connections, ...config } = options.database;
  const pool = new Pool({ ...config, max: connections });
  await pool.query(`
    create table messages (
      id bigint generated always as identity primary key,
      conversation_id text not null,
      sender_id text not null,
      client_id text not null,
      content text not null,
      created_at timestamptz not null default now(),
      unique (conversation_id, sender_id, client_id)
    );
    create index on messages (conversation_id, id)`);
  return async (conversation, sender, key, text) => {
    const result = await pool.query<{ id: string }>({
      name: "insert",
      text: "insert into messages (conversation_id, sender_id, client_id, content) values ($1, $2, $3, $4) returning id",
      values: [conversation, sender, key, text],
    });
    return Number(result.rows[0]!.id);
  };
}
