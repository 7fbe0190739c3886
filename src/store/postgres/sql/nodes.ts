// Epochs, and what is held under them. A lease is judged by the clock of the database, so that is what it counts from.

export const NODES = `
create function lease_end(judged_at bigint, lease_ms jsonb) returns bigint language sql immutable
  return least(judged_at + coalesce(trunc((lease_ms #>> '{}')::numeric), 9007199254740991), 9007199254740991)::bigint;

create function join(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  joined bigint;
begin
  insert into nodes (node, lease_ends_at) values (c->>'node', lease_end(judged_at, c->'leaseMs'))
    returning epoch into joined;
  return jsonb_build_object('epoch', joined);
end $$;

-- One that lapsed is not marked as over: nobody may have been able to reach the store, and what nobody takes can be moved.
create function renew(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  update nodes set lease_ends_at = lease_end(judged_at, c->'leaseMs')
   where epoch = (c->>'epoch')::bigint and not over and lease_ends_at > judged_at;
  return to_jsonb(found);
end $$;
`
