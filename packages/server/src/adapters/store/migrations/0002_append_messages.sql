-- One batch of drafts, in one call, in order of arrival. Called by a writer lane under READ COMMITTED.
--
-- The first statement locks, later ones look: each statement of a VOLATILE function has its own snapshot, so
-- what is looked up after the lock is the truth. (As one CTE the snapshot is older than the lock: a racing
-- retry then meets a unique violation and a removed participant still stores a message.)
--
-- The parameters are columns of the batch, all of one length, and the conversations in it, each once. `wait` false skips conversations that another
-- node holds; `recheck` true also looks the ids up, for batches whose first outcome is not known.
--
-- Returns one row. outcome[i] is, for draft i: its seq when stored; 0 when its conversation was held
-- elsewhere (try again); -1 unknown conversation; -2 the sender does not take part; -3 key used before with
-- other content; -4 stored before: repeats[] then has {i, id, seq, at} of the first result.
create function append_messages(
  p_id bigint[], p_conversation bigint[], p_sender text[], p_key text[], p_hash bigint[], p_type text[],
  p_content text[], p_parent bigint[], p_metadata text[], p_client_time bigint[],
  p_conversations bigint[], p_wait boolean, p_recheck boolean,
  out stored_xid xid8, out stored_at timestamptz, out outcome bigint[], out repeats jsonb
) language plpgsql volatile as $$
declare
  held bigint[];
  -- Usually everything is held: then nothing is compared with the array, which is a linear search per draft.
  all_held boolean;
begin
  if p_wait then
    select array_agg(id) into held from (
      select c.id from conversations c where c.id = any (p_conversations) order by c.id for no key update) l;
  else
    select array_agg(id) into held from (
      select c.id from conversations c where c.id = any (p_conversations) order by c.id
      for no key update skip locked) l;
  end if;
  -- Read under the locks: of two messages in a conversation the later is never the older.
  stored_at := date_trunc('milliseconds', clock_timestamp());
  stored_xid := pg_current_xact_id();
  all_held := cardinality(held) = cardinality(p_conversations);

  with draft as materialized (
    select d.*, c.id is not null as held, c.clock, c.last_n,
           p.user_id is not null as takes_part,
           coalesce(k.id, r.id) as was_id, coalesce(k.seq, r.seq) as was_seq,
           coalesce(k.created_at, r.created_at) as was_at,
           k.id is not null and k.content_hash is distinct from d.hash as reused
    from unnest(p_id, p_conversation, p_sender, p_key, p_hash, p_type, p_content, p_parent, p_metadata, p_client_time)
         with ordinality
         as d (id, conversation_id, sender, key, hash, type, content, parent, metadata, client_time, i)
    -- Each look-up is a sub-select of one row: whatever a plan thinks of the size of the tables, it cannot read one
    -- of them whole and join it.
    left join lateral (
      select c.id, c.clock, c.last_n from conversations c
      where c.id = d.conversation_id and (all_held or c.id = any (held)) limit 1) c on true
    left join lateral (
      select p.user_id from participants p
      where p.conversation_id = d.conversation_id and p.user_id = d.sender and p.left_seq is null limit 1) p on true
    left join lateral (
      select k.id, k.seq, k.created_at, k.content_hash from messages k
      where k.idempotency_key = d.key and k.sender_id = d.sender
        and k.conversation_id is not distinct from d.conversation_id limit 1) k on true
    left join lateral (
      select r.id, r.seq, r.created_at from messages r
      where p_recheck and r.id = d.id and r.conversation_id is not distinct from d.conversation_id limit 1) r on true
  ),
  numbered as materialized (
    select d.*,
           d.held and d.takes_part and d.was_id is null as fresh,
           d.clock + count(*) filter (where d.takes_part and d.was_id is null) over w as seq,
           d.last_n + count(*) filter (where d.takes_part and d.was_id is null and d.type <> 'system') over w as n
    from draft d
    window w as (partition by d.conversation_id order by d.i rows unbounded preceding)
  ),
  stored as (
    insert into messages (conversation_id, seq, id, n, rev, xid, parent_id, content_hash, client_time,
                          created_at, type, sender_id, idempotency_key, content, metadata)
    select conversation_id, seq, id, n, seq, stored_xid, parent, hash, client_time,
           stored_at, type, sender, key, content, metadata::jsonb
    from numbered where fresh order by conversation_id, seq
  ),
  moved as (
    update conversations c
    set clock = s.seq, last_n = s.n, last_seq = s.seq, last_message_at = stored_at,
        moved_xid = greatest(c.moved_xid, stored_xid)
    from (select conversation_id, max(seq) as seq, max(n) as n from numbered where fresh group by 1 order by 1) s
    where c.id = s.conversation_id
  ),
  counted as (
    update participants p set own_total = own_total + s.own
    from (select conversation_id, sender, count(*) as own from numbered where fresh and type <> 'system'
          group by 1, 2 order by 1, 2) s
    where p.conversation_id = s.conversation_id and p.user_id = s.sender
  )
  select array_agg(
           case when not d.held then 0
                when d.was_id is not null then case when d.reused then -3 else -4 end
                when not d.takes_part then -2
                else d.seq end
           order by d.i),
         jsonb_agg(jsonb_build_object('i', d.i - 1, 'id', d.was_id, 'seq', d.was_seq, 'at', d.was_at))
           filter (where d.was_id is not null and not d.reused)
  into outcome, repeats
  from numbered d;

  -- A draft whose conversation was not locked is either held elsewhere or unknown.
  if 0 = any (outcome) then
    select array_agg(case when o.seq = 0 and not exists (select from conversations c where c.id = o.conversation_id)
                     then -1 else o.seq end order by o.i)
    into outcome
    from unnest(outcome, p_conversation) with ordinality as o (seq, conversation_id, i);
  end if;
end $$;
