// Letting go of what retention no longer keeps.
//
//   W1. Each part touches at most the limit, found through an index by when it ended, and says whether it stopped there.
//   W2. It waits for nobody: what another node has locked at that moment is left for the next sweep. So it may look in any
//       order, and hold what it found while it looks for more.
//   W3. Rows go many at a time, in one statement for each table.
//   W4. What was found once is looked up by its number ever after: where a condition of it would suggest an index of all that
//       meet it, 'is true' keeps that index out of the plan.

/** A transaction of an epoch that is over has ended by then: nothing will be held under it that was not held already. */
const LAST_COMMIT_MS = 60_000

export const SWEEPING = `
-- Those of the targets whose waits nobody else has in hand: the runs that are parked for them are locked. The targets are locked
-- already, so nobody parks for them meanwhile.
create function wakeable(targets text[]) returns text[] language plpgsql volatile as $$
declare
  parked bigint[] := array(select distinct run from waits where target = any(targets));
  locked bigint[];
begin
  if parked = '{}' then return targets; end if;
  locked := array(select no from runs where no = any(parked) order by no for update skip locked);
  return array(
    select target from unnest(targets) target
     where not exists (select from waits w where w.target = target.target and w.run <> all(locked)));
end $$;

-- Those of the scopes that can end without waiting: everything that their end changes is locked.
create function endable(scopes text[]) returns text[] language plpgsql volatile as $$
declare
  boxes text[];
  others bigint[];
  sent bigint[];
begin
  if scopes = '{}' then return scopes; end if;
  boxes := array(select receiver_id from mailboxes where scope = any(scopes) order by receiver_id for update skip locked);
  others := array(
    select no from runs where no in (select run from memories where scope = any(scopes) and run is not null)
     order by no for update skip locked);
  sent := array(select no from deliveries where scope = any(scopes) order by no for update skip locked);
  return array(
    select s.id from unnest(scopes) s (id)
     where not exists (select from mailboxes m where m.scope = s.id and m.receiver_id <> all(boxes))
       and not exists (select from memories m where m.scope = s.id and m.run is not null and m.run <> all(others))
       and not exists (select from deliveries d where d.scope = s.id and d.no <> all(sent)));
end $$;

-- Receivers, locked, that the clock or the loss of their node has ended.
create function end_by_themselves(ids text[], now bigint) returns void language plpgsql volatile as $$
declare
  ending text[] := wakeable(ids);
begin
  update mailboxes m set state = state_of(m, now), ended_at = now, untold = true where receiver_id = any(ending);
  perform resume(receiver_id, now) from mailboxes where receiver_id = any(ending) and scope is not null;
end $$;

create function sweep_ends(now bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  expired text[];
  lost text[];
begin
  expired := array(
    select receiver_id from mailboxes where state = 'open' and expires_at <= now
     order by expires_at limit most + 1 for update skip locked);
  perform end_by_themselves(expired[:most], now);
  lost := array(
    select m.receiver_id from nodes n join mailboxes m on m.epoch = n.epoch
     where n.over and m.state = 'open' limit most + 1 for update of m skip locked);
  perform end_by_themselves(lost[:most], now);
  return cardinality(expired) > most or cardinality(lost) > most;
end $$;

-- What retention keeps from the end of a receiver, it keeps from when that was told.
create function tell_ends(now bigint, most integer, out told jsonb, out more boolean) language plpgsql volatile as $$
declare
  untold_ids text[] := array(select receiver_id from mailboxes where untold limit most + 1 for update skip locked);
begin
  more := cardinality(untold_ids) > most;
  with ended as (
    update mailboxes set untold = false, ended_at = now
     where receiver_id = any(untold_ids[:most]) returning receiver_id, receiver, unread
  )
  select coalesce(jsonb_agg(present(
           jsonb_build_object('receiverId', e.receiver_id, 'key', r.key, 'unread', e.unread))), '[]')
    into told from ended e join receivers r on r.no = e.receiver;
end $$;

-- What nobody read of receivers that ended; what somebody holds stays in their hands.
create function sweep_unread(ended_by bigint, now bigint, most integer, out dropped text[], out more boolean)
language plpgsql volatile as $$
declare
  boxes text[];
  found_nos bigint[];
  scopes text[];
  ended_scopes text[];
begin
  boxes := array(
    select receiver_id from mailboxes m
     where ended_at <= ended_by and scope is null and not untold and emptied is distinct from ended_at and unread > 0
       -- 'exists' may be answered with a list of all that there are.
       and ((select true from callbacks c where c.receiver = m.receiver and c.state = 'ready' limit 1)
            or (select true from callbacks c where c.receiver = m.receiver and c.state = 'delayed' limit 1)
            or (select true from callbacks c where c.receiver = m.receiver and c.state = 'queued' limit 1))
     order by ended_at limit most + 1 for update skip locked);
  found_nos := array(
    select c.no from mailboxes m
     cross join lateral (
       (select no from callbacks where receiver = m.receiver and state = 'ready' order by seq limit most + 1)
       union all
       (select no from callbacks where receiver = m.receiver and state = 'delayed' order by due_at, seq limit most + 1)
       union all
       (select no from callbacks where receiver = m.receiver and state = 'queued' order by grp, seq limit most + 1)
     ) c
     where m.receiver_id = any(boxes[:most]) limit most + 1);
  more := cardinality(boxes) > most or cardinality(found_nos) > most;
  found_nos := found_nos[:most];
  scopes := array(select id from callbacks where no = any(found_nos) and remembers);
  ended_scopes := endable(scopes);
  perform end_scope(id, now) from unnest(ended_scopes) id;

  with gone as (
    delete from callbacks where no = any(found_nos) and (not remembers or id = any(ended_scopes)) returning receiver
  ), counted as (
    update mailboxes m set unread = m.unread - g.count
      from (select receiver, count(*) as count from gone group by receiver) g
     where m.receiver_id = any(boxes) and m.receiver = g.receiver
    returning m.receiver_id, g.count
  )
  select coalesce(array_agg(receiver_id), '{}') into dropped from counted cross join generate_series(1, count);

  -- What is empty is looked at once, however long it is kept: nothing can come into it until it is opened again.
  boxes := array(
    select receiver_id from mailboxes
     where ended_at <= ended_by and scope is null and not untold and emptied is distinct from ended_at
       and unread = 0 and failed = 0
     order by ended_at limit most + 1 for update skip locked);
  more := more or cardinality(boxes) > most;
  update mailboxes set emptied = ended_at where receiver_id = any(boxes[:most]);
end $$;

-- Callbacks that were handled, discarded or set aside.
create function sweep_handled(ended_by bigint, now bigint, most integer, out dropped text[], out more boolean)
language plpgsql volatile as $$
declare
  found_nos bigint[];
  -- Receivers, locked, whose failed ones can go.
  owners bigint[];
  ended_scopes text[];
begin
  found_nos := array(
    select no from callbacks where ended_at <= ended_by order by ended_at limit most + 1 for update skip locked);
  more := cardinality(found_nos) > most;
  found_nos := found_nos[:most];
  owners := array(
    select m.receiver from mailboxes m join receivers r on r.id = m.receiver_id
     where r.no in (select receiver from callbacks where no = any(found_nos) and (state = 'failed') is true)
     order by m.receiver_id for update of m skip locked);
  ended_scopes := endable(array(
    select id from callbacks
     where no = any(found_nos) and (state = 'failed') is true and remembers and receiver = any(owners)));
  perform end_scope(id, now) from unnest(ended_scopes) id;

  with gone as (
    delete from callbacks
     where no = any(found_nos)
       and (state <> 'failed' or receiver = any(owners) and (not remembers or id = any(ended_scopes)))
    returning receiver, state
  ), counted as (
    update mailboxes m set failed = m.failed - g.count
      from (select receiver, count(*) as count from gone where state = 'failed' group by receiver) g
      join receivers r on r.no = g.receiver
     where m.receiver_id = r.id
    returning m.receiver_id, g.count
  )
  select coalesce(array_agg(receiver_id), '{}') into dropped from counted cross join generate_series(1, count);
end $$;

-- By what repeated requests were known, and what senders were told; keyless receivers that hold nothing any more.
create function sweep_receivers(ended_by bigint, now bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  found_dedupes dedupes[];
  found_answers text[];
  boxes mailboxes[];
begin
  found_dedupes := array(
    select d from dedupes d where until <= now order by until limit most + 1 for update skip locked);
  delete from dedupes d using unnest(found_dedupes[:most]) f
   where d.receiver = f.receiver and d.delivery_id = f.delivery_id;
  found_answers := array(
    select callback_id from answers where until <= now order by until limit most + 1 for update skip locked);
  delete from answers where callback_id = any(found_answers[:most]);
  boxes := array(
    select m from mailboxes m
     where ended_at <= ended_by and keyless and unread = 0 and failed = 0 and not untold and scope is null
       -- The key of an exchange holds as long as its answer. 'exists' may be answered with a list of all that there are.
       and (select true from exchanges e join callbacks c on c.id = e.answer where e.receiver = m.receiver limit 1) is null
     order by ended_at limit most + 1 for update skip locked);
  delete from mailboxes m using unnest(boxes[:most]) b where m.receiver_id = b.receiver_id;
  delete from receivers r using unnest(boxes[:most]) b where r.no = b.receiver;
  delete from exchanges e using unnest(boxes[:most]) b where e.receiver = b.receiver;
  return cardinality(found_dedupes) > most or cardinality(found_answers) > most or cardinality(boxes) > most;
end $$;

-- The scope of a run that had failed ends with it.
create function sweep_runs(ended_by bigint, now bigint, most integer) returns boolean language plpgsql volatile as $$
declare
  found_runs bigint[];
  failed_ids text[];
  ended_scopes text[];
begin
  found_runs := array(
    select no from runs where ended_at <= ended_by and remembered = 0
     order by ended_at limit most + 1 for update skip locked);
  failed_ids := array(select id from runs where no = any(found_runs[:most]) and (status = 'failed') is true);
  ended_scopes := endable(failed_ids);
  perform end_scope(id, now) from unnest(ended_scopes) id;
  with gone as (
    delete from runs where no = any(found_runs[:most]) and (status <> 'failed' or id = any(ended_scopes)) returning no
  )
  delete from inputs where run in (select no from gone);
  return cardinality(found_runs) > most;
end $$;

create function sweep_nodes(judged_at bigint) returns void language sql volatile
begin atomic
  delete from nodes
   where epoch = any(array(
     select epoch from nodes n
      where over and lease_ends_at <= judged_at - ${LAST_COMMIT_MS}
        and not exists (select from callbacks c where c.epoch = n.epoch and c.state = 'claimed')
        and not exists (select from deliveries d where d.epoch = n.epoch and d.status = 'sending')
        and not exists (select from runs r where r.epoch = n.epoch and r.status = 'running')
        and not exists (select from mailboxes m where m.epoch = n.epoch and m.state = 'open')
        for update skip locked));
end;

create function sweep(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now bigint := (c->>'now')::bigint;
  most integer := (c->>'limit')::integer;
  callbacks_until bigint := now - (c->>'callbacksMs')::bigint;
  more boolean;
  told record;
  unread record;
  handled record;
  expired record;
  unsubscribed record;
  troubled record;
begin
  more := sweep_ends(now, most);
  told := tell_ends(now, most);
  unread := sweep_unread(callbacks_until, now, most);
  handled := sweep_handled(callbacks_until, now, most);
  more := sweep_receivers(now - (c->>'keylessMs')::bigint, now, most) or more;
  expired := expire_deliveries(now, most);
  unsubscribed := sweep_left_lanes(now, most);
  troubled := sweep_troubled_lanes(now, (c->>'failingMs')::bigint, most);
  more := sweep_idle_lanes(now, most) or more;
  more := strip_messages(now - (c->>'bodiesMs')::bigint, most) or more;
  more := sweep_messages(now - (c->>'messagesMs')::bigint, most) or more;
  more := sweep_runs(now - (c->>'runsMs')::bigint, now, most) or more;
  perform sweep_nodes(judged_at);
  return jsonb_build_object(
    'ended', told.told,
    'dropped', (
      select coalesce(jsonb_agg(jsonb_build_object('receiverId', id, 'callbacks', count)), '[]')
        from (select id, count(*) as count from unnest(unread.dropped || handled.dropped) id group by id) dropped),
    'expiredDeliveryIds', to_jsonb(expired.ids),
    'unsubscribedDeliveryIds', to_jsonb(unsubscribed.ids),
    'lanes', troubled.lanes,
    'more', more or told.more or unread.more or handled.more or expired.more or unsubscribed.more or troubled.more);
end $$;
`
