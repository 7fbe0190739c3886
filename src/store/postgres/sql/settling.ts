// The ends of hand-outs: acknowledged, given back, set aside; and what becomes of those set aside.

export const SETTLING = `
-- The callback of a claim that is still true, locked.
create function held_callback(claim jsonb, judged_at bigint) returns callbacks language plpgsql volatile as $$
declare
  held callbacks;
begin
  if not is_live((claim->>'epoch')::bigint, judged_at) then return null; end if;
  select c.* into held from callbacks c
   where c.id = claim->>'callbackId' and c.state = 'claimed'
     and c.epoch = (claim->>'epoch')::bigint and c.fence = (claim->>'fence')::integer
     and c.receiver = (select receiver from mailboxes where receiver_id = claim->>'receiverId')
     for update;
  return held;
end $$;

create function acknowledge(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  claim jsonb;
  held callbacks;
  box mailboxes;
  is_of_nobody boolean;
  done boolean[] := '{}';
  receiver_ids text[] := '{}';
begin
  for claim in select value from jsonb_array_elements(c->'claims') loop
    held := held_callback(claim, judged_at);
    done := done || (held.no is not null);
    continue when held.no is null;
    update callbacks set state = 'done', epoch = null, ended_at = now where no = held.no;
    update mailboxes set unread = unread - 1 where receiver_id = claim->>'receiverId' returning * into box;
    if held.remembers then perform end_scope(held.id, now); end if;
    -- Who waits for the answer of an exchange is told that it was handled, whatever came beside it.
    is_of_nobody := box.keyless and box.epoch is null;
    if advance_group(held.receiver, held.grp)
       or ((box.unread = 0 or is_of_nobody) and state_of(box, now) <> 'open') then
      receiver_ids := receiver_ids || box.receiver_id;
    end if;
  end loop;
  return jsonb_build_object(
    'done', done, 'receiverIds', array(select distinct id from unnest(receiver_ids) id));
end $$;

create function release(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  how constant text := c->>'as';
  held callbacks := held_callback(c->'claim', judged_at);
begin
  if held.no is null then return to_jsonb(false); end if;
  update callbacks
     set state = case when c ? 'dueAt' then 'delayed' else 'ready' end, epoch = null, due_at = instant(c->'dueAt'),
         attempt = attempt - (how = 'uncounted')::integer,
         failures = failures + (how = 'failure')::integer,
         crashes = case when how = 'uncounted' then crashes else 0 end
   where no = held.no;
  return to_jsonb(true);
end $$;

create function reclaim(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  count integer;
begin
  if not is_live((c->>'epoch')::bigint, judged_at) then return to_jsonb(0); end if;
  update callbacks set state = 'ready', epoch = null, attempt = attempt - 1
   where epoch = (c->>'epoch')::bigint and state = 'claimed'
     and receiver = (select receiver from mailboxes where receiver_id = c->>'receiverId')
     and id not in (select jsonb_array_elements_text(c->'held'));
  get diagnostics count = row_count;
  return to_jsonb(count);
end $$;

create function give_up(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  held callbacks := held_callback(c->'claim', judged_at);
begin
  if held.no is null then return to_jsonb(false); end if;
  update callbacks
     set state = 'failed', epoch = null, ended_at = (c->>'now')::bigint, reason = c->>'reason', error = c->>'error',
         blames = c->'blames'
   where no = held.no;
  update mailboxes set unread = unread - 1, failed = failed + 1 where receiver_id = c->'claim'->>'receiverId';
  perform advance_group(held.receiver, held.grp);
  return to_jsonb(true);
end $$;

create function list_failed(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  return coalesce((
    select jsonb_agg(
             callback_json(f, c->>'receiverId')
               || jsonb_build_object('attempt', f.attempt, 'reason', f.reason, 'error', f.error)
             order by f.seq)
      from (select * from callbacks
             where receiver = (select receiver from mailboxes where receiver_id = c->>'receiverId')
               and state = 'failed' and seq > coalesce((c->>'after')::bigint, 0)
             order by seq limit (c->>'limit')::bigint) f), '[]');
end $$;

-- A callback that is among the failed, locked.
create function failed_callback(c jsonb) returns callbacks language plpgsql volatile as $$
declare
  failed callbacks;
begin
  select * into failed from callbacks
   where id = c->>'callbackId' and state = 'failed'
     and receiver = (select receiver from mailboxes where receiver_id = c->>'receiverId')
     for update;
  return failed;
end $$;

create function retry_failed(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  retried callbacks := failed_callback(c);
  forgotten jsonb;
begin
  if retried.no is null then return to_jsonb(false); end if;
  if retried.remembers then forgotten := forget_failures(retried.id, retried.blames, (c->>'now')::bigint); end if;
  -- Queued at first: its group may have gone on without it.
  update callbacks
     set state = case when grp is null then 'ready' else 'queued' end, failures = 0, crashes = 0, reason = null,
         error = null, ended_at = null, blames = null,
         remembers = remembers and not (forgotten->>'isAllForgotten')::boolean
   where no = retried.no returning * into retried;
  update mailboxes set unread = unread + 1, failed = failed - 1 where receiver_id = c->>'receiverId';
  if retried.grp is not null then
    retried.state := 'ready';
    perform enter_group(retried, retried.grp);
  end if;
  return to_jsonb(true);
end $$;

create function discard_failed(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  discarded callbacks := failed_callback(c);
begin
  if discarded.no is null then return to_jsonb(false); end if;
  update callbacks set state = 'discarded', ended_at = now where no = discarded.no;
  update mailboxes set failed = failed - 1 where receiver_id = c->>'receiverId';
  if discarded.remembers then perform end_scope(discarded.id, now); end if;
  return to_jsonb(true);
end $$;
`
