// Epochs, and what is held under them. A lease is judged by the clock of the database, so that is what it counts from.
//
// An epoch that is over keeps its row until a sweep finds that nothing is held under it: a claim whose node has given it up
// may still be on its way, and whoever takes over has to find what it took.

export const NODES = `
create function lease_end(judged_at bigint, lease_ms jsonb) returns bigint language sql immutable
  return least(judged_at + trunc((lease_ms #>> '{}')::numeric), 9007199254740991)::bigint;

-- What is held under epochs is as it was before it was handed out.
create function give_back(epochs bigint[]) returns void language plpgsql volatile as $$
declare
  given text[];
begin
  update runs set status = 'due', epoch = null, attempt = attempt - 1
   where no in (select no from runs where epoch = any(epochs) and status = 'running' order by no for update);
  with given_back as (
    update deliveries set status = 'due', epoch = null
     where no in (select no from deliveries where epoch = any(epochs) and status = 'sending' order by id for update)
    returning lane
  )
  select coalesce(array_agg(lane), '{}') into given from given_back;
  perform look_for_leaving(given);
  update callbacks set state = 'ready', epoch = null, attempt = attempt - 1
   where no in (select no from callbacks where epoch = any(epochs) and state = 'claimed' order by no for update);
end $$;

create function join(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  missed bigint[];
  joined bigint;
begin
  insert into nodes (node, lease_ends_at) values (c->>'node', lease_end(judged_at, c->'leaseMs'))
    returning epoch into joined;
  if c ? 'moves' then
    missed := array(
      select epoch from nodes where (node = c->>'node' or epoch = (c->>'moves')::bigint) and epoch <> joined
       order by epoch for update);
    update nodes set over = true where epoch = any(missed);
    update mailboxes set epoch = joined
     where receiver_id in (
       select receiver_id from mailboxes where epoch = any(missed) and state = 'open' order by receiver_id for update);
    perform give_back(missed);
  end if;
  return jsonb_build_object('epoch', joined);
end $$;

-- One that lapsed is not marked as over: perhaps nobody could reach the store, and what nobody has taken can be moved.
create function renew(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  update nodes set lease_ends_at = lease_end(judged_at, c->'leaseMs')
   where epoch = (c->>'epoch')::bigint and not over and lease_ends_at > judged_at;
  return to_jsonb(found);
end $$;

create function leave(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  left_epoch constant bigint := (c->>'epoch')::bigint;
  leftovers jsonb;
begin
  if not is_live(left_epoch, judged_at) then return '[]'; end if;
  update nodes set over = true where epoch = left_epoch;
  perform from mailboxes where epoch = left_epoch and state = 'open' order by receiver_id for update;
  -- One that has expired stays expired, and is for a sweep to tell of.
  with closed as (
    update mailboxes set state = 'closed', ended_at = now
     where epoch = left_epoch and state = 'open' and (expires_at is null or expires_at > now)
    returning receiver_id, unread)
  select jsonb_agg(jsonb_build_object('receiverId', receiver_id, 'unread', unread) order by receiver_id)
    into leftovers from closed where unread > 0;
  perform give_back(array[left_epoch]);
  return coalesce(leftovers, '[]');
end $$;

-- What is locked is left for the next time. Only what is set aside touches its mailbox.
create function take_over_callbacks(c jsonb, most bigint, out count bigint, out receiver_ids text[])
language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  max_crashes constant integer := (c->>'maxCrashes')::integer;
  lost record;
  box mailboxes;
begin
  with taken as (
    update callbacks set state = 'ready', epoch = null, crashes = crashes + 1
     -- In a list, which is made once: a plan may carry 'in' out again for each row, and the limit with it.
     where no = any(array(
       select no from callbacks
        where epoch in (select epoch from nodes where over) and state = 'claimed' and crashes + 1 < max_crashes
        limit most for update skip locked))
    returning receiver)
  select count(*), coalesce(array_agg(distinct r.id), '{}') into count, receiver_ids
    from taken t join receivers r on r.no = t.receiver;
  for lost in
    select h.no, h.receiver, h.grp, r.id as receiver_id from callbacks h join receivers r on r.no = h.receiver
     where h.epoch in (select epoch from nodes where over) and h.state = 'claimed' and h.crashes + 1 >= max_crashes
     order by r.id, h.no limit most - count
  loop
    select * into box from mailboxes where receiver_id = lost.receiver_id for update skip locked;
    continue when not found;
    update callbacks
       set state = 'failed', epoch = null, ended_at = now, crashes = crashes + 1, reason = 'crashes',
           error = about_crashes(c->'callbackError', crashes + 1)
     where no = lost.no and state = 'claimed' and epoch in (select epoch from nodes where over);
    continue when not found;
    count := count + 1;
    update mailboxes set unread = unread - 1, failed = failed + 1 where receiver_id = lost.receiver_id;
    if advance_group(lost.receiver, lost.grp) then receiver_ids := receiver_ids || lost.receiver_id; end if;
  end loop;
end $$;

-- An error that names how many there were, between these two parts of it.
create function about_crashes(parts jsonb, crashes integer) returns text language sql immutable
  return (parts->>0) || crashes || (parts->>1);

create function take_over_runs(c jsonb, most bigint) returns bigint language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  lost runs;
  count bigint := 0;
begin
  for lost in
    select * from runs where epoch in (select epoch from nodes where over) and status = 'running'
     order by no limit most for update skip locked
  loop
    count := count + 1;
    if lost.crashes + 1 < (c->>'maxCrashes')::integer then
      update runs set status = 'due', epoch = null, crashes = crashes + 1, due_at = now where no = lost.no;
    else
      update runs
         set status = 'failed', epoch = null, crashes = crashes + 1, ended_at = now, result_type = 'error',
             result = convert_to(about_crashes(c->'runError', crashes + 1), 'utf8')
       where no = lost.no;
      perform resume(lost.id, now);
    end if;
  end loop;
  return count;
end $$;

create function take_over(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  room bigint := (c->>'limit')::bigint;
  found_callbacks bigint;
  found_ids text[];
  found_runs bigint;
  found_lanes text[];
begin
  update nodes set over = true
   where epoch = any(array(
     select epoch from nodes where not over and lease_ends_at <= judged_at for update skip locked));
  select count, receiver_ids into found_callbacks, found_ids from take_over_callbacks(c, room);
  room := room - found_callbacks;
  found_runs := take_over_runs(c, room);
  room := room - found_runs;
  with given_back as (
    update deliveries set status = 'due', epoch = null
     where no = any(array(
       select no from deliveries where epoch in (select epoch from nodes where over) and status = 'sending'
        limit room for update skip locked))
    returning lane
  )
  select coalesce(array_agg(lane), '{}') into found_lanes from given_back;
  perform look_for_leaving(found_lanes);
  return jsonb_build_object(
    'callbacks', found_callbacks, 'deliveries', cardinality(found_lanes), 'runs', found_runs,
    'receiverIds', array(select distinct id from unnest(found_ids) id));
end $$;

create function count_due(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
begin
  -- In order, so that they are found in the index that is in that order, and not in one of each receiver's or lane's.
  return to_jsonb(
    (select count(*) from (select from callbacks where state = 'delayed' and due_at <= now order by due_at) due)
    + (select count(*) from (select from deliveries where status = 'due' and due_at <= now order by due_at) due)
    + count_due_runs(now));
end $$;
`
