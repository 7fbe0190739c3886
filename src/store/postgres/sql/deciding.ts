import { FIND_KNOWN } from './memories.js'

// How waits end, and the races with them.

export const DECIDING = `
create function with_deadline(wait jsonb, deadline_at jsonb, race jsonb) returns jsonb language sql stable
  return case
    when deadline_at is null then wait
    when race is null then wait || jsonb_build_object('deadlineAt', deadline_at)
    else wait || jsonb_build_object('deadlineAt', deadline_at, 'within', race)
  end;

-- A wait that has not ended, as it is to be remembered from now on (src/model/wait-memory.ts); null where another verb is
-- remembered, or an exchange that has not begun, or is to be sent again first.
create function wait_of(c jsonb, known jsonb) returns jsonb language plpgsql immutable as $$
declare
  verb text := c->>'verb';
  -- Only the waits of a receiver, a delivery or a run have numbers to give back.
  race jsonb := case when verb = 'wait' then c#>'{decides,0,at}' end;
  given jsonb := c->'deadlineAt';
begin
  if known is null then
    if verb = 'exchange' then return null; end if;
    return with_deadline(jsonb_build_object('verb', verb), given, race);
  end if;
  if known->>'verb' <> verb or not has_begun(known) or is_to_resend(known) then return null; end if;
  if not (c->>'anew')::boolean and known->'within' is not distinct from race then
    given := coalesce(known->'deadlineAt', given);
  end if;
  return with_deadline(known - 'deadlineAt' - 'within', given, race);
end $$;

-- The verb at which a cancellation is thrown; null where something else is remembered, or an end.
create function cancelled_at(known jsonb, verb text, ending jsonb) returns jsonb language sql stable
  return case
    when known is null then jsonb_build_object('verb', verb, 'end', ending)
    when known->>'verb' = verb and verb in ('wait', 'sleep', 'exchange') and has_begun(known) and not known ? 'end'
      then known || jsonb_build_object('end', ending)
  end;

-- Whether one of these races was decided.
create function is_raced(scope_id text, decides jsonb) returns boolean language plpgsql volatile as $$
begin
  return exists (
    select from jsonb_array_elements(decides) race, memories m
     where m.scope = scope_id and m.part = race#>>'{at,part}' and m.key = race#>>'{at,key}'
       and m.n = (race#>>'{at,n}')::integer);
end $$;

create function put_memory(known memories, scope_id text, at jsonb, facts_now jsonb, bytes_now bytea, size_now integer)
  returns boolean language plpgsql volatile as $$
begin
  if known.scope is null then
    return add_memory(scope_id, at, facts_now, bytes_now, size_now);
  end if;
  update memories set facts = facts_now, bytes = bytes_now, size = size_now
   where scope = known.scope and ordinal = known.ordinal;
  return found;
end $$;

-- Remembers the races that the end of a wait decides, the innermost first: each is won by the wait, or by the race within
-- it. One that is not decided decides none around it.
create function decide_races(scope_id text, at jsonb, ended_as text, decides jsonb) returns void
  language plpgsql volatile as $$
declare
  race jsonb;
  decided_by jsonb := at;
begin
  for race in select value from jsonb_array_elements(decides) loop
    exit when not race->'wins' ? ended_as;
    perform add_memory(scope_id, race->'at',
      jsonb_build_object('verb', race->'verb', 'winner', race->'branch', 'by', decided_by));
    decided_by := race->'at';
  end loop;
end $$;

-- Does to the target what the end of the wait means for it. A callback: the one that ended it.
create function settle_target(scope_id text, target jsonb, ended_as text, now bigint) returns callbacks
  language plpgsql volatile as $$
declare
  box mailboxes;
  taken callbacks;
  done boolean;
begin
  if target ? 'receiverId' and ended_as in ('callback', 'dead') then box := own_mailbox(scope_id, target); end if;
  if ended_as = 'callback' then taken := take_oldest(box); end if;
  if target->>'type' = 'exchange' then
    if box.receiver_id is not null then
      done := close_answered(box, now, read_now => (ended_as = 'callback')::integer);
    end if;
    if ended_as in ('callback', 'timed_out') then
      done := cancel_delivery_of(target->>'deliveryId', now);
    end if;
  elsif ended_as = 'callback' then
    update mailboxes set unread = unread - 1 where receiver_id = box.receiver_id;
  end if;
  return taken;
end $$;

create function decide(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  now bigint := (c->>'now')::bigint;
  target jsonb := c->'target';
  known memories;
  wait jsonb;
  ending jsonb;
  taken callbacks;
  bytes bytea;
  done boolean;
begin
  if scope.id is null then return '{"type": "lost"}'; end if;
  ${FIND_KNOWN}
  if known.facts ? 'end' then
    return memory_json(known, now) - 'facts' - 'receiver'
      || jsonb_build_object('type', 'ended', 'end', known.facts->'end');
  end if;
  if c->'decides' <> '[]' and is_raced(scope.id, c->'decides') then return '{"type": "raced"}'; end if;
  wait := wait_of(c, known.facts);
  if wait is null then
    raise exception 'No % can end there', c->>'verb' using errcode = 'LL002';
  end if;

  ending := look(scope.id, target, now);
  if ending is null and (wait->>'deadlineAt')::numeric <= now then ending := '{"type": "timed_out"}'; end if;
  if ending is null then
    perform keep_waiting(scope, c->'at', known, wait);
    return present(jsonb_build_object('type', 'waiting', 'deadlineAt', wait->'deadlineAt',
      'lookAgainAt', next_look(target, wait->'deadlineAt', now)));
  end if;

  taken := settle_target(scope.id, target, ending->>'type', now);
  if taken.no is not null then
    ending := jsonb_build_object('type', 'callback',
      'callback', jsonb_build_object('id', taken.id, 'receiverId', target->'receiverId'));
  elsif ending ? 'result' then
    select result into bytes from runs where id = target->>'runId';
  end if;
  done := put_memory(known, scope.id, c->'at', wait || jsonb_build_object('end', ending), bytes,
    coalesce(octet_length(bytes), octet_length(taken.body), 0));
  if c->'decides' <> '[]' then perform decide_races(scope.id, c->'at', ending->>'type', c->'decides'); end if;
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  return present(jsonb_build_object('type', 'ended', 'end', ending, 'bytes', to_text(bytes), 'callback',
    case when taken.no is not null then callback_json(taken, target->>'receiverId') end));
end $$;

-- Writes down what has changed of a wait that has not ended: its deadline.
create function keep_waiting(scope entered, at jsonb, known memories, wait jsonb) returns void
  language plpgsql volatile as $$
begin
  if wait->'deadlineAt' is not distinct from known.facts->'deadlineAt' then return; end if;
  if known.scope is not null and not wait ? 'deadlineAt' and wait->>'verb' <> 'exchange' then
    delete from memories m where m.scope = known.scope and m.ordinal = known.ordinal;
  else
    perform put_memory(known, scope.id, at, wait, null, 0);
  end if;
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
end $$;

create function throw_cancel(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  known memories;
  cancelled jsonb;
begin
  if scope.cancellation is distinct from 'requested' or is_raced(scope.id, c->'decides') then return 'false'; end if;
  ${FIND_KNOWN}
  cancelled := cancelled_at(known.facts, c->>'verb',
    present(jsonb_build_object('type', 'cancel', 'reason', scope.cancel_reason)));
  if cancelled is null then return 'false'; end if;
  perform put_memory(known, scope.id, c->'at', cancelled, null, 0);
  perform decide_races(scope.id, c->'at', 'cancel', c->'decides');
  update runs set cancellation = 'thrown' where no = scope.no;
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  return 'true';
end $$;
`
