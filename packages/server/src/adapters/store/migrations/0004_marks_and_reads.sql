-- Delivered and read marks: state, not events. They take no tick and never go back.

-- What of the ticks after p_after up to p_through no interval of a person's holds yet: those of messages that were read
-- one by one stay as they are, with their own time. Without any the table is not asked.
create function not_kept(p_conversation bigint, p_user text, p_after bigint, p_through bigint, p_above int8multirange)
returns int8multirange language sql stable
  return int8multirange(int8range(p_after, p_through, '(]')) - case when p_above = '{}' then '{}' else coalesce((
    select range_agg(int8range(r.from_seq, r.to_seq, '[]')) from reads r
    where r.conversation_id = p_conversation and r.user_id = p_user and r.to_seq > p_after), '{}') end;

-- A batch of marks, one row per (conversation, user), already the greatest of what was asked. Rows are locked by
-- conversation and, in it, by the bytes of the user's id, whatever the database's collation: the order in which
-- append_messages counts its senders. apply_changes takes rows in the order of its changes and may meet this in a
-- deadlock: PostgreSQL ends one of the two, and both are tried again by whoever sent them. Returns the marks that moved.
create function mark(p_conversation bigint[], p_user text[], p_delivered bigint[], p_read bigint[])
returns table (conversation_id bigint, user_id text, delivered_seq bigint, read_seq bigint, read_id bigint, read_at timestamptz,
  barred boolean)
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
    select w.*, c.clock, p.read_seq as was_read, coalesce(p.unread_seq, p.read_seq) as was_counted, p.read_above as was_above,
           least(greatest(w.delivered, w.read), c.clock) as new_delivered, least(w.read, c.clock) as new_read
    from unnest(p_conversation, p_user, p_delivered, p_read) as w (conversation_id, user_id, delivered, read)
    join conversations c on c.id = w.conversation_id
    join participants p on p.conversation_id = w.conversation_id and p.user_id = w.user_id and p.left_seq is null
  ),
  -- read_n: how many countable messages stand at or below the mark; own_at_read: how many of them are one's own.
  reading as (
    select w.*, coalesce(m.n, 0) as n, m.id
    from wish w
    left join lateral (select n, id from messages m where m.conversation_id = w.conversation_id and m.seq <= w.new_read
                       order by m.seq desc limit 1) m on true
    where w.new_read > w.was_counted
  ),
  interval_kept as (
    insert into reads (conversation_id, user_id, from_seq, to_seq, read_at)
    select conversation_id, user_id, lower(piece), upper(piece) - 1, at from reading
    cross join lateral unnest(not_kept(conversation_id, user_id, was_read, greatest(was_read, new_read), was_above)) as piece
  )
  update participants p
  set delivered_seq = greatest(p.delivered_seq, w.new_delivered),
      read_seq = greatest(p.read_seq, w.new_read),
      read_id = case when w.new_read > w.was_read then r.id else p.read_id end,
      read_at = case when w.new_read > w.was_read then at else p.read_at end,
      unread_seq = case when greatest(p.unread_seq, w.new_read) < w.was_read and p.unread_seq is not null
                   then greatest(p.unread_seq, w.new_read) end,
      marked_at = at,
      read_n = greatest(p.read_n, coalesce(r.n, 0)),
      -- Counted over the shorter stretch: up from the mark before, or down from the clock.
      own_at_read = case
        when r.n is null then p.own_at_read
        when w.new_read - w.was_counted < w.clock - w.new_read then p.own_at_read + (
          select count(*) from messages m
          where m.conversation_id = w.conversation_id and m.seq > w.was_counted and m.seq <= w.new_read
            and m.sender_id = w.user_id and m.type <> 'system')
        else p.own_total - (
          select count(*) from messages m
          where m.conversation_id = w.conversation_id and m.seq > w.new_read
            and m.sender_id = w.user_id and m.type <> 'system') end,
      read_above = case when r.n is null then p.read_above
                   else p.read_above - int8multirange(int8range(0, r.n, '[]')) end
  from wish w left join reading r using (conversation_id, user_id)
  where p.conversation_id = w.conversation_id and p.user_id = w.user_id
    and (w.new_delivered > p.delivered_seq or w.new_read > w.was_counted)
  returning p.conversation_id, p.user_id, p.delivered_seq, p.read_seq, p.read_id, p.read_at, p.barred;
end $$;

-- Single messages read by people, whatever stands unread below them: a row each, of which several may be one person's.
-- The mark follows as far as nothing unread is in its way (one's own messages and deleted ones are not), a hundred
-- messages a call: so who reads message by message has a mark, not ever more exceptions to one. Messages at or below the
-- mark, SYSTEM ones and one's own are left alone, but in a conversation with oneself one's own are all there is to read.
-- Rows are locked as mark() locks them. Returns the marks that moved.
create function mark_messages(p_conversation bigint[], p_user text[], p_seq bigint[])
returns table (conversation_id bigint, user_id text, delivered_seq bigint, read_seq bigint, read_id bigint, read_at timestamptz,
  barred boolean)
language plpgsql volatile as $$
#variable_conflict use_column
declare
  at timestamptz := date_trunc('milliseconds', clock_timestamp());
  one record;
  p participants;
  to_oneself boolean;
  news bigint[];
  above int8multirange;
  through_seq bigint;
  through_n bigint;
  through_id bigint;
  own bigint;
begin
  perform 1 from (select distinct conversation_id, user_id from unnest(p_conversation, p_user) as w (conversation_id, user_id)) w
  join participants p on p.conversation_id = w.conversation_id and p.user_id = w.user_id
  order by p.conversation_id, p.user_id collate "C" for no key update of p;

  for one in
    select w.conversation_id as conversation, w.user_id as person, array_agg(w.seq) as seqs
    from unnest(p_conversation, p_user, p_seq) as w (conversation_id, user_id, seq)
    group by w.conversation_id, w.user_id
  loop
    select * into p from participants p
    where p.conversation_id = one.conversation and p.user_id = one.person and p.left_seq is null;
    continue when not found;
    select c.kind = 'direct' and c.participant_count = 1 into to_oneself from conversations c where c.id = one.conversation;
    select array_agg(m.seq), p.read_above + range_agg(int8range(m.n, m.n, '[]')) into news, above from messages m
    where m.conversation_id = one.conversation and m.seq = any (one.seqs) and m.seq > coalesce(p.unread_seq, p.read_seq)
      and m.type <> 'system'
      and (m.sender_id <> p.user_id or to_oneself) and not p.read_above @> m.n;
    continue when news is null;

    with next as materialized (
      select m.seq, m.n, m.id, m.type <> 'system' and m.sender_id = p.user_id as is_own,
             m.type <> 'system' and (m.sender_id <> p.user_id or to_oneself) and m.deleted_at is null
               and not above @> m.n as is_unread
      from messages m where m.conversation_id = one.conversation and m.seq > p.read_seq order by m.seq limit 100
    )
    select max(n.seq), max(n.n), (array_agg(n.id order by n.seq desc))[1], count(*) filter (where n.is_own)
    into through_seq, through_n, through_id, own from next n
    where n.seq < all (select f.seq from next f where f.is_unread);

    insert into reads (conversation_id, user_id, from_seq, to_seq, read_at)
    select one.conversation, one.person, lower(piece), upper(piece) - 1, at
    from unnest(not_kept(one.conversation, one.person, p.read_seq, through_seq, p.read_above)) as piece
    where through_seq is not null
    union all
    select one.conversation, one.person, seq, seq, at from unnest(news) as seq
    where seq > greatest(p.read_seq, through_seq);

    if through_seq is null then
      update participants u set read_above = above where u.conversation_id = one.conversation and u.user_id = one.person;
    else
      return query
      update participants u
      set delivered_seq = greatest(u.delivered_seq, through_seq), read_seq = through_seq, read_at = at, marked_at = at,
          read_id = through_id,
          -- Of somebody who has set back what counts as read, that stays where it is, and what is read above it too.
          read_n = case when u.unread_seq is null then greatest(u.read_n, through_n) else u.read_n end,
          own_at_read = case when u.unread_seq is null then u.own_at_read + own else u.own_at_read end,
          read_above = case when u.unread_seq is null then above - int8multirange(int8range(0, through_n, '[]')) else above end
      where u.conversation_id = one.conversation and u.user_id = one.person
      returning u.conversation_id, u.user_id, u.delivered_seq, u.read_seq, u.read_id, u.read_at, u.barred;
    end if;
  end loop;
end $$;

-- Unread as a subtraction: countable messages above the mark, less one's own, less those others deleted,
-- less those read one by one. Mostly nothing is left after the first two, and the rest need not be looked up.
create function unread_above(p participants, c conversations) returns bigint language sql stable
  return c.last_n - p.read_n - (p.own_total - p.own_at_read);

-- As a set, which PostgreSQL works into the statement that asks: of a thousand conversations at once that is three
-- times as quick as a thousand calls.
create function unread_looked_up_of(p participants, c conversations) returns table (unread bigint) language sql stable
  begin atomic
    select greatest(0, unread_above(p, c)
      - (select count(*) from messages m
         where m.conversation_id = c.id and m.n > p.read_n and m.deleted_at is not null
           and m.sender_id <> p.user_id and m.type <> 'system' and not p.read_above @> m.n)
      - (select coalesce(sum(upper(r) - lower(r)), 0) from unnest(p.read_above) r))::bigint;
  end;

create function unread_looked_up(p participants, c conversations) returns bigint language sql stable
  return (select u.unread from unread_looked_up_of(p, c) u);

create function unread(p participants, c conversations) returns bigint language sql stable
  return case when unread_above(p, c) > 0 then unread_looked_up(p, c) else 0 end;
