-- Files. A row is keyed by the file's id alone: it is uploaded before there is a conversation, and had by that id.
-- What a message shows of its files stands in messages.attachments.

create table attachments (
  id uuid primary key,
  uploader_id text not null,
  file_name text not null,
  content_type text not null,
  size bigint not null,
  width integer,
  height integer,
  -- Bytes; null where there is none.
  thumbnail_size integer,
  created_at timestamptz not null default clock_timestamp(),
  -- When all of it was in the file store; the row is made first, so that nothing lies there unknown.
  stored_at timestamptz,
  -- The message that uses it.
  conversation_id bigint,
  message_id bigint,
  message_seq bigint,
  -- Nobody gets it any more, and the file store is to lose it.
  removed_at timestamptz
);

create index attachments_unused on attachments (uploader_id, created_at) where message_id is null;
create index attachments_old on attachments (created_at) where message_id is null;
create index attachments_removed on attachments (removed_at) where removed_at is not null;
create index attachments_of_messages on attachments (conversation_id, message_seq) where message_id is not null;

-- Keys that all processes over this database must agree on, made by whoever needs one first.
create table secrets (
  name text primary key,
  value bytea not null
);

create function attachment_json(a attachments) returns jsonb language sql stable
  return jsonb_build_object(
    'id', a.id, 'fileName', a.file_name, 'contentType', a.content_type, 'size', a.size, 'width', a.width,
    'height', a.height, 'hasThumbnail', a.thumbnail_size is not null);

-- A message with files. append_with_more stores it, and then it gets its files; where one of them may not be used
-- nothing of it stays. A repeat of a key is answered before its files, used long since, are looked at.
create function change_send(change jsonb) returns jsonb language plpgsql as $$
declare
  in_id bigint := (change->>'conversationId')::bigint;
  d jsonb := change->'draft';
  sender text := d->>'senderId';
  n bigint := case when d->>'type' = 'system' then 0 else 1 end;
  named jsonb := '[]';
  ids uuid[];
  appended record;
  m messages;
  usable bigint;
  own bigint;
begin
  select array_agg(value::uuid order by i) into ids
  from jsonb_array_elements_text(change->'attachmentIds') with ordinality as t (value, i);
  if jsonb_array_length(coalesce(d->'mentions', '[]')) > 0 then
    named := jsonb_build_array(jsonb_build_object('i', 1, 'users', d->'mentions'));
  end if;
  begin
    select * into appended from append_with_more(
      array[(d->>'id')::bigint], array[sender], array[d->>'idempotencyKey'], array[(d->>'contentHash')::bigint],
      array[(d->>'type')::message_type], array[d->>'content'], array[(d->>'parentId')::bigint],
      array[nullif(d->'metadata', 'null')], array[(d->>'clientTime')::bigint], array[1], array[1::bigint], array[n],
      array[in_id], array[1::bigint], array[n], array[1], array[sender], array[n], true, false,
      named);
    if appended.codes is null then
      select * into m from messages where conversation_id = in_id and seq = appended.clocks[1] + 1;
      select count(*) filter (where a.message_id is null), count(*) into usable, own from (
        select message_id from attachments
        where id = any (ids) and uploader_id = sender and stored_at is not null and removed_at is null
        order by id for no key update) a;
      if own < cardinality(ids) then
        raise exception using errcode = 'PA404';
      elsif usable < cardinality(ids) then
        raise exception using errcode = 'PA409';
      end if;
      update attachments set conversation_id = in_id, message_id = m.id, message_seq = m.seq where id = any (ids);
      update messages set attachments = (
        select jsonb_agg(attachment_json(a) order by array_position(ids, a.id)) from attachments a where a.id = any (ids))
      where conversation_id = in_id and seq = m.seq returning * into m;
      return jsonb_build_object('seq', m.seq, 'changed', true, 'message', message_json(m));
    end if;
  exception
    when sqlstate 'PA404' then return jsonb_build_object('refused', 'no_attachment');
    when sqlstate 'PA409' then return jsonb_build_object('refused', 'attachment_used');
  end;
  if appended.codes[1] = -3 then
    return jsonb_build_object('refused', 'key_reused');
  elsif appended.codes[1] = -4 then
    select * into m from messages
    where conversation_id = in_id and seq = (appended.repeats->0->>'seq')::bigint;
    return jsonb_build_object('seq', m.seq, 'changed', false, 'message', message_json(m));
  end if;
  return jsonb_build_object('stale', true);
end $$;

-- With its message a file goes: at once for everybody who asks, later from the file store.
create function drop_attachments(m messages, p_at timestamptz) returns void language plpgsql as $$
begin
  if m.attachments is not null then
    update attachments set removed_at = p_at
    where id in (select id from attachments
                 where id in (select (value->>'id')::uuid from jsonb_array_elements(m.attachments))
                 order by id for no key update);
  end if;
end $$;
