-- Delivered and read marks: state, not events. They take no tick and never go back.

-- A batch of marks, one row per (conversation, user), already the greatest of what was asked. Rows are locked by
-- conversation and, in it, by the bytes of the user's id, whatever the database's collation: the order in which
-- append_messages counts its senders. apply_changes takes rows in the order of its changes and may meet this in a
-- deadlock: PostgreSQL ends one of the two, and both are tried again by whoever sent them. Returns the marks that moved.
create function mark(p_conversation bigint[], p_user text[], p_delivered bigint[], p_read bigint[])
returns table (conversation_id bigint, user_id text, delivered_seq bigint, read_seq bigint, read_at timestamptz)
language plpgsql volatile as $$
#variable_conflict use_column
declare
  at timestamptz := date_trunc('milliseconds', clock_timestamp());
begin
  -- Lock first, look later, as in append_messages: own_total and the count of one's own messages above the mark
  -- must come from one snapshot, or a send that commits in between is counted once too often.
  perform 1 from unnest(p_conversation, p_user) as w (conversation_id, user_id)
  join participants p on p.conversation_id = w.conversation_id and p.user_id = w.user_id
  order by p.conversation_id, p.user_id collate "C" for no key update of p;

  return query
  with wish as materialized (
    select w.*, c.clock, p.read_seq as was_read,
           least(greatest(w.delivered, w.read), c.clock) as new_delivered, least(w.read, c.clock) as new_read
    from unnest(p_conversation, p_user, p_delivered, p_read) as w (conversation_id, user_id, delivered, read)
    join conversations c on c.id = w.conversation_id
    join participants p on p.conversation_id = w.conversation_id and p.user_id = w.user_id and p.left_seq is null
  ),
  -- read_n: how many countable messages stand at or below the mark; own_at_read: how many of them are one's own.
  reading as (
    select w.*, coalesce(m.n, 0) as n
    from wish w
    left join lateral (select n from messages m where m.conversation_id = w.conversation_id and m.seq <= w.new_read
                       order by m.seq desc limit 1) m on true
    where w.new_read > w.was_read
  ),
  interval_kept as (
    insert into reads (conversation_id, user_id, from_seq, to_seq, read_at)
    select conversation_id, user_id, was_read + 1, new_read, at from reading
    on conflict do nothing
  )
  update participants p
  set delivered_seq = greatest(p.delivered_seq, w.new_delivered),
      read_seq = greatest(p.read_seq, w.new_read),
      read_at = case when r.n is not null then at else p.read_at end,
      marked_at = at,
      read_n = greatest(p.read_n, coalesce(r.n, 0)),
      -- Counted over the shorter stretch: up from the mark before, or down from the clock.
      own_at_read = case
        when r.n is null then p.own_at_read
        when w.new_read - w.was_read < w.clock - w.new_read then p.own_at_read + (
          select count(*) from messages m
          where m.conversation_id = w.conversation_id and m.seq > w.was_read and m.seq <= w.new_read
            and m.sender_id = w.user_id and m.type <> 'system')
        else p.own_total - (
          select count(*) from messages m
          where m.conversation_id = w.conversation_id and m.seq > w.new_read
            and m.sender_id = w.user_id and m.type <> 'system') end,
      read_above = case when r.n is null then p.read_above
                   else p.read_above - int8multirange(int8range(0, r.n, '[]')) end
  from wish w left join reading r using (conversation_id, user_id)
  where p.conversation_id = w.conversation_id and p.user_id = w.user_id
    and (w.new_delivered > p.delivered_seq or w.new_read > p.read_seq)
  returning p.conversation_id, p.user_id, p.delivered_seq, p.read_seq, p.read_at;
end $$;

-- Unread as a subtraction: countable messages above the mark, less one's own, less those others deleted,
-- less those read one by one.
create function unread(p participants, c conversations) returns bigint language sql stable
  return greatest(0, c.last_n - p.read_n - (p.own_total - p.own_at_read)
    - (select count(*) from messages m
       where m.conversation_id = c.id and m.n > p.read_n and m.deleted_at is not null
         and m.sender_id <> p.user_id and m.type <> 'system' and not p.read_above @> m.n)
    - (select coalesce(sum(upper(r) - lower(r)), 0) from unnest(p.read_above) r));
