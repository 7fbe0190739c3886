// The one statement that reaches the store: a batch of commands, each a function of its name, in one transaction.

/** `commands`: the names of the functions; none other can be called. */
export function executeFunction(commands: readonly string[]): string {
  const branches = commands.map(
    name => `when '${name}' then outcome := ${functionOf(name)}(command->'input', judged_at);`,
  )
  return `
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
  if locks ? 'receivers' or locks ? 'scopes' or locks ? 'receiverKeys' then
    perform from mailboxes
      where receiver_id in (
        select jsonb_array_elements_text(locks->'receivers')
        union select id from receivers where key in (select jsonb_array_elements_text(locks->'receiverKeys'))
        union select receiver_id from mailboxes where scope in (select jsonb_array_elements_text(locks->'scopes')))
      order by receiver_id for update;
  end if;
  if locks ? 'runs' or locks ? 'runKeys' or locks ? 'scopes' or locks ? 'targets' then
    perform from runs
      where no in (
        select no from runs where id in (select jsonb_array_elements_text(locks->'runs'))
        union select r.no from runs r, jsonb_array_elements_text(locks->'runKeys') pair
               where r.workflow = pair::jsonb->>0 and r.key = pair::jsonb->>1
        union select run from memories
               where scope in (select jsonb_array_elements_text(locks->'scopes')) and run is not null
        union select run from waits where target in (select jsonb_array_elements_text(locks->'targets')))
      order by no for update;
  end if;
  if locks ? 'deliveries' or locks ? 'scopes' or locks ? 'senders' then
    perform from deliveries
      where id in (
        select jsonb_array_elements_text(locks->'deliveries')
        union select id from deliveries where scope in (select jsonb_array_elements_text(locks->'scopes'))
        union select id from deliveries
               where epoch in (select jsonb_array_elements_text(locks->'senders')::bigint) and status = 'sending')
      order by id for update;
  end if;
end $$;

create function execute(batch jsonb, locks jsonb, judges_by_commands boolean) returns jsonb language plpgsql volatile
  set search_path from current
  set lock_timeout = '1s'
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
`
}

/** `startRun` → `start_run`. */
export function functionOf(command: string): string {
  return command.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
