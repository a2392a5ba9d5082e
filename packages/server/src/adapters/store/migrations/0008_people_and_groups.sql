-- What people do about one another and about their own lists: blocks, preferences, and the end of a conversation.

create table blocks (
  blocker_id text not null,
  blocked_id text not null,
  created_at timestamptz not null default now(),
  primary key (blocker_id, blocked_id)
);
create index blocks_by_blocked on blocks (blocked_id);

create index users_by_search_name on users (search_name collate "C", id collate "C") where deactivated_at is null;
create index users_deactivated on users (deactivated_at) where deactivated_at is not null;
create index external_conversations_by_conversation on external_conversations (conversation_id);

-- What one of two people wants of the other. Their direct conversation, where there is one, is barred to both while
-- either has blocked the other; one that is being made meanwhile finds that out by itself (change_open).
create function set_block(
  p_blocker text, p_blocked text, p_pair text, p_block boolean, out changed boolean, out direct_id bigint)
language plpgsql volatile as $$
declare
  bar boolean;
begin
  perform pg_advisory_xact_lock(hashtextextended(p_pair, 0));
  if p_block then
    insert into blocks (blocker_id, blocked_id) values (p_blocker, p_blocked) on conflict do nothing;
  else
    delete from blocks where blocker_id = p_blocker and blocked_id = p_blocked;
  end if;
  changed := found;
  select conversation_id into direct_id from direct_conversations where pair = p_pair;
  if not changed or direct_id is null then
    return;
  end if;
  bar := exists (select from blocks where (blocker_id, blocked_id) in ((p_blocker, p_blocked), (p_blocked, p_blocker)));
  perform 1 from participants where conversation_id = direct_id order by user_id collate "C" for no key update;
  update participants
  set barred = bar,
      marked_at = case when user_id = p_blocker then date_trunc('milliseconds', clock_timestamp()) else marked_at end
  where conversation_id = direct_id;
end $$;

-- How somebody keeps a conversation in their own list; null leaves a thing as it is. No row of one who takes no part.
create function set_preferences(
  p_conversation bigint, p_user text, p_muted boolean, p_pinned boolean, p_archived boolean, p_level notification_level)
returns table (muted boolean, pinned boolean, archived boolean, level notification_level)
language sql volatile as $$
  update participants p
  set muted = coalesce(p_muted, p.muted), pinned = coalesce(p_pinned, p.pinned), level = coalesce(p_level, p.level),
      archived_seq = case p_archived when true then c.last_seq when false then null else p.archived_seq end,
      marked_at = date_trunc('milliseconds', clock_timestamp())
  from conversations c
  where p.conversation_id = p_conversation and p.user_id = p_user and p.left_seq is null and c.id = p_conversation
  returning p.muted, p.pinned, coalesce(p.archived_seq >= c.last_seq, false), p.level
$$;

-- Ends a conversation for everyone. Its rows stay, out of reach: nobody takes part in it and nobody may read it.
create function change_delete_conversation(change jsonb, p_xid xid8, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  in_id bigint := (change->>'conversationId')::bigint;
  t bigint;
  gone jsonb;
begin
  t := tick(in_id, p_xid);
  with leaving as (
    update participants set left_seq = t, rev = t, member_xid = p_xid
    where conversation_id = in_id and left_seq is null returning user_id)
  select jsonb_agg(user_id) into gone from leaving;
  -- What was sent as files goes from the file store too.
  update attachments set removed_at = p_at where conversation_id = in_id and removed_at is null;
  delete from external_conversations where conversation_id = in_id;
  update conversations
  set name = null, description = null, avatar_url = null, participant_count = 0, deleted_at = p_at,
      settings_rev = t, settings_xid = p_xid
  where id = in_id;
  return jsonb_build_object('seq', t, 'changed', true, 'head', head_json(in_id), 'removed', gone);
end $$;
