-- Following: whoever must see every tick of every conversation (search, webhooks) is a consumer with ranges of ticks
-- that it has not done yet. They come from the table moves, are shortened in the transaction of the consumer's own
-- work, and so are a stored position: nothing here knows of transaction ids, times or the order of commits.
--
-- Why it is exact. A tick and its row in moves commit together. That row is deleted in the transaction that puts its
-- range among those of every consumer. A conversation's lock is held until its transaction is committed and visible,
-- so the rows of one conversation that a statement sees are the first ones: its ranges grow without holes.

create table followers (
  consumer text primary key,
  -- The process that does the consumer's work, until then, unless it says again that it does.
  holder text not null default '',
  held_until timestamptz not null default 'epoch'
);

-- A work list: what is done is deleted. By consumer first, since nothing asks for all of one conversation.
create table follower_ranges (
  consumer text not null,
  conversation_id bigint not null,
  -- The consumer knows of the ticks up to `since`, and not of those up to `through`.
  since bigint not null,
  through bigint not null,
  pending_at timestamptz not null,
  primary key (consumer, conversation_id)
) with (fillfactor = 70);
-- The longest waiting first, so that a large backlog in one conversation does not keep the others waiting. Not by
-- consumer, of which there are few: whoever asks for ranges by consumer and conversation is to find the primary key only.
create index follower_ranges_oldest on follower_ranges (pending_at);

-- Ticks that a consumer could not take, ever: they are passed over.
create table follower_skips (
  consumer text not null,
  conversation_id bigint not null,
  tick bigint not null,
  reason text not null,
  skipped_at timestamptz not null default now(),
  primary key (conversation_id, tick, consumer)
);

-- Hands what has moved to all consumers. One at a time: what a later statement finds is later.
create function take_moves() returns void language plpgsql volatile as $$
begin
  if not exists (select from moves) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('parlance followers', 0));
  with taken as (delete from moves returning conversation_ids, clocks, counts),
  moved as (
    select m.id, min(m.clock) as since, max(m.clock + m.count) as through
    from taken t cross join unnest(t.conversation_ids, t.clocks, t.counts) as m (id, clock, count)
    where m.clock is not null group by m.id)
  insert into follower_ranges (consumer, conversation_id, since, through, pending_at)
  select f.consumer, m.id, m.since, m.through, clock_timestamp() from followers f cross join moved m
  order by f.consumer, m.id
  on conflict (consumer, conversation_id) do update
  set since = least(follower_ranges.since, excluded.since), through = greatest(follower_ranges.through, excluded.through);
end $$;

-- Makes a consumer known, once. From the beginning: all there is so far is its to do, too.
create function follow(p_consumer text, p_from_beginning boolean) returns void language plpgsql volatile as $$
begin
  if exists (select from followers where consumer = p_consumer) then
    return;
  end if;
  -- No moves are handed out between the two: what ticks after this has its row in moves still.
  perform pg_advisory_xact_lock(hashtextextended('parlance followers', 0));
  insert into followers (consumer) values (p_consumer) on conflict do nothing;
  if found and p_from_beginning then
    insert into follower_ranges (consumer, conversation_id, since, through, pending_at)
    select p_consumer, id, 0, clock, clock_timestamp() from conversations;
  end if;
end $$;

-- What a consumer has to do next, for the process that holds it: of the ranges that wait longest so many that they
-- have p_ticks ticks or little more, the last one cut. Not held: another process does its work.
create function next_ranges(
  p_consumer text, p_holder text, p_lease_ms bigint, p_ticks bigint,
  out held boolean, out conversation_ids bigint[], out sinces bigint[], out throughs bigint[], out behind_ms bigint
) language plpgsql volatile as $$
declare
  is_mine boolean;
  left_ms double precision;
begin
  select f.holder = p_holder, extract(epoch from f.held_until - clock_timestamp()) * 1000 into is_mine, left_ms
  from followers f where f.consumer = p_consumer;
  held := coalesce(is_mine or left_ms < 0, false);
  -- Said again at half time only, so that a consumer that has nothing to do writes little.
  if held and (not is_mine or left_ms < p_lease_ms / 2) then
    update followers f
    set holder = p_holder, held_until = clock_timestamp() + p_lease_ms * interval '1 millisecond'
    where f.consumer = p_consumer and (f.holder = p_holder or f.held_until < clock_timestamp());
    held := found;
  end if;
  if not held then
    return;
  end if;
  perform take_moves();
  select array_agg(w.conversation_id), array_agg(w.since), array_agg(least(w.through, w.since + p_ticks)),
         (extract(epoch from clock_timestamp() - min(w.pending_at)) * 1000)::bigint
  into conversation_ids, sinces, throughs, behind_ms
  from (
    select r.*, sum(r.through - r.since) over (order by r.pending_at, r.conversation_id rows between unbounded preceding and 1 preceding) as before
    from (select * from follower_ranges r where r.consumer = p_consumer order by r.pending_at limit p_ticks) r) w
  where coalesce(w.before, 0) < p_ticks;
end $$;

-- Notes ranges as done, in the transaction of what was done, and only for the process that holds the consumer: else
-- nothing of that transaction stays (40001: ask for the next ranges again). A range that is no longer as it was taken
-- will be taken again.
create function settle_ranges(
  p_consumer text, p_holder text, p_ids bigint[], p_sinces bigint[], p_throughs bigint[]
) returns void language plpgsql volatile as $$
begin
  perform from followers f where f.consumer = p_consumer and f.holder = p_holder for share;
  if not found then
    raise exception 'another process follows now' using errcode = '40001';
  end if;
  perform from follower_ranges r
  where r.consumer = p_consumer and r.conversation_id = any (p_ids) order by r.conversation_id for update;
  -- Looked up by the primary key and compared by position: joined to the arrays, a table that is nearly empty when the
  -- plan is made and has thousands of ranges later would be read whole for each of them.
  delete from follower_ranges r
  where r.consumer = p_consumer and r.conversation_id = any (p_ids)
    and r.since = p_sinces[array_position(p_ids, r.conversation_id)]
    and r.through = p_throughs[array_position(p_ids, r.conversation_id)];
  update follower_ranges r
  set since = p_throughs[array_position(p_ids, r.conversation_id)], pending_at = clock_timestamp()
  where r.consumer = p_consumer and r.conversation_id = any (p_ids)
    and r.since = p_sinces[array_position(p_ids, r.conversation_id)]
    and r.through > p_throughs[array_position(p_ids, r.conversation_id)];
end $$;

-- The words of messages, for search: filled by the consumer `search`, which takes texts apart (core/search/words.ts),
-- so that no extension and no dictionary is needed and all PostgreSQL servers find the same.
--
-- A word is kept as '<conversation>.<stretch>.<word>', both numbers in hexadecimal, a stretch being 2,048 ticks: the
-- index then finds a word within a stretch of a conversation at once, however often it was said elsewhere or earlier,
-- and a search for the newest looks through stretches from the newest on. What it costs hangs on what it finds and on
-- the caller's conversations, never on all that is stored.
create table message_words (
  conversation_id bigint not null,
  seq bigint not null,
  said_at timestamptz not null,
  words tsvector not null,
  primary key (conversation_id, seq)
);
-- Without a pending list: every search would have to look through it, once for each stretch.
create index message_words_words on message_words using gin (words) with (fastupdate = off);

create function stretch(p_conversation bigint, p_stretch bigint) returns text language sql immutable strict parallel safe
  return to_hex(p_conversation) || '.' || to_hex(p_stretch) || '.';

-- Messages of these ranges as they are now: those said in them, and those changed in them. Content null: not to be found.
create function words_wanted(p_ids bigint[], p_sinces bigint[], p_throughs bigint[])
returns table (conversation_id bigint, seq bigint, said_at timestamptz, content text)
language sql stable as $$
  select f.conversation_id, f.seq, f.created_at, case when f.deleted_at is null and f.type <> 'system' then f.content end
  from unnest(p_ids, p_sinces, p_throughs) as r (conversation_id, since, through)
  cross join lateral (
    select m.* from messages m
    where m.conversation_id = r.conversation_id and m.seq > r.since and m.seq <= r.through
    union all
    select m.* from messages m
    where m.conversation_id = r.conversation_id and m.rev <> m.seq and m.rev > r.since and m.rev <= r.through
      and m.seq + 0 <= r.since) f
$$;

-- p_words[i]: the words of a message as a tsvector's text, with '~' before each for its stretch; null: none any more.
create function index_words(
  p_consumer text, p_holder text, p_ids bigint[], p_sinces bigint[], p_throughs bigint[],
  w_conversation bigint[], w_seq bigint[], w_said_at bigint[], w_words text[]
) returns void language plpgsql volatile as $$
begin
  perform settle_ranges(p_consumer, p_holder, p_ids, p_sinces, p_throughs);
  delete from message_words m using unnest(w_conversation, w_seq, w_words) as w (conversation_id, seq, words)
  where w.words is null and m.conversation_id = w.conversation_id and m.seq = w.seq;
  insert into message_words (conversation_id, seq, said_at, words)
  select w.conversation_id, w.seq, to_timestamp(w.said_at / 1000.0),
         replace(w.words, '~', stretch(w.conversation_id, w.seq / 2048))::tsvector
  from unnest(w_conversation, w_seq, w_said_at, w_words) as w (conversation_id, seq, said_at, words)
  where w.words is not null
  on conflict (conversation_id, seq) do update set words = excluded.words
  where message_words.words <> excluded.words;
end $$;

create type found_words as (said_at timestamptz, conversation_id bigint, seq bigint);

-- The newest p_limit messages with these words, newest first, older than the place p_before where that is
-- given: in one conversation or, with p_conversation null, in all of the user's. p_user null: whoever asks may read
-- all of p_conversation. Only where the user takes part now, and only from their joining on where history is hidden.
--
-- Conversations are looked at by the batch, those in which something was said latest first, and each batch from its
-- newest stretches on, all with one statement: a statement for each took eight times as long over a thousand of them.
-- It ends where nothing that is left can be newer than the page that was found.
--
-- p_query: a tsquery's text, with '~' before each word for its stretch.
create function search_words(
  p_user text, p_conversation bigint, p_query text, p_before found_words, p_limit integer
) returns setof found_words language plpgsql stable as $$
declare
  page found_words[] := '{}';
  ids bigint[];
  from_seqs bigint[];
  last_seqs bigint[];
  said_last timestamptz[];
  done integer := 0;
  batch integer := 4;
  -- Of the batch, those that are not done: the newest stretch of each that was not looked at.
  b_ids bigint[];
  b_from bigint[];
  b_newest bigint[];
  width bigint;
begin
  select array_agg(c.id), array_agg(c.from_seq), array_agg(c.last_seq), array_agg(c.last_message_at)
  into ids, from_seqs, last_seqs, said_last
  from (
    select v.id, v.last_seq, v.last_message_at,
           case when p.user_id is null or (v.settings->>'historyVisible')::boolean then 0 else p.joined_seq end as from_seq
    from participants p join conversations v on v.id = p.conversation_id
    where p_conversation is null and p.user_id = p_user collate "C" and p.left_seq is null and v.deleted_at is null
    union all
    select v.id, v.last_seq, v.last_message_at,
           case when p_user is null or (v.settings->>'historyVisible')::boolean then 0 else p.joined_seq end
    from conversations v
    left join participants p on p.conversation_id = v.id and p.user_id = p_user and p.left_seq is null
    where v.id = p_conversation and v.deleted_at is null and (p_user is null or p.user_id is not null)
    order by last_message_at desc) c;
  while done < cardinality(ids) loop
    exit when cardinality(page) >= p_limit and page[p_limit].said_at > said_last[done + 1];
    select array_agg(ids[i]), array_agg(from_seqs[i]), array_agg(
      case when p_before.said_at <= said_last[i] then seq_before(ids[i], last_seqs[i], p_before.said_at) else last_seqs[i] end / 2048)
    into b_ids, b_from, b_newest
    from generate_series(done + 1, least(done + batch, cardinality(ids))) i;
    width := 1;
    while cardinality(b_ids) > 0 loop
      page := array(
        select (u.said_at, u.conversation_id, u.seq)::found_words from (
          select f.said_at, f.conversation_id, f.seq from unnest(page) f
          union all
          select w.said_at, c.id, w.seq
          from unnest(b_ids, b_from, b_newest) as c (id, from_seq, newest)
          cross join lateral generate_series(greatest(c.newest - width + 1, c.from_seq / 2048), c.newest) as s (n)
          -- Conversation and seq are asked for in a way that no index serves: the words' index is the one to use, whatever
          -- a plan made over an empty table thinks.
          cross join lateral (
            select m.said_at, m.seq from message_words m
            where m.words @@ replace(p_query, '~', stretch(c.id, s.n))::tsquery
              and m.conversation_id is not distinct from c.id and m.seq + 0 >= c.from_seq
              and (p_before is null or (m.said_at, c.id, m.seq) < p_before)
            order by m.seq desc limit p_limit) w) u
        order by u.said_at desc, u.conversation_id desc, u.seq desc limit p_limit);
      -- Times never go down with seq: what is left of a conversation is no newer than the last message in it.
      select array_agg(c.id), array_agg(c.from_seq), array_agg(c.newest - width) into b_ids, b_from, b_newest
      from unnest(b_ids, b_from, b_newest) as c (id, from_seq, newest)
      where c.newest - width >= c.from_seq / 2048
        and (cardinality(page) < p_limit or page[p_limit].said_at <= (
          select m.created_at from messages m
          where m.conversation_id = c.id and m.seq < (c.newest - width + 1) * 2048 order by m.seq desc limit 1));
      width := least(width * 2, 64);
    end loop;
    done := done + batch;
    batch := least(batch * 4, 64);
  end loop;
  return query select * from unnest(page);
end $$;

-- The greatest seq of a message that was said no later, or 0: times never go down with seq, so halves are left out
-- until one is left.
create function seq_before(p_conversation bigint, p_last_seq bigint, p_at timestamptz) returns bigint
language plpgsql stable as $$
declare
  low bigint := 0;
  high bigint := p_last_seq;
  middle bigint;
  said timestamptz;
begin
  -- Within one stretch there is nothing to leave out.
  while high - low > 2048 loop
    middle := (low + high + 1) / 2;
    select m.created_at into said from messages m
    where m.conversation_id = p_conversation and m.seq <= middle order by m.seq desc limit 1;
    if said is null or said <= p_at then
      low := middle;
    else
      high := middle;
    end if;
  end loop;
  return high;
end $$;
