// Handing out what is due to be sent.
//
//   L1. Lanes are looked at one by one, through an index, so a long queue in one costs the others nothing.
//   L2. When the limit is smaller than what is due, every lane gets its share first (P19).
//   L3. What another node is claiming at this moment is passed over, and nobody is waited for.
//
// Nobody knows the names of the lanes of written-out URLs beforehand. A table of them, as SQLite has it, would be a row in
// each lane that every node which sends, claims or puts back has to write or to wait for. So they are found in the
// deliveries themselves, which nobody has to keep up to date:
//
//   L4. A window: the deliveries to such lanes that have been due longest, in order, so that lanes in which everything waits for a
//       retry cost nothing, however many they are.
//   L5. A full window may be full of lanes that have no room, or of one flood. Then the names of lanes are looked through as
//       well, one probe for each, going on where this node stopped the last time: a lane that the window hides is
//       found in this claim where there are at most `ROUND` of them, and after all others in its turn where there are more.
//   L6. Where lanes were left that nobody looked at, the next claim is to be soon, and not at once.

/** What one claim hands out at most, in bytes of bodies; the first is handed out whatever its size. */
const LARGEST_CLAIM_BYTES = 8 * 1024 * 1024

const WINDOW = 1_024
const ROUND = 1_000
/** How far ahead the next one is looked for among those that have no room. */
const AHEAD = 256
const SOON_MS = 1_000

export const DISPATCHING = `
-- How much more may be taken from a lane. For an endpoint, 'lanes' says how much room there is; for an origin, how much of
-- it is taken. What is not a number knows no end.
create function room_of(lane text, c jsonb) returns double precision language sql immutable
  return case
    when lane like 'origin:%' then (c->>'originRoom')::double precision - coalesce((c->'lanes'->>lane)::double precision, 0)
    else coalesce((c->'lanes'->>lane)::double precision, 'infinity')
  end;

-- The names of lanes of written-out URLs in which anything waits, up to the last, without reading what is between them.
create function origins_after(a_lane text, last_lane text, most integer) returns text[] language sql stable
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

-- Lanes of written-out URLs in which something may be due; and whether there may be others.
create function find_origins(an_epoch bigint, now bigint, out found_lanes text[], out is_partial boolean)
language plpgsql volatile as $$
declare
  looked_at integer;
  last_lane text;
  round text[];
begin
  select array_agg(distinct w.lane) filter (where w.deadline_at > now), count(*) into found_lanes, looked_at
    from (select lane, deadline_at from deliveries
           where status = 'due' and lane like 'origin:%' and due_at <= now order by due_at limit ${WINDOW}) w;
  is_partial := false;
  if looked_at < ${WINDOW} then return; end if;

  select last_origin into last_lane from nodes where epoch = an_epoch;
  round := origins_after(last_lane, 'origin;', ${ROUND});
  if cardinality(round) < ${ROUND} then
    round := round || origins_after('origin:', last_lane, ${ROUND} - cardinality(round));
  end if;
  is_partial := cardinality(round) = ${ROUND};
  if is_partial then
    update nodes set last_origin = round[cardinality(round)] where epoch = an_epoch;
  end if;
  found_lanes := array(select unnest(found_lanes) union select unnest(round));
end $$;

create function message_json(m messages) returns jsonb language sql stable
  return present(jsonb_build_object(
    'id', m.id, 'key', m.key, 'lane', m.lane, 'url', m.url, 'method', m.method, 'path', m.path, 'query', m.query,
    'headers', m.headers, 'type', m.type, 'body', to_text(m.body), 'createdAt', m.created_at));

create function claim_deliveries(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  an_epoch bigint := (c->>'epoch')::bigint;
  now bigint := (c->>'now')::bigint;
  has_origins boolean := (c->>'originRoom')::double precision > 0;
  count_left integer := (c->>'limit')::integer;
  bytes_left bigint := ${LARGEST_CLAIM_BYTES};
  origins text[];
  is_partial boolean := false;
  -- With something due and room for it, the one that waits longest first.
  open_lanes text[];
  rooms double precision[];
  -- Those among them that may have more.
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

  if has_origins then
    select f.found_lanes, f.is_partial into origins, is_partial from find_origins(an_epoch, now) f;
  end if;
  select array_agg(o.lane order by o.due_at, o.lane), array_agg(o.room order by o.due_at, o.lane) into open_lanes, rooms
    from (
      select asked.lane, room_of(asked.lane, c) as room, head.due_at
        from (select key from jsonb_each(c->'lanes') where key like 'endpoint:%' union all select unnest(origins)) asked (lane)
       cross join lateral (
         select due_at from deliveries d
          where d.lane = asked.lane and d.status = 'due' and d.due_at <= now and d.deadline_at > now
          order by d.due_at, d.id limit 1) head
       where room_of(asked.lane, c) > 0
    ) o;

  lanes := open_lanes;
  lane_rooms := rooms;
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
      update deliveries d set status = 'sending', epoch = an_epoch, fence = fence + 1
        from sized s, messages m
       where d.no = s.no and s.sum - s.size < bytes_left and m.no = d.message
      returning s.turn, s.size, d.due_at, d.id, jsonb_build_object(
        'delivery', delivery_json(d, m.id), 'message', message_json(m), 'fence', d.fence) as json
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

  select min(head.due_at) into next_due_at
    from (
      select lane from unnest(open_lanes, rooms) o (lane, room) where room > 0
      union
      select key from jsonb_each(c->'lanes')
       where key like 'endpoint:%' and room_of(key, c) > 0 and key <> all(coalesce(open_lanes, '{}'))
    ) asked
   cross join lateral (
     select due_at from deliveries d where d.lane = asked.lane and d.status = 'due' and d.deadline_at > now
      order by d.due_at, d.id limit 1) head;
  if has_origins and (next_due_at is null or next_due_at > now) then
    soon_at := next_origin_at(c, array(select lane from unnest(open_lanes, rooms) o (lane, room) where room <= 0));
    if is_partial then soon_at := least(soon_at, now + ${SOON_MS}); end if;
    next_due_at := least(next_due_at, soon_at);
  end if;
  return present(jsonb_build_object('claimed', claimed, 'nextDueAt', next_due_at));
end $$;

-- When the next falls due in a lane of a written-out URL that has room, after now; or when to look again, where those that are next
-- all lie in lanes that have none.
create function next_origin_at(c jsonb, full_lanes text[]) returns bigint language plpgsql stable as $$
declare
  now bigint := (c->>'now')::bigint;
  next_at bigint;
  last_at bigint;
  looked_at integer;
begin
  select min(due_at) filter (where deadline_at > now and lane <> all(full_lanes) and room_of(lane, c) > 0),
         max(due_at), count(*)
    into next_at, last_at, looked_at
    from (select lane, due_at, deadline_at from deliveries
           where status = 'due' and lane like 'origin:%' and due_at > now order by due_at limit ${AHEAD}) w;
  if next_at is null and looked_at = ${AHEAD} then return last_at; end if;
  return next_at;
end $$;
`
