import type { CommandName } from '../../store.js'

// The one statement that reaches the store: a batch of commands, each a function of its name, in one transaction.

/** What comes most, and is to be found first: before each call all names before its own are compared. */
const OFTEN: readonly CommandName[] = [
  'accept',
  'claim',
  'acknowledge',
  'remember',
  'recordAttempt',
  'decide',
  'findRun',
  'startRun',
  'endRun',
  'exchangeInScope',
  'send',
  'claimRuns',
  'claimDeliveries',
]

/** `commands`: the names of the functions; none other can be called. */
export function executeFunction(commands: readonly CommandName[]): string {
  const branches = [...new Set([...OFTEN, ...commands])].map(
    name => `when '${name}' then outcome := ${functionOf(name)}(command->'input', judged_at);`,
  )
  return `
-- An array, and never a list to join with: a join may look at all of the other side.
create function texts(list jsonb) returns text[] language plpgsql immutable as $$
begin
  if list is null then return '{}'; end if;
  return array(select jsonb_array_elements_text(list));
end $$;

-- Takes everything that the batch will lock first, each kind in one order, whatever the order of the commands: two batches
-- that touch the same rows wait for one another and never in a circle. Keys before receivers, receivers before runs, runs
-- before deliveries; what is found by looking (claims, take-overs, sweeps) skips what is locked and waits for nothing.
create function take_locks(locks jsonb) returns void language plpgsql volatile as $$
declare
  scopes constant text[] := texts(locks->'scopes');
  receiver_ids text[] := texts(locks->'receivers');
  run_numbers bigint[] := '{}';
  delivery_ids text[] := texts(locks->'deliveries');
  done boolean;
begin
  if locks ? 'keys' then
    perform pg_advisory_xact_lock(hash)
       from (select distinct hashtextextended(value, 4242) as hash
               from jsonb_array_elements_text(locks->'keys') order by hash) keys;
  end if;

  if locks ? 'receiverKeys' then
    receiver_ids := receiver_ids || array(select id from receivers where key = any(texts(locks->'receiverKeys')));
  end if;
  if locks ? 'exchangeKeys' then
    receiver_ids := receiver_ids || array(
      select r.id from exchanges e join receivers r on r.no = e.receiver
       where e.key = any(texts(locks->'exchangeKeys')));
  end if;
  if scopes <> '{}' then
    receiver_ids := receiver_ids || array(select receiver_id from mailboxes where scope = any(scopes));
  end if;
  if receiver_ids <> '{}' then
    perform from mailboxes where receiver_id = any(receiver_ids) order by receiver_id for update;
  end if;

  if locks ? 'runs' then
    run_numbers := array(select no from runs where id = any(texts(locks->'runs')));
  end if;
  if locks ? 'runKeys' then
    run_numbers := run_numbers || array(
      select r.no from unnest(texts(locks->'runKeys')) pair
       cross join lateral (select no from runs
                            where workflow = pair::jsonb->>0 and key = pair::jsonb->>1 limit 1) r);
  end if;
  if scopes <> '{}' then
    run_numbers := run_numbers || array(select run from memories where scope = any(scopes) and run is not null);
  end if;
  if locks ? 'targets' then
    run_numbers := run_numbers || array(select run from waits where target = any(texts(locks->'targets')));
  end if;
  if run_numbers <> '{}' then
    perform from runs where no = any(run_numbers) order by no for update;
  end if;

  if scopes <> '{}' then
    delivery_ids := delivery_ids || array(select id from deliveries where scope = any(scopes));
  end if;
  if locks ? 'senders' then
    delivery_ids := delivery_ids || array(
      select id from deliveries where epoch = any(texts(locks->'senders')::bigint[]) and status = 'sending');
  end if;
  if delivery_ids <> '{}' then
    perform from deliveries where id = any(delivery_ids) order by id for update;
  end if;
  if locks ?| array['redelivered', 'fanOuts', 'ends', 'tried', 'failing', 'lanes', 'newLanes', 'subscribing'] then
    done := lock_sending(locks);
  end if;
end $$;

create function execute(batch jsonb, locks jsonb, judges_by_commands boolean) returns text language plpgsql volatile
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
  outcomes text[] := '{}';
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
    outcomes := array_append(outcomes, coalesce(outcome::text, 'null'));
  end loop;
  return '[' || array_to_string(outcomes, ',') || ']';
end $$;

-- The transaction ends before its outcomes are sent, so a node that is stopped and does not read them holds no lock. A
-- procedure that commits cannot have a search path of its own, so the name within is written out.
do $do$ begin
  execute format($procedure$
    create procedure carry_out(batch jsonb, locks jsonb, judges_by_commands boolean, inout outcomes text)
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
