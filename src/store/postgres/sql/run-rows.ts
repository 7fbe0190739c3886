export const RUN_ROWS = `
-- A run as the library knows it (RunRecord).
create function run_json(run runs, input bytea) returns jsonb language sql stable
  return present(jsonb_build_object(
    'id', run.id, 'workflow', run.workflow, 'key', run.key, 'status', run.status, 'input', to_text(input),
    'startedAt', run.started_at, 'attempt', run.attempt, 'failures', run.failures, 'cancellation', run.cancellation,
    'cancelReason', run.cancel_reason, 'endedAt', run.ended_at,
    -- While it is in an entry both are kept, for when it is given back as it was.
    'dueAt', case when run.status in ('due', 'parked') then run.due_at end,
    'result', case when run.result_type is not null and run.status not in ('running', 'parked') then
      jsonb_build_object('type', run.result_type, 'bytes', to_text(run.result)) end));

create function input_of(run runs) returns bytea language plpgsql stable as $$
begin
  return (select i.input from inputs i where i.run = run.no);
end $$;

-- The keys of what a run is parked for.
create function waits_of(a_run bigint) returns jsonb language plpgsql stable as $$
begin
  return (
    select coalesce(jsonb_agg(w.key order by w.no), '[]')
      from (select key, min(no) as no from waits where run = a_run group by key) w);
end $$;

create function run_summary(r runs, input bytea) returns jsonb language sql stable
  return run_json(r, input)
    || jsonb_build_object('waitingFor', case when r.status = 'parked' then waits_of(r.no) else '[]' end);

create function find_run(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  found_summary jsonb;
begin
  if c ? 'runId' then
    select run_summary(r, i.input) into found_summary from runs r join inputs i on i.run = r.no
     where r.id = c->>'runId';
  else
    select run_summary(r, i.input) into found_summary from runs r join inputs i on i.run = r.no
     where r.workflow = c->>'workflow' and r.key = c->>'key';
  end if;
  return found_summary;
end $$;

-- Sorted by what is the same in all of them, too, and by no sort, so that only their index fits: by id alone those of every
-- workflow, or of every status, would be looked at.
create function list_runs(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile
  set enable_sort = off
  set enable_incremental_sort = off
as $$
declare
  a_workflow text := c->>'workflow';
  a_status text := c->>'status';
  place text := coalesce(c->>'after', '');
  started_before numeric := coalesce((c->>'startedBefore')::numeric, 9007199254740991);
  page jsonb;
begin
  if a_status is null then
    select jsonb_agg(run_summary(r, input_of(r)) order by r.id) into page from (
      select * from runs
       where (workflow, id) > (a_workflow, place) and workflow <= a_workflow and started_at < started_before
       order by workflow, id limit (c->>'limit')::integer) r;
  else
    select jsonb_agg(run_summary(r, input_of(r)) order by r.id) into page from (
      select * from runs
       where workflow = a_workflow and (status, id) > (a_status, place) and status <= a_status
         and started_at < started_before
       order by status, id limit (c->>'limit')::integer) r;
  end if;
  return coalesce(page, '[]');
end $$;
`
