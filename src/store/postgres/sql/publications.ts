import { IN_ORDER } from './history.js'

// One message to many: to a list at once, to a topic by a fan-out that goes through its subscribers in batches.

export const PUBLICATIONS = `
-- A message to many, and its deliveries or its fan-out, unless there is one with that id or that key. Whether it was stored.
create function store_publication(c jsonb, a_key text) returns boolean language plpgsql volatile as $$
declare
  given constant jsonb := c->'message';
  target constant jsonb := c->'to';
  stored bigint;
begin
  insert into messages
    (id, publication_key, lane, method, path, query, headers, type, body, follows, created_at, unsent)
  values (
    given->>'id', a_key, given->>'lane', given->>'method', given->>'path', given->>'query', given->>'headers',
    given->>'type', decode(given->>'body', 'base64'), given->>'follows', (given->>'createdAt')::bigint,
    target->'deliveries' = '[]' is true)
      on conflict do nothing
  returning no into stored;
  if stored is null then return false; end if;
  if target->>'type' = 'list' then
    insert into deliveries (id, message, lane, url, due_at, deadline_at)
    select d->>'deliveryId', stored, d->>'lane', d->>'url', instant(d->'dueAt'), instant(d->'deadlineAt')
      from jsonb_array_elements(target->'deliveries') d;
    perform look_for_leaving(array(select d->>'lane' from jsonb_array_elements(target->'deliveries') d));
  else
    insert into fan_outs (message, last, patterns, due_at, deadline_at, turn_at)
    values (
      stored, coalesce((select last from counters where name = 'subscriptions'), 0), texts(target->'patterns'),
      instant(target->'dueAt'), instant(target->'deadlineAt'), (given->>'createdAt')::bigint);
  end if;
  return true;
end $$;

create function publish(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  given constant jsonb := c->'message';
  first record;
begin
  if store_publication(c, c->>'key') then
    return jsonb_build_object('type', 'published', 'messageId', given->>'id', 'created', true);
  end if;
  select id, lane into first from messages where id = given->>'id';
  if not found then select id, lane into first from messages where publication_key = c->>'key'; end if;
  if first.lane <> given->>'lane' then return jsonb_build_object('type', 'conflict', 'lane', first.lane); end if;
  -- Its own repetition gets the outcome that was lost.
  return jsonb_build_object('type', 'published', 'messageId', first.id, 'created', first.id = given->>'id');
end $$;

create function publish_in_scope(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  known memories;
  published constant jsonb := jsonb_build_object('messageId', c#>'{publish,message,id}');
begin
  if scope.id is null then return '{"type": "lost"}'; end if;
  known := find_memory(scope.id, c->'at');
  if known.scope is not null then
    if known.facts->>'verb' <> 'publish' or not has_begun(known.facts) then
      return known_json(known, (c->>'now')::bigint);
    end if;
    return known.facts - 'verb' || '{"type": "published"}';
  end if;
  perform store_publication(c->'publish', null);
  perform add_memory(scope.id, c->'at', published || '{"verb": "publish"}');
  perform wrote(scope);
  return published || '{"type": "published"}';
end $$;

create function claim_fan_out(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile
  ${IN_ORDER}
as $$
declare
  now constant bigint := (c->>'now')::bigint;
  most constant integer := (c->>'limit')::integer;
  next_at bigint;
  taken fan_outs;
  found_nos bigint[];
begin
  update fan_outs set turn_at = now + (c->>'holdMs')::bigint
   where message = (select message from fan_outs where turn_at <= now order by turn_at, turn limit 1 for update skip locked)
  returning * into taken;
  select turn_at into next_at from fan_outs
   where message is distinct from taken.message order by turn_at, turn limit 1;
  if taken.message is null then return present(jsonb_build_object('nextAt', next_at)); end if;

  -- Of each pattern the next few, which lie behind one another, and of those together the next few.
  found_nos := array(
    select s.no from unnest(taken.patterns) pattern
     cross join lateral (
       select no from subscriptions
        where (topic, no) > (pattern, taken.place) and (topic, no) <= (pattern, taken.last) and not retired
        order by topic, no limit most + 1) s
     order by s.no limit most + 1);
  return present(jsonb_build_object('nextAt', next_at, 'fanOut', (
    select jsonb_build_object(
             'message', message_json(m), 'from', taken.place, 'dueAt', taken.due_at, 'deadlineAt', taken.deadline_at,
             'last', cardinality(found_nos) <= most,
             'page', (
               select coalesce(jsonb_agg(
                        jsonb_build_object('no', s.no, 'subscription', subscription_json(s, l.pause)) order by s.no), '[]')
                 from subscriptions s left join lanes l on l.lane = 'subscription:' || s.id
                where s.no = any(found_nos[:most])))
      from messages m where m.no = taken.message)));
end $$;

-- A subscription that is being deleted, or retires, at this moment may still get one, as if it had been a moment before:
-- it dies like all that wait for it.
create function fan_out(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  standing fan_outs;
  its_topic text;
begin
  select f.* into standing from messages m join fan_outs f on f.message = m.no
   where m.id = c->>'messageId' and f.place = (c->>'from')::bigint;
  if not found then return 'false'; end if;
  select substr(lane, 7) into its_topic from messages where no = standing.message;
  insert into deliveries (id, message, lane, topic, due_at, deadline_at)
  select d->>'deliveryId', standing.message, 'subscription:' || s.id, its_topic, instant(d->'dueAt'), instant(d->'deadlineAt')
    from jsonb_array_elements(c->'deliveries') d
   cross join lateral (select id from subscriptions where id = d->>'subscriptionId' and not retired limit 1) s;
  if (c->>'done')::boolean then
    delete from fan_outs where message = standing.message;
    -- What has been stripped meanwhile is looked at once more, for the sake of the message.
    update deliveries set stripped = false
     where no = (select no from deliveries where message = standing.message and stripped limit 1);
    update messages set unsent = true
     where no = standing.message and not exists (select from deliveries d where d.message = standing.message);
  else
    update fan_outs set place = (c->>'to')::bigint, turn_at = (c->>'now')::bigint, turn = default
     where message = standing.message;
  end if;
  return 'true';
end $$;
`
