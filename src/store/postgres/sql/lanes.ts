import { BUCKET_MS, RESOLUTION_MS } from '../../../model/lane.js'

// What is known of lanes beyond the deliveries that wait in them (src/model/lane.ts, ported).
//
//   N1. A healthy lane has no row, or one that nobody writes: an attempt that succeeds there reads it and goes on.
//   N2. Whoever writes the row of a lane that is named, or is that of a delivery that is named, has locked it with
//       everything else that the batch locks, made first where there was none. Whoever finds it by looking skips what is locked.
//   N3. A row is made under a lock of its lane's name, so that who finds a lane without one need not wait for who is making it.

export const LANES = `
create function subscription_id_of(lane text) returns text language sql immutable
  return case
    when lane like 'subscription:%' then substr(lane, 14)
    when lane like 'proof:%' then substr(lane, 7)
  end;

-- It is that of a subscription which is not there: nothing is known of it, whatever happens.
create function is_forgotten_lane(lane text) returns boolean language sql stable
  return subscription_id_of(lane) is not null
     and (select true from subscriptions s where s.id = subscription_id_of(lane) limit 1) is null;

-- Only a proof opens it.
create function is_unproven(pause text) returns boolean language sql immutable
  return coalesce(pause in ('unproven', 'unproven_asked'), false);

-- A lane as the library knows it (LaneRecord).
create function lane_json(l lanes) returns jsonb language sql stable
  return jsonb_strip_nulls(jsonb_build_object(
    'restsUntil', l.rests_until, 'failures', l.failures, 'failingSince', l.failing_since, 'strikes', l.strikes,
    'lastStrikeAt', l.last_strike_at, 'probing', l.probing, 'warned', l.warned, 'pause', l.pause,
    'pausedAt', l.paused_at, 'catchUp', l.catch_up, 'nextAt', l.next_at));

create function find_lane(c jsonb, judged_at bigint) returns jsonb language sql stable
  return (
    select lane_json(l) from lanes l
     where l.lane = c->>'lane' and (l.failures > 0 or l.pause is not null or l.catch_up is not null or l.opens_at > 0)
       and not is_forgotten_lane(l.lane));

-- Locks the rows of lanes in one order, and makes those that are to be written. 'tried': deliveries whose attempts may
-- have shown something; 'failing': those of them that have.
create function lock_lanes(locks jsonb) returns boolean language plpgsql volatile as $$
declare
  made text[] := texts(locks->'newLanes');
  known text[] := texts(locks->'lanes');
begin
  if locks ? 'tried' then
    known := known || array(
      select l.lane
        from deliveries d
       cross join lateral (values (d.lane), ('subscription:' || substr(d.lane, 7))) v (lane)
        join lanes l on l.lane = v.lane and (l.failures > 0 or is_unproven(l.pause))
       where d.id = any(texts(locks->'tried')) and (v.lane = d.lane or d.lane like 'proof:%'));
  end if;
  if locks ? 'failing' then
    made := made || array(select lane from deliveries where id = any(texts(locks->'failing')));
  end if;
  if locks ? 'subscribing' then
    select made || coalesce(array_agg(v.lane) filter (where is_made), '{}'),
           known || coalesce(array_agg(v.lane) filter (where not is_made), '{}')
      into made, known
      from jsonb_array_elements_text(locks->'subscribing') target
     cross join lateral (
       select (subscription_at(target::jsonb->>0, target::jsonb->>1)).id, (target::jsonb->>2)::boolean as is_made) s
     cross join lateral (values ('subscription:' || s.id), ('proof:' || s.id)) v (lane)
     where s.id is not null;
  end if;
  if made = '{}' and known = '{}' then return false; end if;
  perform pg_advisory_xact_lock(hash) from (
    select distinct lane_hash(lane) as hash from unnest(made) lane
     where not exists (select from lanes l where l.lane = lane.lane) order by hash) names;
  insert into lanes (lane)
  select lane from (
    select unnest(made) as lane
     union select lane from lanes where lane = any(known)) named
   order by lane
      on conflict (lane) do update set failures = lanes.failures where false;
  return true;
end $$;

-- What is locked behind deliveries: messages, fan-outs, ends, lanes.
create function lock_sending(locks jsonb) returns boolean language plpgsql volatile as $$
begin
  if locks ? 'redelivered' then
    perform from messages
      where no = any(array(select message from deliveries where id = any(texts(locks->'redelivered'))))
      order by no for update;
  end if;
  if locks ? 'fanOuts' then
    perform from fan_outs
      where message = any(array(select no from messages where id = any(texts(locks->'fanOuts'))))
      order by message for update;
  end if;
  if locks ? 'ends' then
    perform from ends
      where delivery = any(array(select no from deliveries where id = any(texts(locks->'ends'))))
      order by delivery for update;
  end if;
  return locks ?| array['tried', 'failing', 'lanes', 'newLanes', 'subscribing'] and lock_lanes(locks);
end $$;

create function lane_hash(lane text) returns bigint language sql immutable
  return hashtextextended('lane ' || lane, 4242);

-- What an attempt has shown (afterNews). The row is locked, where there was one, and is there, if the attempt failed.
create function note_news(a_lane text, news jsonb, now bigint) returns boolean language plpgsql volatile as $$
declare
  opens_ms constant bigint := instant(news#>'{breaker,pauseMs}');
  an_id constant text := subscription_id_of(a_lane);
begin
  if is_forgotten_lane(a_lane) then return false; end if;
  case news->>'type'
    when 'answered' then
      -- A lane that has begun to fail since the batch took its locks fails after this answer.
      update lanes
         set failures = 0, failing_since = null, strikes = 0, last_strike_at = null, probing = false, warned = false
       where lane = (select lane from lanes where lane = a_lane and failures > 0 for update skip locked);
    when 'failed' then
      update lanes
         set failures = failures + 1,
             failing_since = coalesce(failing_since, now),
             rests_until = nullif(greatest(
               coalesce(rests_until, 0), coalesce(instant(news->'restsUntil'), 0),
               case when failures + 1 >= (news#>>'{breaker,failures}')::numeric then now + opens_ms else 0 end), 0),
             probing = probing or coalesce(failures + 1 >= (news#>>'{breaker,failures}')::numeric, false),
             strikes = case
               when last_strike_at is null or now >= last_strike_at + instant(news->'strikeMs') then strikes + 1
               else strikes
             end,
             last_strike_at = case
               when last_strike_at is null or now >= last_strike_at + instant(news->'strikeMs') then now
               else last_strike_at
             end
       where lane = a_lane;
    when 'gone' then
      update lanes
         set pause = 'retired', paused_at = now, leaving = leaving or lane like 'subscription:%'
       where lane = a_lane and (pause is null or pause <> 'retired' and not is_unproven(pause));
      if found then update subscriptions set retired = true where id = an_id and a_lane like 'subscription:%'; end if;
  end case;
  return true;
end $$;

create function pause_lane(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  if is_forgotten_lane(c->>'lane') then return 'true'; end if;
  update lanes set pause = 'asked', paused_at = (c->>'now')::bigint where lane = c->>'lane' and pause is null;
  return to_jsonb(found);
end $$;

-- What had gathered may have been set aside, so the next claim looks into it (dispatching.ts, L7).
create function resume_lane(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  resumed text;
begin
  update lanes set pause = 'unproven' where lane = c->>'lane' and pause = 'unproven_asked';
  if found then return 'true'; end if;
  update lanes
     set pause = null, paused_at = null, rests_until = null, catch_up = c->'catchUp', gathered = true, leaving = false,
         failures = 0, failing_since = null, strikes = 0, last_strike_at = null, probing = false, warned = false
   where lane = c->>'lane' and pause <> 'unproven'
  returning lane into resumed;
  if resumed like 'subscription:%' then
    update subscriptions set retired = false where id = substr(resumed, 14) and retired;
  end if;
  return to_jsonb(resumed is not null);
end $$;

create function prove(subscription_id text) returns boolean language plpgsql volatile as $$
begin
  update lanes
     set pause = case when pause = 'unproven_asked' then 'asked' end,
         paused_at = case when pause = 'unproven_asked' then paused_at end,
         gathered = true
   where lane = 'subscription:' || subscription_id and is_unproven(pause);
  if not found then return false; end if;
  update subscriptions set proof = null where id = subscription_id;
  return true;
end $$;

-- By what was delivered in a lane of proofs, if it is what was asked for last.
create function prove_by(a_lane text, a_message bigint) returns boolean language plpgsql volatile as $$
declare
  proven text;
begin
  select s.id into proven from subscriptions s join messages m on m.id = s.proof
   where s.id = subscription_id_of(a_lane) and m.no = a_message;
  return proven is not null and prove(proven);
end $$;

create function prove_subscription(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  if c ? 'url' and not exists (select from subscriptions where id = c->>'id' and url = c->>'url') then
    return 'false';
  end if;
  return to_jsonb(prove(c->>'id'));
end $$;

-- How long a lane waits from one to the next, in milliseconds, at a rate; null where there is none.
create function interval_of(rate jsonb) returns double precision language sql immutable
  return (rate->>'perMs')::double precision / (rate->>'count')::double precision;

create function slower(one jsonb, other jsonb) returns jsonb language sql immutable
  return case
    when one is null or other is null then coalesce(one, other)
    when interval_of(one) >= interval_of(other) then one
    else other
  end;

-- What a bucket is filled from, and how many it lets through by now (fromBucket).
create function from_bucket(rate jsonb, next_at double precision, now bigint, out since double precision, out free bigint)
language plpgsql immutable as $$
declare
  each constant double precision := interval_of(rate);
  size constant double precision := greatest(1, floor(${BUCKET_MS} * (rate->>'count')::double precision / (rate->>'perMs')::double precision));
begin
  since := case when now - next_at < 1 then next_at else greatest(coalesce(next_at, 0), now - (size - 1) * each) end;
  free := case when since > now then 0 else least(size, floor((now - since + ${RESOLUTION_MS}) / each) + 1) end;
end $$;
`
