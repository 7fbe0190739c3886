// The way in for a transaction of the caller's. It only inserts: no lock is taken beyond those of its own rows, and nothing
// is raised for a key that is there already, also where the snapshot of the transaction is older than that: what was begun
// is undone, and the transaction goes on.

export const JOINING = `
create function within_transaction(command jsonb) returns jsonb language plpgsql volatile
  set search_path from current
  set enable_seqscan = off
as $$
begin
  case command->>'name'
    when 'send' then return send(command->'input', null);
    when 'publish' then return publish(command->'input', null);
    when 'startRun' then return start_run(command->'input', null);
  end case;
exception when serialization_failure then
  return '{"type": "unseen"}';
end $$;
`
