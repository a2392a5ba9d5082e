-- Webhooks: endpoints that are told what happens, and the outbox of what they are to be told.
--
-- An event is written in the transaction of the fact it tells of, once, however many endpoints want it, and without any
-- of its content: that is read when it is sent, so that what was deleted meanwhile is not told any more. Behind the
-- writer events are spread to endpoints as deliveries. A *line* is what one endpoint is still to be told of one
-- conversation: whoever has the line's lease sends the oldest, no transaction is open meanwhile.
--
-- Locks are taken in this order: webhooks, webhook_lines, webhook_deliveries.

create table webhooks (
  id bigint generated always as identity primary key,
  url text not null,
  -- '*' among them: all.
  events text[] not null,
  secret bytea not null,
  -- Signs beside the other one until then.
  old_secret bytea,
  old_secret_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  disabled_at timestamptz,
  -- 'request', 'gone', 'failing' or 'backlog'.
  disabled_reason text,
  -- Since when nothing was taken any more; null while it takes.
  failing_since timestamptz
);

-- What every transaction that writes looks into.
create index webhooks_active on webhooks (id) where disabled_at is null;

create function webhook_json(w webhooks) returns json language sql stable
  return json_build_object(
    'id', w.id, 'url', w.url, 'events', w.events, 'createdAt', epoch_ms(w.created_at), 'updatedAt', epoch_ms(w.updated_at),
    'disabledAt', epoch_ms(w.disabled_at), 'disabledReason', w.disabled_reason, 'failingSince', epoch_ms(w.failing_since));

create sequence webhook_event_numbers as bigint;

create table webhook_events (
  conversation_id bigint not null,
  -- Ascending in a conversation: it is given under the conversation's lock.
  number bigint not null default nextval('webhook_event_numbers'),
  id uuid not null default gen_random_uuid(),
  type text not null,
  seq bigint not null,
  message_seq bigint,
  -- Who, and what of it; nothing that somebody wrote.
  detail jsonb,
  at timestamptz not null,
  spread boolean not null default false,
  primary key (conversation_id, number)
);
create index webhook_events_in_order on webhook_events (spread, number);

create type webhook_outcome as enum ('pending', 'delivered', 'failed');

create table webhook_deliveries (
  conversation_id bigint not null,
  webhook_id bigint not null,
  event_number bigint not null,
  id bigint generated always as identity,
  state webhook_outcome not null default 'pending',
  attempts integer not null default 0,
  -- Attempts of the schedule that it is in: a replay begins a new one.
  tries integer not null default 0,
  created_at timestamptz not null default now(),
  last_at timestamptz,
  last_status integer,
  -- What went wrong, or the beginning of the answer.
  last_answer text,
  primary key (conversation_id, webhook_id, event_number)
);
create index webhook_deliveries_pending on webhook_deliveries (webhook_id, conversation_id, event_number)
  where state = 'pending';
create index webhook_deliveries_by_webhook on webhook_deliveries (webhook_id, id);
create index webhook_deliveries_done on webhook_deliveries (last_at) where state <> 'pending';

create table webhook_lines (
  conversation_id bigint not null,
  webhook_id bigint not null,
  -- When its oldest delivery is due, or a lease of the line ends.
  next_at timestamptz not null,
  -- Counts the leases: who was too slow finds another number and changes nothing.
  lease bigint not null default 0,
  primary key (conversation_id, webhook_id)
);
create index webhook_lines_due on webhook_lines (webhook_id, next_at);

-- Whether some endpoint is to be told of such events; a look into a table that is small or empty.
create function webhook_wanted(p_type text) returns boolean language sql stable
  return exists (select from webhooks w where w.disabled_at is null and w.events && array['*', p_type]);

-- What a batch of changes is to be told as. Called by apply_changes for those that changed something.
create function webhook_note(change jsonb, result jsonb, p_at timestamptz) returns void language sql volatile
begin atomic
  insert into webhook_events (conversation_id, type, seq, message_seq, detail, at)
  select coalesce((result->>'conversationId')::bigint, (change->>'conversationId')::bigint), e.type,
    (result->>'seq')::bigint, (result->'message'->>'seq')::bigint, e.detail, p_at
  from (
    select case change->>'kind'
        when 'open' then 'chat_conversation.created'
        when 'edit' then 'chat_message.updated'
        when 'pin' then 'chat_message.updated'
        when 'delete' then 'chat_message.deleted'
        when 'react' then 'chat_message.reaction'
        when 'role' then 'chat_conversation.updated'
        when 'settings' then 'chat_conversation.updated'
        when 'delete-conversation' then 'chat_conversation.updated'
        when 'remove' then 'chat_participant.removed' end as type,
      case change->>'kind'
        when 'react' then jsonb_build_object('userId', change->'by', 'emoji', change->'emoji', 'added', result->'added')
        when 'remove' then jsonb_build_object('userId', change->'userId') end as detail
    union all
    select 'chat_participant.added', jsonb_build_object('userId', p->'userId')
    from jsonb_array_elements(case when change->>'kind' = 'add' then (result->'participants')::jsonb end) p
  ) e
  where e.type is not null and webhook_wanted(e.type);
end;

-- Makes deliveries of events, the oldest first: one process at a time, or an event could be overtaken by a later one of
-- its conversation. Returns how many events it took.
create function webhook_spread(p_limit integer) returns integer language plpgsql volatile as $$
declare
  taken integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('webhook_spread', 0)) then
    return 0;
  end if;
  with next as materialized (
    select e.conversation_id, e.number from webhook_events e where not e.spread order by e.number limit p_limit
  ),
  event as (
    update webhook_events e set spread = true from next n
    where e.conversation_id = n.conversation_id and e.number = n.number
    returning e.conversation_id, e.number, e.type
  ),
  made as (
    insert into webhook_deliveries (conversation_id, webhook_id, event_number)
    select e.conversation_id, w.id, e.number
    from event e join webhooks w on w.disabled_at is null and w.events && array['*', e.type]
    order by e.number, w.id
    returning conversation_id, webhook_id
  ),
  -- The lock that an update takes makes one of the two see the other: a line that is being ended, or what is new in it.
  lined as (
    insert into webhook_lines as l (conversation_id, webhook_id, next_at)
    select conversation_id, webhook_id, clock_timestamp() from made group by 1, 2 order by 1, 2
    on conflict (conversation_id, webhook_id) do update set next_at = l.next_at
  )
  select count(*) into taken from event;
  return taken;
end $$;

-- The oldest delivery of each of these lines, with all that is told of it.
create function webhook_heads(p_conversation bigint[], p_webhook bigint[], p_lease bigint[])
returns table (due json) language sql stable as $$
  select json_build_object(
    'webhookId', w.id, 'url', w.url, 'lease', l.lease,
    'secrets', array[encode(w.secret, 'base64')]
      || case when w.old_secret_until > clock_timestamp() then array[encode(w.old_secret, 'base64')] else '{}' end,
    'eventNumber', d.event_number, 'tries', d.tries,
    'event', json_build_object(
      'id', e.id, 'type', e.type, 'at', epoch_ms(e.at), 'conversationId', e.conversation_id, 'seq', e.seq,
      'detail', e.detail,
      'user', (select json_build_object('id', u.id, 'name', u.name) from users u where u.id = e.detail->>'userId'),
      'participant', (select participant_json(p) from participants p
                      where p.conversation_id = e.conversation_id and p.user_id = e.detail->>'userId'),
      'message', case when m.seq is not null then message_json(m) end,
      'head', case when e.type in ('chat_conversation.created', 'chat_conversation.updated')
              then head_json(e.conversation_id) end,
      'conversationDeletedAt', epoch_ms(c.deleted_at)))
  from unnest(p_conversation, p_webhook, p_lease) as l (conversation_id, webhook_id, lease)
  join webhooks w on w.id = l.webhook_id
  cross join lateral (
    select x.event_number, x.tries from webhook_deliveries x
    where x.webhook_id = l.webhook_id and x.conversation_id = l.conversation_id and x.state = 'pending'
    order by x.event_number limit 1) d
  join webhook_events e on e.conversation_id = l.conversation_id and e.number = d.event_number
  join conversations c on c.id = l.conversation_id
  left join messages m on m.conversation_id = l.conversation_id and m.seq = e.message_seq
$$;

-- Takes lines that are due for p_lease_ms. An endpoint has p_each at a time, counting p_busy (by webhook id), one that
-- fails has one; with p_failing off those get none.
create function webhook_claim(p_limit integer, p_busy jsonb, p_each integer, p_failing boolean, p_lease_ms integer)
returns table (due json) language plpgsql volatile as $$
declare
  conversation_ids bigint[];
  webhook_ids bigint[];
  leases bigint[];
begin
  with taken as materialized (
    select l.conversation_id, l.webhook_id from webhooks w
    cross join lateral (
      select x.conversation_id, x.webhook_id from webhook_lines x
      where x.webhook_id = w.id and x.next_at <= clock_timestamp()
      order by x.next_at
      limit greatest(0, case when w.failing_since is null then p_each else 1 end
                        - coalesce((p_busy->>w.id::text)::integer, 0))
      for update skip locked) l
    where w.disabled_at is null and (p_failing or w.failing_since is null)
    limit p_limit
  ),
  leased as (
    update webhook_lines l
    set next_at = clock_timestamp() + p_lease_ms * interval '1 millisecond', lease = l.lease + 1
    from taken t where l.conversation_id = t.conversation_id and l.webhook_id = t.webhook_id
    returning l.conversation_id, l.webhook_id, l.lease
  )
  select array_agg(l.conversation_id), array_agg(l.webhook_id), array_agg(l.lease)
  into conversation_ids, webhook_ids, leases from leased l;
  return query select h.due from webhook_heads(conversation_ids, webhook_ids, leases) h;
end $$;

-- Ends an endpoint: what it is still to be told has failed, and says so.
create function webhook_disable(p_webhook bigint, p_reason text) returns void language plpgsql volatile as $$
begin
  update webhooks set disabled_at = clock_timestamp(), disabled_reason = p_reason, updated_at = clock_timestamp()
  where id = p_webhook and disabled_at is null;
  delete from webhook_lines where webhook_id = p_webhook;
  update webhook_deliveries set state = 'failed', last_at = clock_timestamp(),
    last_answer = coalesce(last_answer, 'the webhook was disabled')
  where webhook_id = p_webhook and state = 'pending';
end $$;

-- What came of a delivery: 'delivered', 'failed', 'gone', or 'retry' after p_delay_ms. Nothing changes where the lease
-- has passed to another. Gives the next of the line with a new lease where p_more and there is one that is due.
create function webhook_settle(
  p_conversation bigint, p_webhook bigint, p_event bigint, p_lease bigint, p_outcome text, p_delay_ms double precision,
  p_status integer, p_answer text, p_disable_after_ms double precision, p_more boolean, p_lease_ms integer)
returns table (due json) language plpgsql volatile as $$
declare
  failing timestamptz;
begin
  if p_outcome = 'delivered' then
    update webhooks set failing_since = null where id = p_webhook and failing_since is not null;
  else
    update webhooks set failing_since = coalesce(failing_since, clock_timestamp())
    where id = p_webhook returning failing_since into failing;
  end if;
  perform 1 from webhook_lines l
  where l.conversation_id = p_conversation and l.webhook_id = p_webhook and l.lease = p_lease for update;
  if not found then
    return;
  end if;
  update webhook_deliveries d
  set attempts = d.attempts + 1, tries = d.tries + 1, last_at = clock_timestamp(), last_status = p_status,
    last_answer = p_answer,
    state = (case p_outcome when 'retry' then 'pending' when 'delivered' then 'delivered' else 'failed' end)::webhook_outcome
  where d.conversation_id = p_conversation and d.webhook_id = p_webhook and d.event_number = p_event;
  if p_outcome = 'gone' then
    perform webhook_disable(p_webhook, 'gone');
    return;
  elsif failing < clock_timestamp() - p_disable_after_ms * interval '1 millisecond' then
    perform webhook_disable(p_webhook, 'failing');
    return;
  elsif p_outcome = 'retry' then
    update webhook_lines l set next_at = clock_timestamp() + p_delay_ms * interval '1 millisecond'
    where l.conversation_id = p_conversation and l.webhook_id = p_webhook;
    return;
  end if;
  perform 1 from webhook_deliveries d
  where d.webhook_id = p_webhook and d.conversation_id = p_conversation and d.state = 'pending' limit 1;
  if not found then
    delete from webhook_lines l where l.conversation_id = p_conversation and l.webhook_id = p_webhook;
  elsif not p_more then
    update webhook_lines l set next_at = clock_timestamp()
    where l.conversation_id = p_conversation and l.webhook_id = p_webhook;
  else
    update webhook_lines l set lease = l.lease + 1, next_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
    where l.conversation_id = p_conversation and l.webhook_id = p_webhook;
    return query select h.due from webhook_heads(array[p_conversation], array[p_webhook], array[p_lease + 1]) h;
  end if;
end $$;

-- Whoever spreads waits, or something could be left of a webhook that is no more. False: there is none of that id.
create function webhook_remove(p_webhook bigint) returns boolean language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('webhook_spread', 0));
  delete from webhooks where id = p_webhook;
  if not found then
    return false;
  end if;
  delete from webhook_lines where webhook_id = p_webhook;
  delete from webhook_deliveries where webhook_id = p_webhook;
  return true;
end $$;

-- Begins the schedule of a delivery anew. False: its webhook is disabled; null: there is none of that id.
create function webhook_replay(p_webhook bigint, p_delivery bigint) returns boolean language plpgsql volatile as $$
declare
  d webhook_deliveries;
  off boolean;
begin
  -- Waits for whoever disables it, who else would miss this one.
  select w.disabled_at is not null into off from webhooks w where w.id = p_webhook for share;
  select * into d from webhook_deliveries x where x.webhook_id = p_webhook and x.id = p_delivery;
  if not found then
    return null;
  elsif off then
    return false;
  end if;
  insert into webhook_lines as l (conversation_id, webhook_id, next_at)
  values (d.conversation_id, d.webhook_id, clock_timestamp())
  on conflict (conversation_id, webhook_id) do update set next_at = l.next_at;
  update webhook_deliveries x set state = 'pending', tries = 0
  where x.conversation_id = d.conversation_id and x.webhook_id = d.webhook_id and x.event_number = d.event_number;
  return found;
end $$;

-- What is left behind: endpoints with more than p_backlog to be told are disabled; what was spread while an endpoint was
-- disabled or removed ends; what is done is forgotten after p_keep_ms. True: there may be more.
create function webhook_sweep(p_keep_ms double precision, p_backlog integer, p_limit integer) returns boolean
language plpgsql volatile as $$
declare
  before timestamptz := clock_timestamp() - p_keep_ms * interval '1 millisecond';
  hook bigint;
  gone integer;
  more boolean;
begin
  for hook in
    select w.id from webhooks w where w.disabled_at is null
      and (select count(*) from (
        select from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending' limit p_backlog + 1) b) > p_backlog
    order by w.id
  loop
    perform webhook_disable(hook, 'backlog');
  end loop;
  for hook in
    select w.id from webhooks w where w.disabled_at is not null
      and exists (select from webhook_deliveries d where d.webhook_id = w.id and d.state = 'pending')
    order by w.id
  loop
    perform webhook_disable(hook, null);
  end loop;
  delete from webhook_deliveries d using (
    select x.conversation_id, x.webhook_id, x.event_number from webhook_deliveries x
    where x.state <> 'pending' and x.last_at < before order by x.last_at limit p_limit for update skip locked) o
  where d.conversation_id = o.conversation_id and d.webhook_id = o.webhook_id and d.event_number = o.event_number;
  get diagnostics gone = row_count;
  more := gone = p_limit;
  -- By number, which is nearly by time: it stops at the first that is too young or still needed.
  delete from webhook_events e using (
    select x.conversation_id, x.number from (
      select * from webhook_events y where y.spread order by y.number limit p_limit) x
    where x.at < before and not exists (
      select from webhook_deliveries d where d.conversation_id = x.conversation_id and d.event_number = x.number)) o
  where e.conversation_id = o.conversation_id and e.number = o.number;
  get diagnostics gone = row_count;
  return more or gone = p_limit;
end $$;
