import { BUCKET_MS, FORGIVEN_MS, STRIKES } from '../../../model/lane.js'

// Letting go of messages and what belongs to them, of deliveries that can come to nothing any more, and of lanes. The rules
// are those of `sweeping`.

export const SWEEPING_MESSAGES = `
-- Deliveries, locked, that die where nobody else has those in hand who wait for them.
create function let_die(found_ids text[], a_reason text, now bigint) returns text[] language plpgsql volatile as $$
declare
  dying constant text[] := wakeable(found_ids);
begin
  update deliveries set status = 'dead', reason = a_reason, ended_at = now where id = any(dying);
  perform note_deaths(dying, now, a_reason = 'expired');
  perform resume(id, now, true) from deliveries where id = any(dying) and scope is not null;
  return dying;
end $$;

create function expire_deliveries(now bigint, most integer, out ids text[], out more boolean)
language plpgsql volatile as $$
begin
  ids := array(
    select id from deliveries where ended_at is null and deadline_at <= now
     order by deadline_at limit most + 1 for update skip locked);
  more := cardinality(ids) > most;
  ids := let_die(ids[:most], 'expired', now);
end $$;

-- The lane of a subscription and that of its proofs, whichever of the two is given.
create function both_lanes(some_lanes text[]) returns text[] language sql immutable
  return array(select distinct prefix || subscription_id_of(lane) from unnest(some_lanes) lane, (values ('subscription:'), ('proof:')) of_it (prefix));

-- What waits for subscriptions that were deleted or have retired.
create function sweep_left_lanes(now bigint, most integer, out ids text[], out more boolean) language plpgsql volatile as $$
declare
  left_lanes constant text[] := array(
    select lane from lanes where leaving order by lane limit most + 1 for update skip locked);
  emptied text[];
begin
  ids := array(
    select d.id from unnest(both_lanes(left_lanes[:most])) l (lane)
     cross join lateral (
       select id from deliveries where lane = l.lane and status = 'due'
        order by due_at, id limit most + 1 for update skip locked) d
     limit most + 1);
  more := cardinality(left_lanes) > most or cardinality(ids) > most;
  ids := let_die(ids[:most], 'unsubscribed', now);
  emptied := array(
    select l.lane from unnest(left_lanes[:most]) l (lane)
     where (select true from unnest(both_lanes(array[l.lane])) each (lane)
             cross join lateral (
               select from deliveries d where d.lane = each.lane and d.status = 'due' limit 1) d limit 1) is null);
  update lanes set leaving = false where lane = any(emptied);
  -- That its subscription is gone says everything else.
  delete from lanes l
   where lane = any(emptied) and (select true from subscriptions s where s.id = subscription_id_of(l.lane) limit 1) is null;
end $$;

-- Lanes that have been failing for half of the time they may, and for all of it.
create function sweep_troubled_lanes(now bigint, failing_ms bigint, most integer, out lanes jsonb, out more boolean)
language plpgsql volatile as $$
declare
  failed text[];
  warned_lanes text[];
begin
  failed := array(
    select l.lane from lanes l
     where l.pause is null and l.failing_since is not null and l.strikes >= ${STRIKES.paused} and l.failing_since <= now - failing_ms
     order by l.failing_since limit most + 1 for update skip locked);
  warned_lanes := array(
    select l.lane from lanes l
     where l.pause is null and l.failing_since is not null and not l.warned and l.strikes >= ${STRIKES.told}
       and l.failing_since <= now - failing_ms / 2
       and l.lane <> all(failed[:most])
     order by l.failing_since limit most + 1 for update skip locked);
  more := cardinality(failed) > most or cardinality(warned_lanes) > most;
  with told as (
    update lanes l
       set warned = true,
           pause = case when l.lane = any(failed[:most]) then 'failing' end,
           paused_at = case when l.lane = any(failed[:most]) then now end
     where l.lane = any(failed[:most] || warned_lanes[:most])
    returning l.lane, l.pause, l.failing_since
  )
  select coalesce(jsonb_agg(jsonb_build_object(
           'lane', t.lane, 'what', case when t.pause is null then 'failing' else 'paused' end,
           'failingSince', t.failing_since) order by t.pause, t.failing_since, t.lane), '[]')
    into lanes from told t;
end $$;

-- Lanes of which nothing is known that would not be so of any other, and those whose one bad hour is forgiven (healthyFrom).
create function sweep_idle_lanes(now bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  idle text[];
  forgiven text[];
begin
  idle := array(
    select lane from lanes
     where failures = 0 and pause is null and catch_up is null and not gathered and not leaving and opens_at <= now
       and coalesce(next_at, 0) + ${BUCKET_MS} <= now
     order by opens_at limit most + 1 for update skip locked);
  forgiven := array(
    select lane from lanes
     where failures > 0 and strikes = 1 and pause is null and last_strike_at <= now - ${FORGIVEN_MS}
       and not warned and catch_up is null and not gathered and not leaving and opens_at <= now
       and coalesce(next_at, 0) + ${BUCKET_MS} <= now
     order by last_strike_at limit most + 1 for update skip locked);
  delete from lanes where lane = any(idle[:most] || forgiven[:most]);
  return cardinality(idle) > most or cardinality(forgiven) > most;
end $$;

-- Somebody is still to be told of its end, with what is large in it.
create function is_untold(a_delivery bigint) returns boolean language sql stable
  return coalesce((select turn_at is not null from ends where delivery = a_delivery), false);

-- What is large: the answers of a delivery that has ended, and the body of a message once all of its deliveries have, and
-- its fan-out is done. Of what somebody is still to be told, it stays: settling the end has it looked at once more.
create function strip_messages(ended_by bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  found_nos bigint[];
  its_messages bigint[];
  more boolean;
begin
  found_nos := array(
    select no from deliveries
     where ended_at is not null and scope is null and not stripped and ended_at <= ended_by
     order by stripped, ended_at limit most + 1 for update skip locked);
  more := cardinality(found_nos) > most;
  found_nos := found_nos[:most];
  if found_nos = '{}' then return false; end if;
  -- Of a message that somebody is sending once more the deliveries are looked at the next time.
  its_messages := array(
    select no from messages where no in (select message from deliveries where no = any(found_nos))
     for update skip locked);
  with done as (
    update deliveries set stripped = true where no = any(found_nos) and message = any(its_messages) returning no
  )
  update attempts a set answer_body = '', truncated = true
    from done d
   where a.delivery = d.no and octet_length(a.answer_body) > 0 and not is_untold(d.no);
  update messages m set body = '', stripped = true
   where m.no = any(its_messages) and not m.stripped
     and (select true from fan_outs f where f.message = m.no limit 1) is null
     and (select true from deliveries d where d.message = m.no and not d.stripped limit 1) is null
     and (select true from deliveries d where d.message = m.no and is_untold(d.no) limit 1) is null;
  return more;
end $$;

create function sweep_messages(ended_by bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  found_deliveries bigint[];
  stripped_before bigint[];
  found_messages bigint[];
  unsent_messages bigint[];
  told bigint[];
  kept_messages bigint[];
begin
  stripped_before := array(
    select no from deliveries where ended_at is not null and scope is null and stripped and ended_at <= ended_by
     order by stripped, ended_at limit most + 1 for update skip locked);
  found_deliveries := stripped_before || array(
    select no from deliveries where ended_at is not null and scope is null and not stripped and ended_at <= ended_by
     order by stripped, ended_at limit most + 1 for update skip locked);
  unsent_messages := array(
    select no from messages where unsent and created_at <= ended_by order by created_at limit most + 1 for update skip locked);
  -- What somebody is telling of at this moment stays until the next time.
  told := array(select delivery from ends where delivery = any(found_deliveries[:most]) for update skip locked);
  kept_messages := array(select message from deliveries where no = any(told) and is_untold(no));
  delete from ends where delivery = any(told);
  found_deliveries := array(
    select f.no from unnest(found_deliveries[:most]) f (no)
     where (select true from ends e where e.delivery = f.no limit 1) is null)
    || found_deliveries[most + 1:];
  found_messages := array(select message from deliveries where no = any(found_deliveries[:most]));
  delete from attempts where delivery = any(found_deliveries[:most]);
  delete from deliveries where no = any(found_deliveries[:most]);
  -- What had its body kept to be told of is gone: its message is looked at once more.
  update deliveries set stripped = false
   where no = any(array(
     select d.no from unnest(kept_messages) m (no)
      cross join lateral (
        select no from deliveries where message = m.no and stripped is true order by id limit 1 for update skip locked) d));
  delete from messages m
   where m.no = any(found_messages || unsent_messages[:most])
     and (select true from deliveries d where d.message = m.no limit 1) is null
     and (select true from fan_outs f where f.message = m.no limit 1) is null;
  return cardinality(found_deliveries) > most or cardinality(unsent_messages) > most;
end $$;
`
