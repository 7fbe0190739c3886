// What a claim writes in the rows of lanes that it found by looking: how fast they may be worked off, which of them is being tried,
// what was set aside in them. Of a healthy lane without a rate, nothing. Nobody is waited for: a lane that another node has
// in hand is passed over.

export const LANE_BUCKETS = `
-- Locks the rows of lanes, made where there are none: as many as nobody else has.
create function seize_lanes(wanted text[]) returns text[] language plpgsql volatile as $$
begin
  insert into lanes (lane)
  select lane from unnest(wanted) lane
   where case
     when (select true from lanes l where l.lane = lane.lane limit 1) is null
       then pg_try_advisory_xact_lock(lane_hash(lane))
     else false
   end
      on conflict do nothing;
  return array(select lane from lanes where lane = any(wanted) for update skip locked);
end $$;

-- A delivery of the lane is on its way, from whatever node.
create function is_tried(a_lane text) returns boolean language sql stable
  return (select true from nodes n join deliveries d on d.epoch = n.epoch
           where d.lane = a_lane and d.status = 'sending' limit 1) is not null;

-- How many may be taken from each lane, by its rate (null: it has none) and by what is known of it; those are locked.
create function limits_of(rates jsonb, now bigint) returns jsonb language plpgsql volatile as $$
declare
  seized constant text[] := seize_lanes(array(select jsonb_object_keys(rates)));
begin
  return (
    select coalesce(jsonb_object_agg(l.lane, case
             when l.pause is not null or l.rests_until > now then 0
             when l.probing and is_tried(l.lane) then 0
             else least(
               case when l.probing then 1 end,
               case when jsonb_typeof(rates->l.lane) = 'object' then (from_bucket(rates->l.lane, l.next_at, now)).free end)
           end), '{}')
      from lanes l where l.lane = any(seized));
end $$;

-- What was taken from lanes that have a limit leaves their buckets. One that was catching up has done so when nothing is left.
create function spend(rates jsonb, limits jsonb, claimed jsonb, now bigint) returns void language plpgsql volatile as $$
begin
  update lanes l
     set next_at = case
           when t.count > 0 and jsonb_typeof(rates->l.lane) = 'object'
             then (from_bucket(rates->l.lane, l.next_at, now)).since + t.count * interval_of(rates->l.lane)
           else l.next_at
         end,
         catch_up = case when t.count > 0 and not has_due(l.lane, now) then null else l.catch_up end
    from (
      select each.lane, count(d.id)
        from (select jsonb_object_keys(limits) as lane) each
        left join (select delivery#>>'{delivery,lane}' as lane, delivery#>>'{delivery,id}' as id
                     from jsonb_array_elements(claimed) delivery) d on d.lane = each.lane
       group by each.lane) t
   where l.lane = t.lane and t.count > 0;
end $$;

create function has_due(a_lane text, now bigint) returns boolean language sql stable
  return (select true from deliveries
           where lane = a_lane and status = 'due' and due_at <= now and deadline_at > now limit 1) is not null;

-- Lanes in which nothing is left of what was set aside are found by what is due in them, like others.
create function ungather(gathered_lanes text[]) returns void language plpgsql volatile as $$
begin
  update lanes
     set gathered = false
   where lane = any(array(
     select lane from lanes l
      where lane = any(gathered_lanes)
        and (select true from deliveries d where d.lane = l.lane and d.status = 'due' and d.held limit 1) is null
        for update skip locked));
end $$;

-- Of the deliveries that have been due longest, puts those aside of which nothing is taken for now, by whatever node.
create function set_aside(now bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  shut text[];
begin
  shut := array(
    select lane from lanes
     where lane = any(array(
       select distinct w.lane from (
         select lane from deliveries
          where status = 'due' and not held and lane not like 'endpoint:%' and due_at <= now
          order by due_at limit most) w))
       and (pause is not null or leaving or rests_until > now
         or next_at > now and (catch_up is not null
           or (select s.rate from subscriptions s where s.id = subscription_id_of(lanes.lane)) is not null))
       for update skip locked);
  if shut = '{}' then return false; end if;
  update lanes set gathered = true where lane = any(shut) and not gathered;
  update deliveries set held = true
   where no = any(array(
     select d.no from (
       select no, lane from deliveries
        where status = 'due' and not held and lane not like 'endpoint:%' and due_at <= now
        order by due_at limit most) w
       join deliveries d on d.no = w.no
      where w.lane = any(shut) and d.status = 'due'
        for update of d skip locked));
  return true;
end $$;

-- Something came to be due in the lane of a subscription that is gone, or has retired, after a sweep had found it empty.
create function mark_leaving(left_lanes text[]) returns void language plpgsql volatile as $$
declare
  -- In a statement of its own: what it makes is seen by the next one.
  seized constant text[] := seize_lanes(left_lanes);
begin
  update lanes set leaving = true where lane = any(seized) and not leaving;
end $$;

-- Something is due in these lanes. Some of them may be those of subscriptions that are gone or have retired.
create function look_for_leaving(some_lanes text[]) returns boolean language plpgsql volatile as $$
declare
  left_lanes constant text[] := array(
    select distinct lane from unnest(some_lanes) lane
     where subscription_id_of(lane) is not null
       and (select true from subscriptions s where s.id = subscription_id_of(lane) and not s.retired limit 1) is null);
begin
  if left_lanes <> '{}' then perform mark_leaving(left_lanes); end if;
  return left_lanes <> '{}';
end $$;

-- The subscription of a lane, as it stands.
create function subscribed_json(a_lane text) returns jsonb language sql stable
  return (
    select jsonb_build_object('subscription', subscription_json(s, l.pause))
      from subscriptions s left join lanes l on l.lane = 'subscription:' || s.id
     where s.id = subscription_id_of(a_lane));
`
