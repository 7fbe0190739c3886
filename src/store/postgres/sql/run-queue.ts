// Handing out runs that are due.
//
//   R1. Workflows are looked at one by one, through an index, so a long queue of one costs the others nothing.
//   R2. When the limit is smaller than what is due, every workflow gets its share first.
//   R3. What another node is looking at is not waited for.

/** What one claim hands out at most, in bytes of inputs; the first run is handed out whatever its size. */
const LARGEST_CLAIM_BYTES = 8 * 1024 * 1024

/** How many memories come with a run. */
const FIRST_PAGE = 256

export const RUN_QUEUE = `
-- When the next run of a workflow is due.
create function head_of(a_workflow text) returns bigint language plpgsql volatile as $$
begin
  return (
    select due_at from runs
     where workflow = a_workflow and status in ('due', 'parked') and due_at is not null
     order by due_at, id limit 1);
end $$;

-- Counted for each workflow by itself, so that the queue needs no second index.
create function count_due_runs(now bigint) returns bigint language plpgsql volatile as $$
declare
  name text;
  counted bigint := 0;
begin
  select workflow into name from runs
   where status in ('due', 'parked') and due_at is not null order by workflow limit 1;
  while name is not null loop
    counted := counted + (
      select count(*) from runs
       where workflow = name and status in ('due', 'parked') and due_at is not null and due_at <= now);
    name := (
      select workflow from runs
       where workflow > name and status in ('due', 'parked') and due_at is not null order by workflow limit 1);
  end loop;
  return counted;
end $$;

-- Of one workflow, the oldest that are due, as many as there is room for. {claimed, count, bytes}
create function claim_of(a_workflow text, most bigint, room bigint, an_epoch bigint, now bigint) returns jsonb
  language plpgsql volatile as $$
declare
  fitting bigint[];
  taken bigint;
  claimed jsonb;
begin
  with due as (
    select no, due_at, id from runs
     where workflow = a_workflow and status in ('due', 'parked') and due_at is not null and due_at <= now
     order by due_at, id limit most
       for update skip locked
  ), sized as (
    select d.*, (select octet_length(i.input) from inputs i where i.run = d.no) as size from due d
  ), placed as (
    select no, size, sum(size) over (order by due_at, id) as size_so_far from sized
  )
  select array_agg(no), sum(size) into fitting, taken
    from placed where size_so_far - size < room;
  if fitting is null then return null; end if;
  delete from waits where run = any(fitting);
  with entered as (
    update runs set status = 'running', epoch = an_epoch, fence = fence + 1, attempt = attempt + 1
     where no = any(fitting) returning *
  )
  select jsonb_agg(
           jsonb_build_object(
             'run', run_json(r::runs, i.input), 'fence', r.fence,
             -- One that nobody was in remembers nothing.
             'memory', case when r.fence = 1 then '{"memories": []}' else recall_after(r.id, 0, ${FIRST_PAGE}, now) end)
           order by r.due_at, r.id)
    into claimed
    from entered r join inputs i on i.run = r.no;
  return jsonb_build_object('claimed', claimed, 'count', cardinality(fitting), 'bytes', taken);
end $$;

create function claim_runs(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  an_epoch bigint := (c->>'epoch')::bigint;
  now bigint := (c->>'now')::bigint;
  names text[];
  rooms bigint[];
  heads bigint[];
  turns integer[];
  turn integer;
  left_to_serve integer[];
  places bigint := (c->>'limit')::bigint;
  bytes bigint := ${LARGEST_CLAIM_BYTES};
  share bigint;
  found_here jsonb;
  claimed jsonb := '[]';
  next_due_at bigint;
begin
  if not is_live(an_epoch, judged_at) then return '{"claimed": []}'; end if;
  select array_agg(name order by head), array_agg(room order by head), array_agg(head order by head)
    into names, rooms, heads
    from (
      select w.key as name, w.value::bigint as room, head_of(w.key) as head
        from jsonb_each_text(c->'workflows') w where w.value::bigint > 0) declared
   where head is not null;
  select array_agg(i) into turns from generate_subscripts(names, 1) i where heads[i] <= now;

  while cardinality(turns) > 0 and places > 0 and bytes > 0 loop
    share := greatest(1, places / cardinality(turns));
    left_to_serve := '{}';
    foreach turn in array turns loop
      exit when places <= 0 or bytes <= 0;
      found_here := claim_of(names[turn], least(share, rooms[turn], places), bytes, an_epoch, now);
      continue when found_here is null;
      claimed := claimed || (found_here->'claimed');
      places := places - (found_here->>'count')::bigint;
      bytes := bytes - (found_here->>'bytes')::bigint;
      rooms[turn] := rooms[turn] - (found_here->>'count')::bigint;
      if (found_here->>'count')::bigint = share and rooms[turn] > 0 then
        left_to_serve := left_to_serve || turn;
      end if;
    end loop;
    turns := left_to_serve;
  end loop;

  select min(head_of(names[i])) into next_due_at from generate_subscripts(names, 1) i where rooms[i] > 0;
  if next_due_at is null then return jsonb_build_object('claimed', claimed); end if;
  return jsonb_build_object('claimed', claimed, 'nextDueAt', next_due_at);
end $$;
`
