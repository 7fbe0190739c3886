// Messages, their deliveries and the attempts at them. Who takes what is due is `dispatching`.

export const OUTBOX = `
-- A message and its delivery, unless there is one with that id or that key. Whether it was stored.
create function store_message(send jsonb, a_key text, a_scope text) returns boolean language plpgsql volatile as $$
declare
  given jsonb := send->'message';
begin
  with stored as (
    insert into messages (id, key, lane, url, method, path, query, headers, type, body, follows, created_at)
    values (
      given->>'id', a_key, given->>'lane', given->>'url', given->>'method', given->>'path', given->>'query',
      given->>'headers', given->>'type', decode(given->>'body', 'base64'), given->>'follows',
      (given->>'createdAt')::bigint)
        on conflict do nothing
    returning no, lane
  )
  insert into deliveries (id, message, lane, due_at, deadline_at, scope)
  select send->>'deliveryId', no, lane, instant(send->'dueAt'), instant(send->'deadlineAt'), a_scope from stored;
  if not found then return false; end if;
  if subscription_id_of(given->>'lane') is not null then perform look_for_leaving(array[given->>'lane']); end if;
  return true;
end $$;

-- Another delivery of the same message, if that one is dead. The id of the one that counts from now on.
create function deliver_again(delivery_id text, again jsonb) returns text language plpgsql volatile as $$
begin
  insert into deliveries (id, message, lane, url, topic, due_at, deadline_at, scope)
  select again->>'deliveryId', message, lane, url, topic, instant(again->'dueAt'), instant(again->'deadlineAt'), scope
    from deliveries where id = delivery_id and status = 'dead';
  return case when found then again->>'deliveryId' else delivery_id end;
end $$;

create function send(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  given jsonb := c->'message';
  first messages;
  first_delivery text := c->>'deliveryId';
  is_new boolean := store_message(c, given->>'key', null);
begin
  if is_new then
    return jsonb_build_object(
      'type', 'sent', 'messageId', given->>'id', 'deliveryId', first_delivery, 'created', true);
  end if;
  select * into first from messages where id = given->>'id';
  if not found then select * into first from messages where key = given->>'key'; end if;
  if first.lane <> given->>'lane' or first.url is distinct from given->>'url' then
    return jsonb_build_object('type', 'conflict', 'lane', first.lane);
  end if;
  select id into first_delivery from deliveries where message = first.no order by no limit 1;
  -- Its own repetition gets the outcome that was lost.
  return jsonb_build_object(
    'type', 'sent', 'messageId', first.id, 'deliveryId', first_delivery, 'created', first.id = given->>'id');
end $$;

create function record_attempt(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  claim constant jsonb := c->'claim';
  attempt constant jsonb := c->'attempt';
  next_status constant text := c->'next'->>'status';
  instant_now constant bigint := (c->>'now')::bigint;
  -- The delivery, and how often attempts in its lane have failed in a row.
  held record;
  done boolean;
begin
  select d.*, l.failures into held
    from deliveries d join nodes n on n.epoch = d.epoch left join lanes l on l.lane = d.lane
   where d.id = claim->>'deliveryId' and d.epoch = (claim->>'epoch')::bigint and d.fence = (claim->>'fence')::integer
     and not n.over and (judged_at is null or n.lease_ends_at > judged_at);
  if not found then return '"lost"'; end if;

  insert into attempts (
    delivery, number, at, duration_ms, status, error, answer_headers, answer_body, truncated, error_class, request,
    lane, topic)
  values (
    held.no, held.attempts + 1, (attempt->>'at')::bigint, (attempt->>'durationMs')::double precision,
    (attempt->>'status')::integer, attempt->>'error', attempt->'answer'->>'headers',
    decode(attempt->'answer'->>'body', 'base64'), (attempt->'answer'->>'truncated')::boolean, attempt->>'errorClass',
    attempt->>'request', held.lane, held.topic);
  if c ? 'news' and (held.failures > 0 or c#>>'{news,type}' <> 'answered') then
    done := note_news(held.lane, c->'news', instant_now);
  end if;
  if held.status <> 'sending' then
    -- It ended while the attempt was under way, and that end stands.
    update deliveries
       set attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, (attempt->>'at')::bigint), epoch = null
     where no = held.no;
    return '"ended"';
  end if;
  update deliveries
     set attempts = attempts + 1,
         first_attempt_at = coalesce(first_attempt_at, (attempt->>'at')::bigint),
         epoch = null,
         status = next_status,
         due_at = case when next_status = 'due' then instant(c->'next'->'dueAt') else due_at end,
         reason = c->'next'->>'reason',
         ended_at = case when next_status = 'due' then null else instant_now end
   where no = held.no;
  if next_status = 'due' then
    if subscription_id_of(held.lane) is not null then done := look_for_leaving(array[held.lane]); end if;
    return '"recorded"';
  end if;

  -- Only in a scope is a delivery waited for.
  if held.scope is not null then done := resume(held.id, instant_now, next_status = 'dead'); end if;
  if next_status = 'dead' and c->'next'->>'reason' <> 'cancelled' or c->'tells' = 'true' then
    insert into ends (delivery, lane, topic, dead, turn_at, asks)
    select held.no, held.lane, held.topic, next_status = 'dead' and c->'next'->>'reason' <> 'cancelled',
           case when c->'tells' = 'true' and m.follows is null then instant_now end,
           case when held.lane like 'endpoint:%' then held.lane else '' end
      from messages m where m.no = held.message;
  end if;
  if next_status = 'delivered' and held.lane like 'proof:%' and c->'proves' is distinct from 'false' then
    done := prove_by(held.lane, held.message);
  end if;
  return '"recorded"';
end $$;

create function release_delivery(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  claim jsonb := c->'claim';
  its_lane text;
  done boolean;
begin
  if not is_live((claim->>'epoch')::bigint, judged_at) then return 'false'; end if;
  update deliveries set status = 'due', epoch = null
   where id = claim->>'deliveryId' and epoch = (claim->>'epoch')::bigint and fence = (claim->>'fence')::integer
     and status = 'sending'
  returning lane into its_lane;
  if subscription_id_of(its_lane) is not null then done := look_for_leaving(array[its_lane]); end if;
  return to_jsonb(its_lane is not null);
end $$;

create function reclaim_deliveries(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  an_epoch bigint := (c->>'epoch')::bigint;
  given text[];
begin
  if not is_live(an_epoch, judged_at) then return '0'; end if;
  with given_back as (
    update deliveries set status = 'due', epoch = null
     where epoch = an_epoch and status = 'sending'
       and id <> all(array(select jsonb_array_elements_text(c->'held')))
    returning lane
  )
  select coalesce(array_agg(lane), '{}') into given from given_back;
  perform look_for_leaving(given);
  return to_jsonb(cardinality(given));
end $$;

-- A delivery as the library knows it (DeliveryRecord).
create function delivery_json(d deliveries, message_id text, message_url text, message_at bigint) returns jsonb language sql stable
  return present(jsonb_build_object(
    'id', d.id, 'messageId', message_id, 'lane', d.lane, 'url', coalesce(d.url, message_url), 'topic', d.topic,
    'createdAt', message_at, 'status', d.status,
    'dueAt', d.due_at, 'deadlineAt', d.deadline_at, 'attempts', d.attempts, 'firstAttemptAt', d.first_attempt_at,
    'endedAt', d.ended_at, 'reason', d.reason, 'redeliveredAs', d.redelivered_as));

create function find_delivery(c jsonb, judged_at bigint) returns jsonb language sql stable
  return (
    select delivery_json(d, m.id, m.url, m.created_at) from deliveries d join messages m on m.no = d.message
     where d.id = c->>'deliveryId'
  );

-- An attempt as it crosses (AttemptRecord).
create function attempt_json(a attempts) returns jsonb language sql stable
  return present(jsonb_build_object(
    'at', a.at, 'durationMs', a.duration_ms, 'status', a.status, 'error', a.error, 'errorClass', a.error_class,
    'request', a.request, 'answerHeaders', a.answer_headers, 'answerBody', to_text(a.answer_body),
    'truncated', a.truncated));

create function list_attempts(c jsonb, judged_at bigint) returns jsonb language sql stable
  return (
    select coalesce(jsonb_agg(attempt_json(a) order by a.number), '[]')
      from deliveries d join attempts a on a.delivery = d.no
     where d.id = c->>'deliveryId'
  );

-- Whoever is sending it keeps its claim, and may still record the attempt.
create function cancel_delivery_of(delivery_id text, now bigint) returns boolean language plpgsql volatile as $$
declare
  its_scope text;
begin
  update deliveries set status = 'dead', reason = 'cancelled', ended_at = now
   where id = delivery_id and status in ('due', 'sending')
  returning scope into its_scope;
  if not found then return false; end if;
  if its_scope is not null then perform resume(delivery_id, now, true); end if;
  return true;
end $$;

create function cancel_delivery(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  return to_jsonb(cancel_delivery_of(c->>'deliveryId', (c->>'now')::bigint));
end $$;
`
