-- Pages counted back from the newest message, for clients that page by offset.

-- The seq of the countable message numbered p_n, without an index over n, which every message stored would have to pay
-- for. n and, from message to message, seq - n never go down, so the seq is at least p_n + 1 and at most as far from p_n
-- as it is for the newest: what is looked through is halved until one is left. In a conversation where little but
-- messages has ticked that is a step or two, and in none more than 20 steps for a million other ticks.
create function seq_of_n(c conversations, p_n bigint) returns bigint language plpgsql stable as $$
declare
  least_seq bigint := p_n + 1;
  greatest_seq bigint := p_n + c.last_seq - c.last_n;
  middle bigint;
  found_seq bigint;
  found_n bigint;
begin
  while least_seq < greatest_seq loop
    middle := (least_seq + greatest_seq) / 2;
    select m.seq, m.n into found_seq, found_n from messages m
    where m.conversation_id = c.id and m.seq <= middle order by m.seq desc limit 1;
    if found_n is null or found_n < p_n then
      least_seq := middle + 1;
    else
      greatest_seq := found_seq;
    end if;
  end loop;
  return least_seq;
end $$;

-- Messages but for SYSTEM ones, newest first, after p_offset of them, and how many there are in all; of both only from
-- p_from_seq on. With each how far it has come with everybody else who takes part now (in whom nobody else is, with
-- its sender): read, delivered or sent.
--
-- In a large conversation each participant is looked at once a page, not once a message: of those whose marks say all,
-- the two that are furthest behind speak for the rest (two, for one may be the sender). Who has also read single
-- messages above their mark is asked by message; of more than 100 of those in one conversation the others count by
-- their marks alone.
create function message_page(
  p_conversation bigint, p_from_seq bigint, p_offset bigint, p_limit integer, out total bigint, out messages json
) language plpgsql stable as $$
declare
  c conversations;
  hidden bigint;
  top_seq bigint;
begin
  select * into c from conversations where id = p_conversation;
  select m.n into hidden from messages m
  where m.conversation_id = p_conversation and m.seq < p_from_seq order by m.seq desc limit 1;
  total := c.last_n - coalesce(hidden, 0);
  messages := '[]';
  if p_offset >= total then
    return;
  end if;
  top_seq := seq_of_n(c, c.last_n - p_offset);

  with page as materialized (
    select m as message, m.seq, m.n, m.sender_id from messages m
    where m.conversation_id = p_conversation and m.seq <= top_seq and m.seq >= p_from_seq and m.type <> 'system'
    order by m.seq desc limit p_limit
  ),
  people as materialized (
    select p.user_id, p.delivered_seq, p.read_seq, p.read_above,
           p.read_above <> '{}' and count(*) filter (where p.read_above <> '{}') over (order by p.user_id) <= 100 as singly
    from participants p where p.conversation_id = p_conversation and p.left_seq is null
  ),
  asked as materialized (
    (select user_id, null::bigint as delivered_seq, read_seq, '{}'::int8multirange as read_above
     from people where not singly order by read_seq limit 2)
    union all
    (select user_id, delivered_seq, null, '{}'::int8multirange
     from people where not singly order by delivered_seq limit 2)
    union all
    select user_id, delivered_seq, read_seq, read_above from people where singly
  )
  select coalesce(json_agg(json_build_object('message', message_json(page.message, (select u.name from users u where u.id = page.sender_id),
        (select u.avatar_url from users u where u.id = page.sender_id)), 'state', case
      when not exists (select from asked a where (a.user_id <> page.sender_id or alone.so) and a.read_seq < page.seq
                       and not a.read_above @> page.n) then 'read'
      when not exists (select from asked a where (a.user_id <> page.sender_id or alone.so)
                       and a.delivered_seq < page.seq and not a.read_above @> page.n) then 'delivered'
      else 'sent' end) order by page.seq desc), '[]')
  into messages
  from page
  cross join lateral (select not exists (select from asked a where a.user_id <> page.sender_id) as so) alone;
end $$;
