-- What a message gets as its time that was accepted at p_accepted_at, by another clock, or now where that is null: the
-- later of two messages in a conversation is never the older, and none is of the future.
create function message_time(p_accepted_at bigint, p_latest timestamptz, p_now timestamptz) returns timestamptz
language sql immutable parallel safe
  return least(p_now, greatest(p_latest, coalesce(to_timestamp(p_accepted_at / 1000.0), p_now)));

-- One batch of drafts, in one call, in order of arrival. Called by a writer lane under READ COMMITTED.
--
-- The first statement locks, later ones look: each statement of a VOLATILE function has its own snapshot, so
-- what is looked up after the lock is the truth. (As one CTE the snapshot is older than the lock: a racing
-- retry then meets a unique violation and a removed participant still stores a message.)
--
-- All or nothing, but for conversations that another node holds: where a draft may not be stored, none is, and
-- the answer says which; the caller leaves those out and calls again. So the way of nearly every batch is five
-- small statements without a join. What can be counted without the database comes with the call:
--
-- p_id … p_client_time: a column of the batch each; p_at: the place of the draft's conversation in c_id;
-- p_rank, p_n: the how-manieth of its conversation the draft is, and the how-manieth countable one.
-- c_id, c_count, c_n: the conversations, ascending, each once, with how many drafts and countable ones they get.
-- s_at, s_sender, s_n: who sends, by conversation and the bytes of the user's id ascending, with how many countable ones.
-- p_wait: wait for conversations that others hold; else they are skipped.
-- p_recheck: the batch may have been stored before, look the ids up too.
-- p_accepted_at: null, or for each draft when it was accepted elsewhere (epoch ms), null for now; c_accepted_at: the
-- same of the last one of each conversation. In a conversation none is earlier than the one before it.
--
-- clocks[i] is the clock of c_id[i] before the batch; draft j got the seq clocks[p_at[j]] + p_rank[j]. It is null
-- where the conversation was held elsewhere, or, with p_wait, is unknown.
-- codes is null when all was stored; else nothing was, and codes[j] is 0 where draft j may be, -2 where its sender
-- does not take part, -5 where nothing may be said (participants.barred), -3 where its key was used with other
-- content, -4 where it is stored already: repeats then has
-- {i, id, seq, at} of the first result.
-- times: with p_accepted_at, what each draft got as its time (epoch ms); else all got stored_at.
create function append_messages(
  p_id bigint[], p_sender text[], p_key text[], p_hash bigint[], p_type message_type[], p_content text[],
  p_parent bigint[], p_metadata jsonb[], p_client_time bigint[], p_at integer[], p_rank bigint[], p_n bigint[],
  c_id bigint[], c_count bigint[], c_n bigint[], s_at integer[], s_sender text[], s_n bigint[],
  p_wait boolean, p_recheck boolean, p_accepted_at bigint[] default null, c_accepted_at bigint[] default null,
  out stored_xid xid8, out stored_at timestamptz, out clocks bigint[], out codes bigint[], out repeats jsonb,
  out times bigint[]
) language plpgsql volatile as $$
declare
  held bigint[];
  counted bigint[];
  latest timestamptz[];
begin
  if p_wait then
    select array_agg(l.id), array_agg(l.clock), array_agg(l.last_n), array_agg(l.last_message_at)
    into held, clocks, counted, latest from (
      select c.id, c.clock, c.last_n, c.last_message_at from conversations c where c.id = any (c_id)
      order by c.id for no key update) l;
  else
    select array_agg(l.id), array_agg(l.clock), array_agg(l.last_n), array_agg(l.last_message_at)
    into held, clocks, counted, latest from (
      select c.id, c.clock, c.last_n, c.last_message_at from conversations c where c.id = any (c_id)
      order by c.id for no key update skip locked) l;
  end if;
  if held is distinct from c_id then
    select array_agg(h.clock order by c.i), array_agg(h.n order by c.i), array_agg(h.at order by c.i)
    into clocks, counted, latest
    from unnest(c_id) with ordinality as c (id, i)
    left join unnest(held, clocks, counted, latest) as h (id, clock, n, at) using (id);
  end if;
  -- Read under the locks: of two messages in a conversation the later is never the older.
  stored_at := date_trunc('milliseconds', clock_timestamp());
  stored_xid := pg_current_xact_id();

  -- Sub-selects of one row, not joins: whatever a plan made over small tables thinks of their size, it cannot
  -- read one whole.
  perform 1 from unnest(p_id, p_sender, p_key, p_at) as d (id, sender, key, at)
  where (select 1 from participants p where p.conversation_id = c_id[d.at] and p.user_id = d.sender
         and p.left_seq is null and not p.barred limit 1) is null
     or (d.key is not null
         and (select 1 from messages k where k.idempotency_key = d.key and k.sender_id = d.sender
              and k.conversation_id is not distinct from c_id[d.at] limit 1) is not null)
     or (p_recheck and (select 1 from messages r where r.id = d.id
                        and r.conversation_id is not distinct from c_id[d.at] limit 1) is not null)
  limit 1;
  if found then
    select array_agg(case when d.was_id is not null then case when d.reused then -3 else -4 end
                          when not d.takes_part then -2 when d.barred then -5 else 0 end order by d.i),
           jsonb_agg(jsonb_build_object('i', d.i - 1, 'id', d.was_id, 'seq', d.was_seq, 'at', epoch_ms(d.was_at)))
             filter (where d.was_id is not null and not d.reused)
    into codes, repeats
    from (
      select d.i, p.user_id is not null as takes_part, coalesce(p.barred, false) as barred,
             coalesce(k.id, r.id) as was_id, coalesce(k.seq, r.seq) as was_seq, coalesce(k.created_at, r.created_at) as was_at,
             k.id is not null and k.content_hash is distinct from d.hash as reused
      from unnest(p_id, p_sender, p_key, p_hash, p_at) with ordinality as d (id, sender, key, hash, at, i)
      left join lateral (
        select p.user_id, p.barred from participants p
        where p.conversation_id = c_id[d.at] and p.user_id = d.sender and p.left_seq is null limit 1) p on true
      left join lateral (
        select k.id, k.seq, k.created_at, k.content_hash from messages k
        where k.idempotency_key = d.key and k.sender_id = d.sender
          and k.conversation_id is not distinct from c_id[d.at] limit 1) k on true
      left join lateral (
        select r.id, r.seq, r.created_at from messages r
        where p_recheck and r.id = d.id and r.conversation_id is not distinct from c_id[d.at] limit 1) r on true) d;
    return;
  end if;

  if p_accepted_at is not null then
    select array_agg(epoch_ms(message_time(d.accepted_at, latest[d.at], stored_at)) order by d.i) into times
    from unnest(p_accepted_at, p_at) with ordinality as d (accepted_at, at, i);
  end if;

  insert into messages (conversation_id, seq, id, n, rev, xid, parent_id, content_hash, client_time, created_at, type,
                        sender_id, idempotency_key, content, metadata)
  select c_id[d.at], clocks[d.at] + d.rank, d.id, counted[d.at] + d.n, clocks[d.at] + d.rank, stored_xid, d.parent,
         d.hash, d.client_time, coalesce(to_timestamp(d.time / 1000.0), stored_at), d.type, d.sender, d.key, d.content,
         d.metadata
  from unnest(p_id, p_sender, p_key, p_hash, p_type, p_content, p_parent, p_metadata, p_client_time, p_at, p_rank, p_n, times)
       as d (id, sender, key, hash, type, content, parent, metadata, client_time, at, rank, n, time)
  where clocks[d.at] is not null;

  update conversations c
  set clock = c.clock + s.count, last_n = c.last_n + s.n, last_seq = c.clock + s.count,
      last_message_at = case when c_accepted_at is null then stored_at
                        else message_time(s.accepted_at, c.last_message_at, stored_at) end,
      moved_xid = greatest(c.moved_xid, stored_xid)
  from unnest(c_id, c_count, c_n, clocks, c_accepted_at) as s (id, count, n, clock, accepted_at)
  where c.id = s.id and s.clock is not null;

  update participants p set own_total = p.own_total + s.n
  from unnest(s_at, s_sender, s_n) as s (at, sender, n)
  where p.conversation_id = c_id[s.at] and p.user_id = s.sender and clocks[s.at] is not null;

  insert into moves (conversation_ids, clocks, counts) values (c_id, clocks, c_count);
  if webhook_wanted('chat_message.sent') then
    insert into webhook_events (conversation_id, type, seq, message_seq, at)
    select c_id[d.at], 'chat_message.sent', clocks[d.at] + d.rank, clocks[d.at] + d.rank, stored_at
    from unnest(p_at, p_rank) as d (at, rank) where clocks[d.at] is not null order by d.at, d.rank;
  end if;
end $$;

-- A draft that is alone in its batch, as nearly all are while little is written: the same rules, without arrays and
-- what they cost to take apart, at two thirds of the CPU. Null where it was not stored, for whatever reason: then
-- nothing was done and append_messages says why.
create function append_message(
  p_id bigint, p_conversation bigint, p_sender text, p_key text, p_hash bigint, p_type message_type, p_content text,
  p_parent bigint, p_metadata jsonb, p_client_time bigint, p_n bigint,
  out stored_xid xid8, out stored_at timestamptz, out stored_seq bigint
) language plpgsql volatile as $$
declare
  next_seq bigint;
  next_n bigint;
begin
  select c.clock + 1, c.last_n + p_n into next_seq, next_n from conversations c
  where c.id = p_conversation for no key update skip locked;
  if not found then
    return;
  end if;
  update participants p set own_total = p.own_total + p_n
  where p.conversation_id = p_conversation and p.user_id = p_sender and p.left_seq is null and not p.barred;
  if not found then
    return;
  end if;
  insert into messages (conversation_id, seq, id, n, rev, xid, parent_id, content_hash, client_time, created_at, type,
                        sender_id, idempotency_key, content, metadata)
  values (p_conversation, next_seq, p_id, next_n, next_seq, pg_current_xact_id(), p_parent, p_hash, p_client_time,
          date_trunc('milliseconds', clock_timestamp()), p_type, p_sender, p_key, p_content, p_metadata)
  on conflict (idempotency_key, sender_id, conversation_id) where idempotency_key is not null do nothing
  returning xid, created_at, seq into stored_xid, stored_at, stored_seq;
  if not found then
    update participants p set own_total = p.own_total - p_n
    where p.conversation_id = p_conversation and p.user_id = p_sender;
    return;
  end if;
  update conversations c
  set clock = next_seq, last_n = next_n, last_seq = next_seq, last_message_at = stored_at,
      moved_xid = greatest(c.moved_xid, stored_xid)
  where c.id = p_conversation;
  insert into moves (conversation_ids, clocks, counts)
  values (array[p_conversation], array[next_seq - 1], array[1::bigint]);
  if webhook_wanted('chat_message.sent') then
    insert into webhook_events (conversation_id, type, seq, message_seq, at)
    values (p_conversation, 'chat_message.sent', stored_seq, stored_seq, stored_at);
  end if;
end $$;
