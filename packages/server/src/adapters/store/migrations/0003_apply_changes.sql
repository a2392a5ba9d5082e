-- Every durable change that is not a new message. Called by a writer lane, like append_messages, and under
-- the same rule: lock the conversations first, in order of id, then look.

-- The shapes of packages/protocol/src/model.ts, built where the rows are.
--
-- A function without a sub-select in it is written into the statement that calls it; one with is run by itself, with a
-- start and an end for each row, which makes a list of fifty ten times as dear. So each shape takes what is looked up
-- for it as an argument; the ways with one argument look it up themselves, for single rows.

-- What late comers may not see is not shown by a reply either; 200 is PREVIEW_LENGTH.
create function parent_json(p_conversation bigint, p_parent bigint) returns json language sql stable
  return (
    select json_build_object(
      'id', x.id, 'seq', x.seq, 'type', x.type, 'senderId', x.sender_id,
      'senderName', (select u.name from users u where u.id = x.sender_id), 'content', left(x.content, 200),
      'deleted', x.deleted_at is not null)
    from messages x where x.id = p_parent and x.conversation_id is not distinct from p_conversation
      and (select (c.settings->>'historyVisible')::boolean from conversations c where c.id = p_conversation));

create function message_json(m messages, sender_name text, sender_avatar text) returns json language sql stable
  return json_build_object(
    'id', m.id, 'conversationId', m.conversation_id, 'seq', m.seq, 'rev', m.rev, 'type', m.type,
    'senderId', m.sender_id, 'senderName', sender_name, 'senderAvatarUrl', sender_avatar, 'content', m.content,
    'parentId', m.parent_id,
    'parent', case when m.parent_id is not null then parent_json(m.conversation_id, m.parent_id) end,
    'replyCount', coalesce(m.reply_count, 0), 'mentions', coalesce(m.mentions, '{}'), 'metadata', m.metadata,
    'attachments', m.attachments,
    'reactions', m.reactions, 'idempotencyKey', m.idempotency_key, 'clientTime', m.client_time,
    'createdAt', epoch_ms(m.created_at), 'editedAt', epoch_ms(m.edited_at), 'deletedAt', epoch_ms(m.deleted_at),
    'pinnedAt', epoch_ms(m.pinned_at), 'pinnedBy', m.pinned_by);

create function message_json(m messages) returns json language sql stable
  return message_json(
    m, (select u.name from users u where u.id = m.sender_id), (select u.avatar_url from users u where u.id = m.sender_id));

create function conversation_json(c conversations) returns json language sql stable
  return json_build_object(
    'id', c.id, 'kind', c.kind, 'name', c.name, 'description', c.description, 'avatarUrl', c.avatar_url,
    'externalRef', c.external_ref, 'createdBy', c.created_by, 'createdAt', epoch_ms(c.created_at), 'settings', c.settings,
    'updatedAt', epoch_ms(c.updated_at), 'participantCount', c.participant_count, 'clock', c.clock);

create function participant_json(p participants, user_name text) returns json language sql stable
  return json_build_object(
    'userId', p.user_id, 'userName', user_name, 'role', p.role,
    'joinedSeq', p.joined_seq, 'joinedAt', epoch_ms(p.joined_at));

create function participant_json(p participants) returns json language sql stable
  return participant_json(p, (select u.name from users u where u.id = p.user_id));

-- Those whom the head names; 200 is HEAD_PARTICIPANTS.
create function head_participants(p_conversation bigint) returns setof participants language sql stable
  begin atomic
    select * from participants where conversation_id = p_conversation and left_seq is null
    order by joined_seq, user_id limit 200;
  end;

-- The head everybody in a conversation knows.
create function head_json(c conversations, participants json) returns json language sql stable
  return json_build_object('conversation', conversation_json(c), 'participants', coalesce(participants, '[]'));

create function head_json(p_conversation bigint) returns json language sql stable
  return (
    select head_json(c, (
      select json_agg(participant_json(p, (select u.name from users u where u.id = p.user_id)))
      from head_participants(c.id) p))
    from conversations c where c.id = p_conversation);

create function tick(p_conversation bigint, p_xid xid8) returns bigint language sql volatile
  begin atomic
    with ticked as (
      update conversations set clock = clock + 1, moved_xid = greatest(moved_xid, p_xid) where id = p_conversation returning clock)
    insert into moves (conversation_ids, clocks, counts)
    select array[p_conversation], array[clock - 1], array[1::bigint] from ticked returning clocks[1] + 1;
  end;

-- Opens a conversation: the one direct conversation of a pair (found or made), the one that goes by an
-- outside reference (found or made), or a new group. Tick 1 makes it and lets its first people in.
create function change_open(change jsonb, p_xid xid8, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  opened bigint := (change->>'conversationId')::bigint;
  existing bigint;
  other_hash bigint;
begin
  if change ? 'ref' then
    insert into external_conversations (ref, conversation_id, content_hash)
    values (change->>'ref', opened, (change->>'hash')::bigint)
    on conflict (ref) do nothing;
    if not found then
      select conversation_id, content_hash into existing, other_hash
      from external_conversations where ref = change->>'ref';
      if other_hash is distinct from (change->>'hash')::bigint then
        return jsonb_build_object('refused', 'key_reused');
      end if;
      return jsonb_build_object('conversationId', existing, 'seq', 0, 'changed', false);
    end if;
  elsif change ? 'pair' then
    -- One after another with set_block(), so that one of the two knows of the other.
    perform pg_advisory_xact_lock(hashtextextended(change->>'pair', 0));
    insert into direct_conversations (pair, conversation_id) values (change->>'pair', opened)
    on conflict (pair) do nothing;
    if not found then
      select conversation_id into existing from direct_conversations where pair = change->>'pair';
      return jsonb_build_object('conversationId', existing, 'seq', 0, 'changed', false);
    end if;
  end if;
  insert into conversations (id, kind, name, description, avatar_url, external_ref, created_by, created_at, updated_at, settings,
                             settings_rev, settings_xid, clock, last_message_at, participant_count, moved_xid)
  values (opened, (change->>'conversationKind')::conversation_kind, change->>'name', change->>'description',
          change->>'avatarUrl', change->>'externalRef',
          change->>'by', p_at, p_at, change->'settings', 1, p_xid, 1,
          p_at, jsonb_array_length(change->'people'), p_xid);
  insert into moves (conversation_ids, clocks, counts) values (array[opened], array[0::bigint], array[1::bigint]);
  insert into participants (conversation_id, user_id, role, joined_seq, joined_at, rev, member_xid, barred)
  select opened, person->>'userId', (person->>'role')::participant_role, 1, p_at, 1, p_xid,
         change ? 'pair' and exists (
           select from blocks b, jsonb_array_elements(change->'people') x, jsonb_array_elements(change->'people') y
           where b.blocker_id = x->>'userId' and b.blocked_id = y->>'userId')
  from jsonb_array_elements(change->'people') person;
  return jsonb_build_object('conversationId', opened, 'seq', 1, 'changed', true, 'head', head_json(opened));
end $$;

-- What people are called, as a text lists them: three by name, the rest as a number.
create function called(p_users text[]) returns text language sql stable
  return (
    select case when cardinality(p_users) > 4 then format('%s, %s, %s and %s others', n[1], n[2], n[3], cardinality(p_users) - 3)
                when cardinality(p_users) > 1 then array_to_string(n[:cardinality(n) - 1], ', ') || ' and ' || n[cardinality(n)]
                else n[1] end
    from (select array_agg(coalesce(u.name, p.id) order by p.i) as n
          from unnest(p_users[:4]) with ordinality as p (id, i) left join users u on u.id = p.id) names);

-- What a change of a group says in its history where it asks for that (tell), as a SYSTEM message that nobody wrote, in
-- the tick after that of the change. It is not counted, moves nothing in anybody's list and brings nothing back into one. For programs it says the
-- same as metadata, naming the first 100 people. A block of ids for one message: there are 9 * 10^12 of them.
create function say(change jsonb, p_event text, p_users text[], p_xid xid8, p_at timestamptz) returns jsonb
language plpgsql as $$
declare
  in_id bigint := (change->>'conversationId')::bigint;
  by_name text;
  t bigint;
  m messages;
begin
  if change->'tell' is distinct from 'true' then
    return '{}';
  end if;
  by_name := called(array[change->>'by']);
  t := tick(in_id, p_xid);
  insert into messages (conversation_id, seq, id, n, rev, xid, created_at, type, sender_id, content, metadata)
  select in_id, t, nextval('message_ids'), c.last_n, t, p_xid, p_at, 'system', '',
    case p_event
      when 'participant.added' then format('%s added %s', by_name, called(p_users))
      when 'participant.removed' then format('%s removed %s', by_name, called(p_users))
      when 'participant.left' then format('%s left', by_name)
      else case when change->>'name' is null then format('%s took the name away', by_name)
                else format('%s changed the name to %s', by_name, change->>'name') end
    end,
    jsonb_build_object('event', p_event, 'by', change->'by')
      || case when p_users is null then jsonb_build_object('name', change->'name')
         else jsonb_build_object('userIds', p_users[:100], 'count', cardinality(p_users)) end
  from conversations c where c.id = in_id
  returning * into m;
  return jsonb_build_object('said', message_json(m));
end $$;

create function change_add(change jsonb, p_xid xid8, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  into_id bigint := (change->>'conversationId')::bigint;
  newcomers text[];
  done jsonb;
  t bigint;
begin
  select array_agg(u order by i) into newcomers
  from jsonb_array_elements_text(change->'userIds') with ordinality as wished (u, i)
  where not exists (select from participants p
                    where p.conversation_id = into_id and p.user_id = u and p.left_seq is null);
  if newcomers is null then
    return jsonb_build_object('seq', (select clock from conversations where id = into_id), 'changed', false);
  end if;
  if (select participant_count from conversations where id = into_id) + cardinality(newcomers)
     > (change->>'maxParticipants')::int then
    return jsonb_build_object('refused', 'too_many');
  end if;
  t := tick(into_id, p_xid);
  -- Who joins starts with everything read: read_n is what there is, and their own old messages are counted in.
  insert into participants as p (conversation_id, user_id, role, joined_seq, joined_at, rev, member_xid,
                                 delivered_seq, read_seq, read_n)
  select into_id, u, 'member', t, p_at, t, p_xid, t, t, c.last_n
  from unnest(newcomers) u, conversations c where c.id = into_id
  order by u collate "C"
  on conflict (conversation_id, user_id) do update
    set role = 'member', joined_seq = t, joined_at = p_at, left_seq = null, rev = t, member_xid = p_xid,
        delivered_seq = t, read_seq = t, read_n = excluded.read_n, own_at_read = p.own_total,
        read_above = '{}', unread_seq = null, archived_seq = null, hidden_seq = null;
  update conversations set participant_count = participant_count + cardinality(newcomers), updated_at = p_at
  where id = into_id;
  done := jsonb_build_object('seq', t, 'changed', true, 'head', head_json(into_id), 'participants',
    (select json_agg(participant_json(p)) from participants p
     where p.conversation_id = into_id and p.user_id = any (newcomers)));
  return done || say(change, 'participant.added', newcomers, p_xid, p_at);
end $$;

create function change_remove(change jsonb, p_xid xid8, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  from_id bigint := (change->>'conversationId')::bigint;
  leaver participants;
  done jsonb;
  t bigint;
begin
  select * into leaver from participants
  where conversation_id = from_id and user_id = change->>'userId' and left_seq is null;
  if not found then
    return jsonb_build_object('refused', 'not_found');
  end if;
  if leaver.role::text <> change->>'userRole' then
    return jsonb_build_object('stale', true);
  end if;
  -- A group of others is never left without an owner.
  if leaver.role = 'owner'
     and (select participant_count from conversations where id = from_id) > 1
     and not exists (select from participants where conversation_id = from_id and left_seq is null
                     and role = 'owner' and user_id <> leaver.user_id) then
    return jsonb_build_object('refused', 'last_owner');
  end if;
  t := tick(from_id, p_xid);
  update participants set left_seq = t, rev = t, member_xid = p_xid
  where conversation_id = from_id and user_id = leaver.user_id;
  update conversations set participant_count = participant_count - 1, updated_at = p_at where id = from_id;
  done := jsonb_build_object('seq', t, 'changed', true, 'head', head_json(from_id));
  return done || say(
    change, case when leaver.user_id = change->>'by' then 'participant.left' else 'participant.removed' end,
    array[leaver.user_id], p_xid, p_at);
end $$;

create function change_role(change jsonb, p_xid xid8) returns jsonb language plpgsql as $$
declare
  in_id bigint := (change->>'conversationId')::bigint;
  person participants;
  t bigint;
begin
  select * into person from participants
  where conversation_id = in_id and user_id = change->>'userId' and left_seq is null;
  if not found then
    return jsonb_build_object('refused', 'not_found');
  elsif person.role::text = change->>'role' then
    return jsonb_build_object('seq', person.rev, 'changed', false);
  elsif person.role = 'owner' and not exists (
      select from participants where conversation_id = in_id and left_seq is null
      and role = 'owner' and user_id <> person.user_id) then
    return jsonb_build_object('refused', 'last_owner');
  end if;
  t := tick(in_id, p_xid);
  update participants set role = (change->>'role')::participant_role, rev = t, member_xid = p_xid
  where conversation_id = in_id and user_id = person.user_id;
  return jsonb_build_object('seq', t, 'changed', true, 'head', head_json(in_id), 'participants',
    (select json_agg(participant_json(p)) from participants p
     where p.conversation_id = in_id and p.user_id = person.user_id));
end $$;

create function change_settings(change jsonb, p_xid xid8, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  in_id bigint := (change->>'conversationId')::bigint;
  renamed boolean;
  done jsonb;
  t bigint;
begin
  t := tick(in_id, p_xid);
  select change ? 'name' and change->>'name' is distinct from c.name into renamed from conversations c where c.id = in_id;
  update conversations c
  set name = case when change ? 'name' then change->>'name' else c.name end,
      description = case when change ? 'description' then change->>'description' else c.description end,
      avatar_url = case when change ? 'avatarUrl' then change->>'avatarUrl' else c.avatar_url end,
      settings = c.settings || coalesce(change->'settings', '{}'),
      settings_rev = t, settings_xid = p_xid, updated_at = p_at
  where id = in_id;
  done := jsonb_build_object('seq', t, 'changed', true, 'head', head_json(in_id));
  return case when renamed then done || say(change, 'conversation.renamed', null, p_xid, p_at) else done end;
end $$;

-- The books of who is named where, brought from what m names to what it is to name.
create function mention(m messages, p_mentions text[]) returns void language plpgsql as $$
begin
  delete from mentions
  where conversation_id = m.conversation_id and user_id = any (m.mentions) and seq = m.seq;
  insert into mentions (conversation_id, user_id, seq, n)
  select m.conversation_id, u, m.seq, m.n from unnest(p_mentions) u where u <> m.sender_id;
end $$;

-- Edit, delete, pin and react change one message: it must be there and not deleted.
create function change_message(change jsonb, p_xid xid8, p_at timestamptz) returns jsonb language plpgsql as $$
declare
  in_id bigint := (change->>'conversationId')::bigint;
  m messages;
  t bigint;
  touched boolean := true;
  adding boolean;
  named text[] := array(select jsonb_array_elements_text(change->'mentions'));
begin
  select * into m from messages where id = (change->>'messageId')::bigint
    and conversation_id is not distinct from in_id;
  if not found then
    return jsonb_build_object('refused', 'not_found');
  end if;
  if m.deleted_at is not null then
    if change->>'kind' <> 'delete' then
      return jsonb_build_object('refused', 'deleted');
    end if;
    touched := false;
  elsif change->>'kind' = 'edit' then
    touched := m.content <> change->>'content';
  elsif change->>'kind' = 'pin' then
    touched := (m.pinned_at is not null) <> (change->>'pin')::boolean;
    if touched and (change->>'pin')::boolean
       and (select count(*) from messages p where p.conversation_id = in_id and p.pinned_at is not null)
           >= (change->>'maxPins')::int then
      return jsonb_build_object('refused', 'too_many');
    end if;
  elsif change->>'kind' = 'react' then
    adding := case change->>'add'
      when 'toggle' then not exists (
        select from reactions where conversation_id = in_id and message_id = m.id and emoji = change->>'emoji'
          and user_id = change->>'by')
      else (change->>'add')::boolean end;
  end if;
  if adding then
    if (select count(*) from jsonb_object_keys(coalesce(m.reactions, '{}'))) >= (change->>'maxEmoji')::int
       and not coalesce(m.reactions, '{}') ? (change->>'emoji') then
      return jsonb_build_object('refused', 'too_many');
    end if;
    insert into reactions (conversation_id, message_id, emoji, user_id, created_at)
    values (in_id, m.id, change->>'emoji', change->>'by', p_at)
    on conflict do nothing;
    touched := found;
  elsif not adding then
    delete from reactions
    where conversation_id = in_id and message_id = m.id and emoji = change->>'emoji' and user_id = change->>'by';
    touched := found;
  end if;
  if not touched then
    return jsonb_build_object('seq', m.rev, 'changed', false, 'message', message_json(m), 'added', adding);
  end if;

  t := tick(in_id, p_xid);
  if change->>'kind' = 'edit' then
    insert into message_history (conversation_id, message_id, rev, content, replaced_at)
    values (in_id, m.id, m.rev, m.content, p_at);
    perform mention(m, named);
    update messages set content = change->>'content', mentions = nullif(named, '{}'), edited_at = p_at, rev = t,
      changed_xid = p_xid
    where conversation_id = in_id and seq = m.seq returning * into m;
  elsif change->>'kind' = 'delete' then
    delete from message_history where conversation_id = in_id and message_id = m.id;
    delete from reactions where conversation_id = in_id and message_id = m.id;
    perform mention(m, null);
    if m.parent_id is not null then
      update messages set reply_count = nullif(reply_count - 1, 0)
      where id = m.parent_id and conversation_id is not distinct from in_id;
    end if;
    perform drop_attachments(m, p_at);
    update messages set content = '', metadata = null, attachments = null, reactions = null, mentions = null, pinned_at = null,
      pinned_by = null, deleted_at = p_at, rev = t, changed_xid = p_xid
    where conversation_id = in_id and seq = m.seq returning * into m;
  elsif change->>'kind' = 'pin' then
    update messages set pinned_at = case when (change->>'pin')::boolean then p_at end,
      pinned_by = case when (change->>'pin')::boolean then change->>'by' end, rev = t, changed_xid = p_xid
    where conversation_id = in_id and seq = m.seq returning * into m;
  else
    update messages set rev = t, changed_xid = p_xid, reactions = (
      select jsonb_object_agg(emoji, n) from (
        select emoji, count(*) as n from reactions
        where conversation_id = in_id and message_id = m.id group by emoji) s)
    where conversation_id = in_id and seq = m.seq returning * into m;
  end if;
  return jsonb_build_object('seq', t, 'changed', true, 'message', message_json(m), 'added', adding);
end $$;

-- The last batch of each lane with its outcome, so that a batch whose answer was lost is answered, not applied
-- again: most changes cannot be told from themselves once another has come after them.
create table change_batches (
  lane text primary key,
  batch bigint not null,
  xid xid8,
  made_at timestamptz,
  results jsonb
) with (fillfactor = 50);

-- Applies a batch in order. Each change names its kind, conversationId, by (who) and asRole: the standing the
-- policy was asked with; a removal may name userRole, the same of who is removed. If that is no longer so the change
-- answers {"stale": true} and the policy is asked again. Results stand in the order of the changes: {seq, changed, …} or {refused} or {stale}. The same lane and
-- batch number again, with nothing between, gives the first results.
-- Participants are written in the order of the changes, which only the conversations' locks make safe: against mark()
-- that may be a deadlock, and the one that PostgreSQL ends is tried again.
create function apply_changes(
  p_lane text, p_batch bigint, p_changes jsonb, out made_xid xid8, out made_at timestamptz, out results jsonb)
language plpgsql as $$
declare
  change jsonb;
  result jsonb;
  standing text;
  is_barred boolean;
  last change_batches;
begin
  -- The lane's row is taken first: a first try that is still under way is waited for.
  insert into change_batches (lane, batch) values (p_lane, 0) on conflict do nothing;
  if found then
    delete from change_batches b where b.made_at < now() - interval '1 day';
  end if;
  select * into last from change_batches b where b.lane = p_lane for no key update;
  if last.batch = p_batch then
    made_xid := last.xid;
    made_at := last.made_at;
    results := last.results;
    return;
  end if;

  results := '[]';
  perform 1 from conversations c
  where c.id = any (select (value->>'conversationId')::bigint from jsonb_array_elements(p_changes))
  order by c.id for no key update;
  made_at := date_trunc('milliseconds', clock_timestamp());
  made_xid := pg_current_xact_id();

  for change in select value from jsonb_array_elements(p_changes) loop
    if change->>'kind' = 'open' then
      result := change_open(change, made_xid, made_at);
    else
      select p.role, p.barred into standing, is_barred from participants p
      where p.conversation_id = (change->>'conversationId')::bigint and p.user_id = change->>'by'
        and p.left_seq is null;
      if not found then
        standing := null;
        is_barred := false;
      end if;
      if standing is distinct from change->>'asRole' or (is_barred and change->>'kind' in ('edit', 'react', 'pin')) then
        result := jsonb_build_object('stale', true);
      else
        result := case change->>'kind'
          when 'add' then change_add(change, made_xid, made_at)
          when 'remove' then change_remove(change, made_xid, made_at)
          when 'role' then change_role(change, made_xid)
          when 'settings' then change_settings(change, made_xid, made_at)
          when 'send' then change_send(change)
          when 'delete-conversation' then change_delete_conversation(change, made_xid, made_at)
          else change_message(change, made_xid, made_at)
        end;
      end if;
    end if;
    if (result->>'changed')::boolean then
      perform webhook_note(change, result, made_at);
    end if;
    results := results || jsonb_build_array(result);
  end loop;
  update change_batches b set batch = p_batch, xid = apply_changes.made_xid, made_at = apply_changes.made_at,
    results = apply_changes.results
  where b.lane = p_lane;
end $$;
