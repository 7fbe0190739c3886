// The one statement that reaches the store: a batch of commands, each a function of its name, in one transaction.

/** `commands`: the names of the functions; none other can be called. */
export function executeFunction(commands: readonly string[]): string {
  const branches = commands.map(
    name => `when '${name}' then outcome := ${functionOf(name)}(command->'input', judged_at);`,
  )
  return `
-- An array, and never a list to join with: a join may look at all of the other side.
create function texts(list jsonb) returns text[] language sql immutable
  return array(select jsonb_array_elements_text(list));

-- Takes everything that the batch will lock first, each kind in one order, whatever the order of the commands: two batches
-- that touch the same rows wait for one another and never in a circle. Keys before receivers, receivers before runs, runs
-- before deliveries; what is found by looking (claims, take-overs, sweeps) skips what is locked and waits for nothing.
create function take_locks(locks jsonb) returns void language plpgsql volatile as $$
declare
  each bigint;
begin
  if locks ? 'keys' then
    for each in select distinct hashtextextended(value, 4242) as hash
                  from jsonb_array_elements_text(locks->'keys') order by hash loop
      perform pg_advisory_xact_lock(each);
    end loop;
  end if;
  if locks ? 'receivers' or locks ? 'scopes' or locks ? 'receiverKeys' or locks ? 'exchangeKeys' then
    perform from mailboxes
      where receiver_id = any(array(
        select jsonb_array_elements_text(locks->'receivers')
        union select id from receivers where key = any(texts(locks->'receiverKeys'))
        union select r.id from exchanges e join receivers r on r.no = e.receiver
               where e.key = any(texts(locks->'exchangeKeys'))
        union select receiver_id from mailboxes where scope = any(texts(locks->'scopes'))))
      order by receiver_id for update;
  end if;
  if locks ? 'runs' or locks ? 'runKeys' or locks ? 'scopes' or locks ? 'targets' then
    perform from runs
      where no = any(array(
        select no from runs where id = any(texts(locks->'runs'))
        union select r.no from jsonb_array_elements_text(locks->'runKeys') pair
              cross join lateral (select no from runs
                                   where workflow = pair::jsonb->>0 and key = pair::jsonb->>1 limit 1) r
        union select run from memories where scope = any(texts(locks->'scopes')) and run is not null
        union select run from waits where target = any(texts(locks->'targets'))))
      order by no for update;
  end if;
  if locks ? 'deliveries' or locks ? 'scopes' or locks ? 'senders' then
    perform from deliveries
      where id = any(array(
        select jsonb_array_elements_text(locks->'deliveries')
        union select id from deliveries where scope = any(texts(locks->'scopes'))
        union select id from deliveries
               where epoch = any(texts(locks->'senders')::bigint[]) and status = 'sending'))
      order by id for update;
  end if;
end $$;

create function execute(batch jsonb, locks jsonb, judges_by_commands boolean) returns jsonb language plpgsql volatile
  set search_path from current
  set lock_timeout = '1s'
  -- A table may have been empty when its statistics were made, and be full now. So nothing depends on them: every statement
  -- begins with few rows and finds the others one by one, by an index.
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_mergejoin = off
  set enable_hashjoin = off
  set plan_cache_mode = force_generic_plan
  set jit = off
as $$
declare
  command jsonb;
  outcome jsonb;
  outcomes jsonb[] := '{}';
  clock bigint := trunc(extract(epoch from clock_timestamp()) * 1000);
  judged_at bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'longline needs read committed' using errcode = 'LL001';
  end if;
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  if locks <> '{}' then perform take_locks(locks); end if;
  for command in select value from jsonb_array_elements(batch) loop
    judged_at := case when judges_by_commands then (command->'input'->>'now')::bigint else clock end;
    -- A statement, so that only what is called is prepared.
    case command->>'name'
      ${branches.join('\n      ')}
    end case;
    outcomes := outcomes || coalesce(outcome, 'null');
  end loop;
  return to_jsonb(outcomes);
end $$;

-- The transaction ends before its outcomes are sent, so a node that is stopped and does not read them holds no lock. A
-- procedure that commits cannot have a search path of its own, so the name within is written out.
do $do$ begin
  execute format($procedure$
    create procedure carry_out(batch jsonb, locks jsonb, judges_by_commands boolean, inout outcomes jsonb)
    language plpgsql as $body$
    begin
      outcomes := %I.execute(batch, locks, judges_by_commands);
      commit;
    end $body$
  $procedure$, current_schema());
end $do$;
`
}

/** `startRun` → `start_run`. */
function functionOf(command: string): string {
  return command.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
