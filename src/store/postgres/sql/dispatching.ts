// Handing out what is due to be sent.
//
//   L1. Lanes are looked at one by one, through an index, so a long queue in one costs the others nothing.
//   L2. When the limit is smaller than what is due, every lane gets its share first (P19).
//   L3. What another node is claiming at this moment is passed over, and nobody is waited for.
//
// Nobody knows the names of the lanes of written-out URLs and of subscriptions beforehand. A table of them, as SQLite has it,
// would be a row in each lane that every node which sends, claims or puts back has to write or to wait for. So they are
// found in the deliveries themselves, which nobody has to keep up to date:
//
//   L4. A window: the deliveries to such lanes that have been due longest, in order, so that lanes in which everything waits for a
//       retry cost nothing, however many they are.
//   L5. A full window may be full of lanes that have no room, or of one flood. Then the names of lanes are looked through as
//       well, one probe for each, going on where this node stopped the last time: a lane that the window hides is
//       found in this claim where there are at most `ROUND` of them, and after all others in its turn where there are more.
//   L6. Where lanes were left that nobody looked at, the next claim is to be soon, and not at once.
//   L7. Of a full window, what is due in lanes of which nothing is taken for now, for any node, is set aside: it is in the window
//       no more, and its lane, which is `gathered` from then on, is found by when it opens. A delivery is set aside at most
//       once for each time that it falls due, so a lane that is paused for days costs nothing while it is.
//
// The state of a lane is read with the lane. Only one that has a rate or is probing is locked and written (lane-buckets.ts).

/** What one claim hands out at most, in bytes of bodies; the first is handed out whatever its size. */
const LARGEST_CLAIM_BYTES = 8 * 1024 * 1024

const WINDOW = 1_024
const ROUND = 1_000
/** Lanes that had gathered something and are open, looked at in one claim. */
const GATHERED = 256
/** How far ahead the next one is looked for among those that have no room. */
const AHEAD = 256
const SOON_MS = 1_000
/** … where something was set aside, and others come into the window. */
const SOONER_MS = 20

/** Of a lane that is asked for: its row is `l`, its subscription `s`. */
const ROWS = `
        left join lanes l on l.lane = asked.lane
        left join subscriptions s on s.id = subscription_id_of(asked.lane)`

/** Its subscription was deleted, or has retired. */
const IS_LEFT = '(coalesce(s.retired, true) and subscription_id_of(asked.lane) is not null)'

/** Nothing of it is attempted until somebody resumes it, or what is being tried has an answer. */
const IS_CLOSED = `(l.pause is not null or ${IS_LEFT} or coalesce(l.probing, false) and is_tried(l.lane))`

/** How fast it may be worked off. */
const RATE = `slower(case when asked.lane like 'subscription:%' then s.rate else c->'rates'->asked.lane end, l.catch_up)`

/** When the next may be taken from it, as far as that is known. */
const OPENING = `greatest(l.rests_until, case when ${RATE} is not null then ceil(l.next_at) end)`

export const DISPATCHING = `
-- How much more may be taken from a lane. For an endpoint, 'lanes' says how much room there is; for any other lane, how much
-- of it is taken. What is not a number knows no end.
create function room_of(lane text, concurrency integer, c jsonb) returns double precision language sql stable
  return case
    when lane like 'endpoint:%' then coalesce((c->'lanes'->>lane)::double precision, 'infinity')
    else coalesce(concurrency, (c->>'originRoom')::double precision) - coalesce((c->'lanes'->>lane)::double precision, 0)
  end;

-- The names of lanes in which anything waits, up to the last, without reading what is between them.
create function lanes_after(a_lane text, last_lane text, most integer) returns text[] language sql stable
  return array(
    with recursive each (lane) as (
      (select d.lane from deliveries d
        where d.status = 'due' and d.lane > a_lane and d.lane <= last_lane order by d.lane limit 1)
      union all
      select (select d.lane from deliveries d
               where d.status = 'due' and d.lane > each.lane and d.lane <= last_lane order by d.lane limit 1)
        from each where each.lane is not null
    )
    select lane from each where lane is not null limit most);

-- Lanes that no endpoint has in which something may be due, and those of them that had gathered something; whether the
-- window is full; and whether there may be others.
create function find_lanes(
  an_epoch bigint, now bigint, out found_lanes text[], out gathered_lanes text[], out is_full boolean, out is_partial boolean)
language plpgsql volatile as $$
declare
  looked_at integer;
  start_lane text;
  round text[];
begin
  select array_agg(distinct w.lane) filter (where w.deadline_at > now), count(*),
         array(select lane from lanes where gathered and pause is null and opens_at <= now
                order by opens_at, lane limit ${GATHERED})
    into found_lanes, looked_at, gathered_lanes
    from (select lane, deadline_at from deliveries
           where status = 'due' and not held and lane not like 'endpoint:%' and due_at <= now
           order by due_at limit ${WINDOW}) w;
  is_full := looked_at = ${WINDOW};
  is_partial := false;
  if gathered_lanes <> '{}' then
    found_lanes := array(
      select unnest(found_lanes) union select lane from unnest(gathered_lanes) lane where lane not like 'endpoint:%');
  end if;
  if not is_full then return; end if;

  select last_lane into start_lane from nodes where epoch = an_epoch;
  round := lanes_after(start_lane, 'subscription;', ${ROUND});
  if cardinality(round) < ${ROUND} then
    round := round || lanes_after('endpoint;', start_lane, ${ROUND} - cardinality(round));
  end if;
  is_partial := cardinality(round) = ${ROUND};
  if is_partial then
    update nodes set last_lane = round[cardinality(round)] where epoch = an_epoch;
  end if;
  found_lanes := array(select unnest(found_lanes) union select unnest(round));
end $$;

create function message_json(m messages) returns jsonb language sql stable
  return present(jsonb_build_object(
    'id', m.id, 'key', m.key, 'lane', m.lane, 'url', m.url, 'method', m.method, 'path', m.path, 'query', m.query,
    'headers', m.headers, 'type', m.type, 'body', to_text(m.body), 'stripped', nullif(m.stripped, false),
    'follows', m.follows, 'createdAt', m.created_at));

create function claim_deliveries(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  an_epoch bigint := (c->>'epoch')::bigint;
  now bigint := (c->>'now')::bigint;
  count_left integer := (c->>'limit')::integer;
  bytes_left bigint := ${LARGEST_CLAIM_BYTES};
  -- That no endpoint has.
  others text[];
  gathered_lanes text[] := '{}';
  is_full boolean := false;
  is_partial boolean := false;
  -- With something due and room for it, the one that waits longest first.
  open_lanes text[];
  rooms double precision[];
  -- Those among them whose rows are written, and at what rate they may be worked off; passed: those that another node has.
  strict_lanes jsonb;
  limits jsonb := '{}';
  passed text[] := '{}';
  -- Of subscriptions that are gone.
  left_lanes text[];
  -- Those that may have more.
  lanes text[];
  lane_rooms double precision[];
  share integer;
  round jsonb;
  bytes_taken bigint;
  claimed jsonb := '[]';
  next_due_at bigint;
  soon_at bigint;
begin
  if not is_live(an_epoch, judged_at) then return '{"claimed": []}'; end if;

  select f.found_lanes, f.gathered_lanes, f.is_full, f.is_partial into others, gathered_lanes, is_full, is_partial
    from find_lanes(an_epoch, now) f;
  select array_agg(o.lane order by o.due_at, o.lane) filter (where not o.is_shut),
         array_agg(o.room order by o.due_at, o.lane) filter (where not o.is_shut),
         jsonb_object_agg(o.lane, o.rate) filter (where not o.is_shut and (o.rate is not null or o.probing)),
         array_agg(o.lane) filter (where o.is_left)
    into open_lanes, rooms, strict_lanes, left_lanes
    from (
      select asked.lane, room_of(asked.lane, s.concurrency, c) as room, head.due_at, l.probing,
             ${RATE} as rate,
             l.pause is not null or ${IS_LEFT} or coalesce(l.rests_until, 0) > now as is_shut,
             ${IS_LEFT} and l.leaving is not true as is_left
        from (select key from jsonb_each(c->'lanes') where key like 'endpoint:%' union all select unnest(others)) asked (lane)${ROWS}
       cross join lateral (
         select due_at from deliveries d
          where d.lane = asked.lane and d.status = 'due' and d.due_at <= now and d.deadline_at > now
          order by d.due_at, d.id limit 1) head
       where room_of(asked.lane, s.concurrency, c) > 0
    ) o;
  if left_lanes is not null then perform mark_leaving(left_lanes); end if;
  if is_full and set_aside(now, ${WINDOW}) and is_partial then soon_at := now + ${SOONER_MS}; end if;

  lanes := open_lanes;
  lane_rooms := rooms;
  if strict_lanes is not null then
    limits := limits_of(strict_lanes, now);
    passed := array(select key from jsonb_each(strict_lanes) where not limits ? key);
    select array_agg(o.lane order by turn), array_agg(o.room order by turn) into lanes, lane_rooms
      from (
        select each.lane, turn,
               least(each.room, case when strict_lanes ? each.lane and not limits ? each.lane then 0
                                     else (limits->>each.lane)::double precision end) as room
          from unnest(open_lanes, rooms) with ordinality each (lane, room, turn)) o
     where o.room > 0;
  end if;
  while cardinality(lanes) > 0 and count_left > 0 and bytes_left > 0 loop
    share := greatest(1, count_left / cardinality(lanes));
    with free as (
      select asked.turn, d.* from unnest(lanes, lane_rooms) with ordinality asked (lane, room, turn)
       cross join lateral (
         select no, id, due_at, message from deliveries d
          where d.lane = asked.lane and d.status = 'due' and d.due_at <= now and d.deadline_at > now
          order by d.due_at, d.id limit least(asked.room, share)::integer
            for update skip locked) d
       where asked.turn <= count_left
    ), sized as (
      select f.no, f.turn, octet_length(m.body) as size,
             sum(octet_length(m.body)) over (order by f.turn, f.due_at, f.id rows unbounded preceding) as sum
        from free f join messages m on m.no = f.message
    ), taken as (
      update deliveries d set status = 'sending', epoch = an_epoch, fence = fence + 1, held = false
        from sized s, messages m
       where d.no = s.no and s.sum - s.size < bytes_left and m.no = d.message
      returning s.turn, s.size, d.due_at, d.id, jsonb_build_object(
        'delivery', delivery_json(d, m.id, m.url, m.created_at), 'message', message_json(m), 'fence', d.fence)
        || case when subscription_id_of(d.lane) is null then '{}' else subscribed_json(d.lane) end as json
    )
    select coalesce(jsonb_agg(json order by turn, due_at, id), '[]'), coalesce(sum(size), 0) into round, bytes_taken
      from taken;
    exit when round = '[]';
    claimed := claimed || round;
    count_left := count_left - jsonb_array_length(round);
    bytes_left := bytes_left - bytes_taken;
    -- Who took less than it was offered has no more.
    select array_agg(asked.lane order by turn), array_agg(asked.room - share order by turn) into lanes, lane_rooms
      from unnest(lanes, lane_rooms) with ordinality asked (lane, room, turn)
      join (select delivery->'delivery'->>'lane' as lane, count(*) as count
              from jsonb_array_elements(round) delivery group by 1) got on got.lane = asked.lane
     where got.count = share and asked.room > share;
  end loop;

  -- Of those that are open, what room they have left.
  if claimed <> '[]' then
    select array_agg(o.room - coalesce(got.count, 0) order by turn) into rooms
      from unnest(open_lanes, rooms) with ordinality o (lane, room, turn)
      left join (select delivery->'delivery'->>'lane' as lane, count(*) as count
                   from jsonb_array_elements(claimed) delivery group by 1) got on got.lane = o.lane;
  end if;
  if limits <> '{}' then perform spend(strict_lanes, limits, claimed, now); end if;
  if gathered_lanes <> '{}' then perform ungather(gathered_lanes); end if;

  select min(greatest(head.due_at, ${OPENING}, case when asked.lane = any(passed) then now + ${SOON_MS} end))
    into next_due_at
    from (select key from jsonb_each(c->'lanes') where key like 'endpoint:%' union all select unnest(others)) asked (lane)
    left join unnest(open_lanes, rooms) o (lane, room) on o.lane = asked.lane${ROWS}
   cross join lateral (
     select due_at from deliveries d where d.lane = asked.lane and d.status = 'due' and d.deadline_at > now
      order by d.due_at, d.id limit 1) head
   where coalesce(o.room, room_of(asked.lane, s.concurrency, c)) > 0 and not ${IS_CLOSED};
  if next_due_at is null or next_due_at > now then
    next_due_at := least(
      next_due_at, soon_at, case when is_partial then now + ${SOON_MS} end,
      next_other_at(c, array(select lane from unnest(open_lanes, rooms) o (lane, room) where room <= 0)));
  end if;
  return present(jsonb_build_object('claimed', claimed, 'nextDueAt', next_due_at));
end $$;

-- When the next falls due in a lane that no endpoint has and that has room, after now; or when to look again, where those
-- that are next all lie in lanes that have none.
create function next_other_at(c jsonb, full_lanes text[]) returns bigint language plpgsql stable as $$
declare
  now bigint := (c->>'now')::bigint;
  next_at bigint;
  last_at bigint;
  looked_at integer := 0;
  ahead record;
begin
  select ceil(opens_at) into next_at from lanes
   where gathered and pause is null and opens_at > now order by opens_at, lane limit 1;
  for ahead in
    select asked.due_at, greatest(asked.due_at, ${OPENING}) as opens_at,
           asked.deadline_at > now and asked.lane <> all(full_lanes) and room_of(asked.lane, s.concurrency, c) > 0
             and not ${IS_CLOSED} as is_next
      from (select lane, due_at, deadline_at from deliveries
             where status = 'due' and not held and lane not like 'endpoint:%' and due_at > now
             order by due_at limit ${AHEAD}) asked${ROWS}
     order by asked.due_at
  loop
    looked_at := looked_at + 1;
    last_at := ahead.due_at;
    if ahead.is_next then next_at := least(next_at, ahead.opens_at); end if;
    exit when next_at <= last_at;
  end loop;
  if looked_at = ${AHEAD} then return least(next_at, last_at); end if;
  return next_at;
end $$;
`
