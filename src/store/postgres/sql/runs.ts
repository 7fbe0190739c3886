import { isEnteredBy } from './common.js'
import { PARKING } from './parking.js'
import { RUN_QUEUE } from './run-queue.js'
import { RUN_ROWS } from './run-rows.js'

// How runs begin and end. Who enters what is due is `run-queue`.

const RUN_ENDS = `
create function start_run(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now bigint := (c->>'now')::bigint;
  scope entered;
  known memories;
  run runs;
begin
  if c ? 'in' then
    scope := enter(c#>'{in,entry}', judged_at);
    if scope.id is null then return '{"type": "lost"}'; end if;
  end if;
  if c ? 'acknowledges' and (entered_callback(c->'acknowledges', judged_at)).id is null then
    return '{"type": "lost"}';
  end if;
  if scope.id is not null then known := find_memory(scope.id, c#>'{in,at}'); end if;
  if known.scope is not null and (known.facts->>'verb' <> 'start' or not has_begun(known.facts)) then
    return known_json(known, now);
  end if;

  if known.scope is null then
    run := find_or_insert_run(c, now);
  else
    select * into strict run from runs where id = known.facts->>'runId';
  end if;
  if scope.id is not null and known.scope is null then
    perform add_memory(scope.id, c#>'{in,at}',
      jsonb_build_object('verb', 'start', 'runId', run.id, 'workflow', run.workflow, 'key', run.key),
      a_run => run.no);
    update runs set remembered = remembered + 1 where no = run.no;
    if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  end if;
  -- Last: the callback may be the scope itself.
  if c ? 'acknowledges' then
    perform acknowledge(jsonb_build_object('claims', jsonb_build_array(c->'acknowledges'), 'now', now), judged_at);
  end if;
  -- Who has just brought an input need not be told it.
  if run.id = c->>'runId' then
    return jsonb_build_object('type', 'started', 'run', run_json(run, null), 'created', true);
  end if;
  return jsonb_build_object('type', 'started', 'run', run_json(run, input_of(run)), 'created', false);
end $$;

-- The run with that key; a new one, if there is none.
create function find_or_insert_run(c jsonb, now bigint) returns runs language plpgsql volatile as $$
declare
  run runs;
begin
  with made as (
    insert into runs (id, workflow, key, started_at, due_at)
    values (
      c->>'runId', c->>'workflow', c->>'key', greatest(now, instant(c->'dueAt')), instant(c->'dueAt'))
        on conflict (workflow, key) do nothing
    returning *
  ), kept as (
    insert into inputs (run, input) select made.no, decode(c->>'input', 'base64') from made
  )
  select * into run from made;
  if not found then
    select * into strict run from runs where workflow = c->>'workflow' and key = c->>'key';
  end if;
  return run;
end $$;

create function end_run(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  claim constant jsonb := c->'claim';
  now constant bigint := (c->>'now')::bigint;
  ending constant jsonb := c->'end';
  is_again constant boolean := ending->>'status' = 'due';
  done boolean;
begin
  update runs r
     set status = ending->>'status', epoch = null, crashes = 0, failures = failures + is_again::integer,
         due_at = case
           when not is_again then due_at
           -- A cancellation is not put off.
           when cancellation = 'requested' then least(instant(ending->'dueAt'), now)
           else instant(ending->'dueAt') end,
         ended_at = case when not is_again then now end,
         result_type = ending#>>'{result,type}', result = decode(ending#>>'{result,bytes}', 'base64'),
         blames = ending->'blames'
    from nodes n
   where n.epoch = r.epoch and ${isEnteredBy('claim')};
  if not found then return 'false'; end if;
  if is_again then return 'true'; end if;
  if ending->>'status' <> 'failed' then done := end_scope(claim->>'runId', now); end if;
  done := resume(claim->>'runId', now);
  return 'true';
end $$;

create function release_run(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  run entered := entered_run(c->'claim', judged_at);
begin
  if run.id is null then return 'false'; end if;
  update runs set status = 'due', epoch = null, attempt = attempt - 1 where no = run.no;
  return 'true';
end $$;

create function reclaim_runs(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  reclaimed integer;
begin
  if not is_live((c->>'epoch')::bigint, judged_at) then return '0'; end if;
  with unheld as (
    select no from runs
     where epoch = (c->>'epoch')::bigint and status = 'running'
       and id not in (select jsonb_array_elements_text(c->'held'))
     order by no for update
  )
  update runs set status = 'due', epoch = null, attempt = attempt - 1 from unheld where runs.no = unheld.no;
  get diagnostics reclaimed = row_count;
  return to_jsonb(reclaimed);
end $$;

create function retry_run(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now bigint := (c->>'now')::bigint;
  run runs;
  forgotten jsonb;
begin
  select * into run from runs where id = c->>'runId' and status = 'failed' for update;
  if not found then return 'false'; end if;
  forgotten := forget_failures(run.id, run.blames, now);
  update runs
     set status = 'due', due_at = now, failures = 0, crashes = 0, ended_at = null, result_type = null, result = null,
         blames = null,
         cancellation = case when (forgotten->>'isCancelForgotten')::boolean then 'requested' else cancellation end
   where no = run.no;
  return 'true';
end $$;

create function cancel_run(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now bigint := (c->>'now')::bigint;
  asked runs;
begin
  select * into asked from runs
   where id = c->>'runId' and (status = 'failed' or ended_at is null and cancellation = 'none') for update;
  if not found then return 'false'; end if;
  if asked.status = 'failed' or asked.fence = 0 then
    update runs
       set status = 'cancelled', cancellation = case cancellation when 'none' then 'requested' else cancellation end,
           cancel_reason = coalesce(c->>'reason', cancel_reason), ended_at = now, blames = null
     where no = asked.no;
    perform end_scope(asked.id, now);
    perform resume(asked.id, now);
    return 'true';
  end if;
  update runs
     set cancellation = 'requested', cancel_reason = c->>'reason',
         status = case status when 'parked' then 'due' else status end,
         due_at = case status when 'running' then due_at else now end
   where no = asked.no;
  if asked.status = 'parked' then delete from waits where run = asked.no; end if;
  return 'true';
end $$;
`

export const RUNS = [RUN_ROWS, RUN_QUEUE, PARKING, RUN_ENDS].join('\n')
