// What the functions behind the commands share. Each command is a function of its name: its input, as JSON, and the instant
// by which leases are judged (null: as far as anybody has seen); its outcome, as JSON. Bytes are in base64.
//
// What is called for its effect in every callback or entry is assigned to 'done', though nobody reads that: 'perform' is a
// statement, with all that goes with one.
//
// A function that locks looks afterwards: under read committed each of its statements sees what was committed before it.

/** Whether the run `r` is running under this claim, and the lease of its node `n` stands. */
export function isEnteredBy(claim: string): string {
  return `r.id = ${claim}->>'runId' and r.status = 'running'
     and r.epoch = (${claim}->>'epoch')::bigint and r.fence = (${claim}->>'fence')::integer
     and not n.over and (judged_at is null or n.lease_ends_at > judged_at)`
}

export const COMMON = `
-- The outcome without what is not there: JSON knows no undefined.
create function present(outcome jsonb) returns jsonb language sql immutable
  return jsonb_strip_nulls(outcome);

create function to_text(bytes bytea) returns text language sql immutable strict
  return replace(encode(bytes, 'base64'), E'\\n', '');

-- The last instant that a date can be; nothing is stored that could not be read back.
create function instant(given jsonb) returns bigint language sql immutable
  return case when given is not null then least(trunc((given #>> '{}')::numeric), 8640000000000000)::bigint end;

-- Whether whoever works under the epoch may still write.
create function is_live(an_epoch bigint, judged_at bigint) returns boolean language plpgsql volatile as $$
begin
  return exists (
    select from nodes where epoch = an_epoch and not over and (judged_at is null or lease_ends_at > judged_at));
end $$;

-- Whether somebody has found the epoch to be over.
create function is_over(an_epoch bigint) returns boolean language plpgsql stable as $$
begin
  return not exists (select from nodes where epoch = an_epoch and not over);
end $$;

-- The state at an instant: expiry and the loss of a node are facts, whether or not they were written down. A node is
-- lost when somebody has found it to be: that its lease ran out may only mean that nobody reached the store (H50).
create function state_of(box mailboxes, now bigint) returns text language sql stable
  return case
    when box.state <> 'open' then box.state
    when box.expires_at <= now then 'expired'
    when box.epoch is not null and is_over(box.epoch) then 'closed'
    else 'open'
  end;

-- The mailbox, locked.
create function lock_mailbox(id text) returns mailboxes language sql volatile
begin atomic
  select * from mailboxes where receiver_id = id for update;
end;

-- Writes down what the clock, or the loss of its node, has made of a receiver. The mailbox as it is then.
create function mark_end(box mailboxes, now bigint) returns mailboxes language plpgsql volatile as $$
declare
  found_state text := state_of(box, now);
begin
  if box.state = 'open' and found_state <> 'open' then
    update mailboxes set state = found_state, ended_at = now, untold = true
     where receiver_id = box.receiver_id returning * into box;
  end if;
  return box;
end $$;

-- A receiver as the library knows it (ReceiverRecord).
create function receiver_json(box mailboxes, now bigint) returns jsonb language sql stable
  return (
    select present(jsonb_build_object(
      'id', r.id, 'key', r.key, 'token', r.token, 'epoch', box.epoch, 'version', box.version,
      'state', state_of(box, now), 'openedAt', r.opened_at, 'expiresAt', box.expires_at, 'settings', r.settings))
      from receivers r where r.no = box.receiver
  );

-- A callback as the library knows it (CallbackRecord).
create function callback_json(c callbacks, receiver_id text) returns jsonb language sql stable
  return present(jsonb_build_object(
    'id', c.id, 'receiverId', receiver_id, 'seq', c.seq, 'deliveryId', c.delivery_id, 'receivedAt', c.received_at,
    'method', c.method, 'path', c.path, 'query', c.query, 'headers', c.headers, 'body', to_text(c.body)));

-- Something happened to a receiver, a delivery or a run: whoever is parked for it is due. Whether anybody was.
create function resume(what text, now bigint, died boolean default false) returns boolean language plpgsql volatile as $$
declare
  resumed constant bigint[] := array(select w.run from waits w where w.target = what and (died or not w.dead_only));
begin
  if resumed = '{}' then return false; end if;
  update runs set status = 'due', due_at = now where no = any(resumed);
  delete from waits where run = any(resumed);
  return true;
end $$;

-- The active one of a group is done with: the next becomes ready. Whether there was one.
create function advance_group(a_receiver bigint, a_group text) returns boolean language plpgsql volatile as $$
begin
  if a_group is null then return false; end if;
  update callbacks set state = 'ready', due_at = null
   where no = (select no from callbacks where receiver = a_receiver and grp = a_group and state = 'queued'
                order by seq limit 1);
  return found;
end $$;

-- The scope of an entry that is not over, null where it is. Its row is locked: a run's since the batch began (lockEntry).
create type entered as (
  kind text,
  id text,
  no bigint,
  crashes integer,
  -- Of a callback.
  remembers boolean,
  -- Of a run.
  cancellation text,
  cancel_reason text
);

create function entered_callback(claim jsonb, judged_at bigint) returns entered language plpgsql volatile as $$
declare
  scope entered;
begin
  select 'callback', c.id, c.no, c.crashes, c.remembers, null, null into scope
    from callbacks c join mailboxes m on m.receiver = c.receiver join nodes n on n.epoch = c.epoch
   where c.id = claim->>'callbackId' and m.receiver_id = claim->>'receiverId' and c.state = 'claimed'
     and c.epoch = (claim->>'epoch')::bigint and c.fence = (claim->>'fence')::integer
     and not n.over and (judged_at is null or n.lease_ends_at > judged_at)
     for update of c;
  if not found then return null; end if;
  return scope;
end $$;

create function entered_run(claim jsonb, judged_at bigint) returns entered language plpgsql volatile as $$
declare
  scope entered;
begin
  select 'run', r.id, r.no, r.crashes, null, r.cancellation, r.cancel_reason into scope
    from runs r join nodes n on n.epoch = r.epoch
   where ${isEnteredBy('claim')};
  if not found then return null; end if;
  return scope;
end $$;

create function enter(entry jsonb, judged_at bigint) returns entered language plpgsql volatile as $$
begin
  if entry->>'type' = 'run' then return entered_run(entry->'claim', judged_at); end if;
  return entered_callback(entry->'claim', judged_at);
end $$;

-- Something was written for its entry (S17). Of a run 'remembers' is null, and only its crashes are worth a call.
create function wrote(scope entered) returns void language plpgsql volatile as $$
begin
  if scope.kind = 'run' then
    update runs set crashes = 0 where no = scope.no;
  else
    update callbacks set remembers = true, crashes = 0 where no = scope.no;
  end if;
end $$;

-- What the scope owned is left to itself, and to retention; what it remembered is gone (S16).
create function end_scope(scope_id text, now bigint) returns boolean language plpgsql volatile as $$
begin
  with own as (
    -- Nothing but its expiry can have ended one of these without its being written down: they are nobody's but the scope's.
    update mailboxes
       set scope = null,
           untold = untold or state = 'open',
           ended_at = case when state = 'open' then now else ended_at end,
           state = case when state <> 'open' then state when expires_at <= now then 'expired' else 'closed' end
     where scope = scope_id returning receiver
  ), handled as (
    update callbacks c set state = 'done', ended_at = now from own where c.receiver = own.receiver and c.state = 'taken'
  ), sent as (
    update deliveries set scope = null where scope = scope_id
  ), forgotten as (
    delete from memories where scope = scope_id returning run
  )
  update runs r set remembered = remembered - f.times
    from (select run, count(*) as times from forgotten where run is not null group by run) f
   where r.no = f.run;
  return found;
end $$;
`
