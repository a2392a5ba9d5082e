-- What hangs on a message beside its text: who is named in it, its replies, its pin; and unread, set back.

-- Messages that name somebody, by whom they name; those of one's own are left out. Only what is not deleted is in here.
create table mentions (
  conversation_id bigint not null,
  user_id text not null,
  seq bigint not null,
  n bigint not null,
  primary key (conversation_id, user_id, seq)
);

-- Only replies, and only what is pinned, cost anything here.
create index messages_by_parent on messages (conversation_id, parent_id, seq) where parent_id is not null;
create index messages_pinned on messages (conversation_id, pinned_at) where pinned_at is not null;
-- For those who are named by their name, of any case.
create index users_by_name on users (lower(name));

create function unread_mentions_of(p participants) returns table (unread bigint) language sql stable
  begin atomic
    select count(*) from mentions x
    where x.conversation_id = p.conversation_id and x.user_id = p.user_id
      and x.seq > coalesce(p.unread_seq, p.read_seq) and not p.read_above @> x.n;
  end;

create function unread_mentions(p participants) returns bigint language sql stable
  return (select u.unread from unread_mentions_of(p) u);

-- append_messages and, in its transaction, what only some messages have: for a batch in which a message names somebody
-- or is a reply; all others are not made to pay for it. p_named has [{"i": the draft's place from 1, "users": […]}, …].
create function append_with_more(
  p_id bigint[], p_sender text[], p_key text[], p_hash bigint[], p_type message_type[], p_content text[],
  p_parent bigint[], p_metadata jsonb[], p_client_time bigint[], p_at integer[], p_rank bigint[], p_n bigint[],
  c_id bigint[], c_count bigint[], c_n bigint[], s_at integer[], s_sender text[], s_n bigint[],
  p_wait boolean, p_recheck boolean, p_named jsonb, p_accepted_at bigint[] default null, c_accepted_at bigint[] default null,
  out stored_xid xid8, out stored_at timestamptz, out clocks bigint[], out codes bigint[], out repeats jsonb,
  out times bigint[]
) language plpgsql volatile as $$
begin
  select * into stored_xid, stored_at, clocks, codes, repeats, times from append_messages(
    p_id, p_sender, p_key, p_hash, p_type, p_content, p_parent, p_metadata, p_client_time, p_at, p_rank, p_n,
    c_id, c_count, c_n, s_at, s_sender, s_n, p_wait, p_recheck, p_accepted_at, c_accepted_at);
  if codes is not null then
    return;
  end if;

  with named as (
    select (value->>'i')::int as i, array(select jsonb_array_elements_text(value->'users')) as users
    from jsonb_array_elements(p_named)
  ),
  marked as (
    update messages m set mentions = named.users from named
    where m.conversation_id = c_id[p_at[named.i]] and m.seq = clocks[p_at[named.i]] + p_rank[named.i]
    returning m.conversation_id, m.seq, m.n, m.sender_id, m.mentions
  )
  insert into mentions (conversation_id, user_id, seq, n)
  select m.conversation_id, u, m.seq, m.n from marked m, unnest(m.mentions) u where u <> m.sender_id;

  update messages m set reply_count = coalesce(m.reply_count, 0) + r.count
  from (select c_id[d.at] as conversation_id, d.parent, count(*) as count from unnest(p_parent, p_at) as d (parent, at)
        where d.parent is not null and clocks[d.at] is not null group by 1, 2) r
  where m.id = r.parent and m.conversation_id is not distinct from r.conversation_id;
end $$;

-- Sets back what somebody has read, for counting only: from p_from on all counts as unread, until it is read again. The
-- marks that others are told stay. Where that much was unread already, nothing changes. No rows: takes no part.
create function mark_unread(p_conversation bigint, p_user text, p_from bigint)
returns table (unread bigint, unread_mentions bigint) language plpgsql volatile as $$
declare
  p participants;
  c conversations;
  counted bigint;
  base_n bigint;
begin
  -- Lock first, look later, as in mark().
  select * into p from participants x
  where x.conversation_id = p_conversation and x.user_id = p_user and x.left_seq is null for no key update;
  if not found then
    return;
  end if;
  counted := coalesce(p.unread_seq, p.read_seq);
  if p_from <= counted then
    select m.n into base_n from messages m
    where m.conversation_id = p_conversation and m.seq < p_from order by m.seq desc limit 1;
    update participants x
    set unread_seq = p_from - 1, read_n = coalesce(base_n, 0), marked_at = date_trunc('milliseconds', clock_timestamp()),
        own_at_read = x.own_at_read - (
          select count(*) from messages m
          where m.conversation_id = p_conversation and m.seq >= p_from and m.seq <= counted
            and m.sender_id = p_user and m.type <> 'system')
    where x.conversation_id = p_conversation and x.user_id = p_user returning * into p;
  end if;
  select * into c from conversations x where x.id = p_conversation;
  return query select unread(p, c), unread_mentions(p);
end $$;
