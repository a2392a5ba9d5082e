-- The data model of design "users, conversations, participants, messages, reads".
--
-- A rule every table that grows keeps: conversation_id stands first in its primary key and every hot
-- statement names it, so that the tables can be distributed by it. What must be unique without it lives in
-- a small look-up table of its own.
--
-- clock, seq, rev: see docs/glossary.md. xid columns hold the transaction that made the latest tick of the
-- row; positions are built on them (docs/decisions/0003-positions.md).

-- Types and not check constraints: PostgreSQL reads a constraint's expression anew in each statement that writes.
create type user_status as enum ('online', 'away', 'dnd', 'offline');
create type conversation_kind as enum ('direct', 'group');
create type participant_role as enum ('owner', 'admin', 'member');
create type notification_level as enum ('all', 'mentions', 'none');
create type message_type as enum ('text', 'image', 'file', 'location', 'system');

-- Times leave the database as numbers: what the model has.
create function epoch_ms(t timestamptz) returns bigint language sql immutable strict parallel safe
  return (extract(epoch from t) * 1000)::bigint;

create table instance (
  only_row boolean primary key default true check (only_row),
  epoch text not null,
  system_identifier text not null,
  timeline integer not null
);

-- A process takes ids in blocks of 1,000: nextval() gives the first of its block.
create sequence message_ids as bigint increment by 1000 minvalue 1 maxvalue 9007199254000000;
create sequence conversation_ids as bigint increment by 1000 minvalue 1 maxvalue 9007199254000000;

-- Without case and accents, as names are compared and sorted: as far as the database's own locale knows of case.
create function fold(t text) returns text language sql immutable strict parallel safe
  return lower(regexp_replace(normalize(t, NFKD), '[\u0300-\u036f]', '', 'g'));

create table users (
  id text primary key,
  name text,
  -- Chosen by the user, so that the one a token gives no longer replaces it.
  own_name boolean not null default false,
  search_name text not null generated always as (fold(coalesce(name || E'\n', '') || id)) stored,
  avatar_url text,
  is_bot boolean not null default false,
  status user_status not null default 'online',
  last_seen_at timestamptz,
  deactivated_at timestamptz,
  created_at timestamptz not null default now()
);

create table conversations (
  id bigint primary key,
  kind conversation_kind not null,
  name text,
  description text,
  avatar_url text,
  -- Also in external_conversations, where it is unique.
  external_ref text,
  created_by text,
  created_at timestamptz not null,
  -- When it, and not what is said in it, last changed.
  updated_at timestamptz not null,
  settings jsonb not null default '{}',
  settings_rev bigint not null,
  settings_xid xid8 not null,
  clock bigint not null,
  last_n bigint not null default 0,
  last_seq bigint not null default 0,
  last_message_at timestamptz not null,
  participant_count integer not null,
  -- For everyone: nobody takes part any more, and what was said is out of reach.
  deleted_at timestamptz,
  -- The greatest transaction that has ticked here.
  moved_xid xid8 not null
) with (fillfactor = 70);

-- What ticked and has not been handed to those who follow yet (migration follow_and_search): of each transaction the
-- conversations it moved, their clocks before it, and by how many ticks. Every tick is noted here in its own
-- transaction; nothing else finds each of them exactly once. Without an index, and emptied as it is read: one row a
-- batch, 2 us. A clock is null where the batch left that conversation out.
create table moves (
  conversation_ids bigint[] not null,
  clocks bigint[] not null,
  counts bigint[] not null
);
-- Compressing a large batch's numbers would cost more than writing them.
alter table moves alter column conversation_ids set storage external;
alter table moves alter column clocks set storage external;
alter table moves alter column counts set storage external;

create table direct_conversations (
  pair text primary key,
  conversation_id bigint not null
);

create table external_conversations (
  ref text primary key,
  conversation_id bigint not null,
  content_hash bigint
);

create table participants (
  conversation_id bigint not null,
  user_id text not null,
  role participant_role not null,
  joined_seq bigint not null,
  joined_at timestamptz not null,
  left_seq bigint,
  rev bigint not null,
  member_xid xid8 not null,
  -- In a direct conversation one of whose two people has blocked the other: nothing is said in it any more.
  barred boolean not null default false,
  muted boolean not null default false,
  pinned boolean not null default false,
  -- Archived (or hidden) until something newer than this seq is stored: a new message brings it back
  -- without a write per participant.
  archived_seq bigint,
  hidden_seq bigint,
  level notification_level not null default 'all',
  delivered_seq bigint not null default 0,
  read_seq bigint not null default 0,
  read_n bigint not null default 0,
  read_at timestamptz,
  -- When marks, or what is personal beside them, last changed: from then on resume tells them again.
  marked_at timestamptz,
  own_total bigint not null default 0,
  own_at_read bigint not null default 0,
  read_above int8multirange not null default '{}',
  -- What is above it counts as unread although it was read: set back by its owner. Null: the same as read_seq.
  unread_seq bigint,
  -- The message at read_seq, or the last one before it.
  read_id bigint,
  primary key (conversation_id, user_id)
) with (fillfactor = 70);

-- Under another collation than the column's: it serves only statements that ask for it (user_id = $1 collate "C").
-- Otherwise a plan made while the table is small may take it, instead of the primary key, to look somebody up in a
-- conversation, and read all of a person's conversations for each message of theirs.
create index participants_by_user on participants (user_id collate "C", member_xid);

create table messages (
  conversation_id bigint not null,
  seq bigint not null,
  id bigint not null,
  n bigint not null,
  rev bigint not null,
  -- The transaction that stored it, and that of its latest change.
  xid xid8 not null,
  changed_xid xid8,
  parent_id bigint,
  content_hash bigint,
  client_time bigint,
  created_at timestamptz not null,
  edited_at timestamptz,
  deleted_at timestamptz,
  type message_type not null,
  -- '' of SYSTEM messages: no user's id is empty.
  sender_id text not null,
  idempotency_key text,
  content text not null,
  metadata jsonb,
  -- What message_json shows of its files, so that no read looks them up; null for nearly every message.
  attachments jsonb,
  reactions jsonb,
  -- Null where there are none. What is counted here takes no tick of its own: the reply's is enough.
  mentions text[],
  reply_count integer,
  pinned_at timestamptz,
  pinned_by text,
  primary key (conversation_id, seq)
);

create index messages_by_id on messages (id);
-- The key stands first so that no plan mistakes the primary key for a way to find it: look-ups by key or id write
-- "conversation_id is not distinct from", which no index serves.
create unique index messages_by_key on messages (idempotency_key, sender_id, conversation_id)
  where idempotency_key is not null;
-- Only what changed after it was stored is in here, so catch-up over changes costs nothing for the rest.
create index messages_changed on messages (conversation_id, rev) where rev <> seq;
create index messages_deleted on messages (conversation_id, n) where deleted_at is not null;

create table message_history (
  conversation_id bigint not null,
  message_id bigint not null,
  rev bigint not null,
  content text not null,
  replaced_at timestamptz not null,
  primary key (conversation_id, message_id, rev)
);

create table reactions (
  conversation_id bigint not null,
  message_id bigint not null,
  emoji text not null,
  user_id text not null,
  created_at timestamptz not null,
  primary key (conversation_id, message_id, emoji, user_id)
);

-- Who read what and when, as intervals of seq: "read up to" is one interval, "this one" an interval of one.
create table reads (
  conversation_id bigint not null,
  user_id text not null,
  from_seq bigint not null,
  to_seq bigint not null,
  read_at timestamptz not null,
  primary key (conversation_id, user_id, to_seq)
);
