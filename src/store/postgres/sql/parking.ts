// Takes runs out of memory that only wait. What makes them due again are the commands that end what they wait for.

export const PARKING = `
-- What is waited for is locked, so whoever ends it comes before, and is seen here, or afterwards, and sees the waits.
create function park(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  run entered := entered_run(c->'claim', judged_at);
  now bigint := (c->>'now')::bigint;
begin
  if run.id is null then return '"lost"'; end if;
  if run.cancellation = 'requested' then return '"ready"'; end if;
  if exists (
    select from jsonb_array_elements(c->'waits') w
     where (w->>'deadlineAt')::numeric <= now or look(run.id, w->'target', now) is not null
  ) then
    return '"ready"';
  end if;
  update runs
     set status = 'parked', epoch = null, crashes = 0, result_type = null, result = null,
         due_at = (select instant(to_jsonb(ceil(min(next_look(w->'target', w->'deadlineAt', now)))))
                     from jsonb_array_elements(c->'waits') w)
   where no = run.no;
  insert into waits (run, no, key, target, dead_only)
  select run.no, row_number() over (order by w.place, awaited.dead_only), w.wait#>>'{at,key}', awaited.target, awaited.dead_only
    from jsonb_array_elements(c->'waits') with ordinality as w (wait, place)
    cross join lateral (
      -- Of an exchange: an answer, or that there can be none.
      select coalesce(w.wait#>>'{target,receiverId}', w.wait#>>'{target,deliveryId}', w.wait#>>'{target,runId}') as target,
             false as dead_only
      union all
      select w.wait#>>'{target,deliveryId}', true where w.wait#>>'{target,type}' = 'exchange') awaited;
  return '"parked"';
end $$;
`
