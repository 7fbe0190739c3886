import { isEnteredBy } from './common.js'
import { FIND_KNOWN, nextOrdinal } from './memories.js'

// What scopes do, and remember with it.

export const VERBS = `
-- Another verb has that key, or the same one never began.
create function known_json(known memories, now bigint) returns jsonb language sql stable
  return jsonb_build_object('type', 'known', 'memory', memory_json(known, now));

-- A run's, where there was nothing: what nearly all of them are, in one statement. Whether it was.
create function remember_new(c jsonb, claim jsonb, bytes bytea, judged_at bigint) returns boolean
  language plpgsql volatile as $$
begin
  insert into memories (scope, ordinal, part, key, n, facts, size, bytes)
  select r.id, ${nextOrdinal('r.id')}, c#>>'{at,part}', c#>>'{at,key}', (c#>>'{at,n}')::integer, c->'facts',
         coalesce(octet_length(remember_new.bytes), 0), remember_new.bytes
    from runs r join nodes n on n.epoch = r.epoch
   where r.crashes = 0 and ${isEnteredBy('claim')}
      on conflict (scope, part, key, n) do nothing;
  return found;
end $$;

create function remember(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered;
  known memories;
  bytes constant bytea := decode(c->>'bytes', 'base64');
  done boolean;
begin
  if c#>>'{entry,type}' = 'run' and remember_new(c, c#>'{entry,claim}', bytes, judged_at) then
    return '{"type": "remembered"}';
  end if;
  scope := enter(c->'entry', judged_at);
  if scope.id is null then return '{"type": "lost"}'; end if;
  ${FIND_KNOWN}
  if known.scope is null then
    done := add_memory(scope.id, c->'at', c->'facts', bytes, coalesce(octet_length(bytes), 0));
    if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
    return '{"type": "remembered"}';
  end if;
  if known.facts->>'verb' = c#>>'{facts,verb}' and has_begun(known.facts) then
    return jsonb_build_object('type', 'remembered', 'memory', memory_json(known, (c->>'now')::bigint));
  end if;
  return known_json(known, (c->>'now')::bigint);
end $$;

create function spawn_in_scope(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  now bigint := (c->>'now')::bigint;
  known memories;
  spawned jsonb;
  done boolean;
begin
  if scope.id is null then return '{"type": "lost"}'; end if;
  ${FIND_KNOWN}
  if known.scope is not null then
    if known.facts->>'verb' <> 'spawn' or not has_begun(known.facts) then return known_json(known, now); end if;
    return jsonb_build_object('type', 'spawned', 'receiver', memory_json(known, now)->'receiver');
  end if;
  spawned := create_receiver(c->'receiver', scope.id, now);
  if spawned->>'type' = 'conflict' then return spawned; end if;
  done := add_memory(scope.id, c->'at',
    jsonb_build_object('verb', 'spawn', 'receiverId', spawned#>'{receiver,id}'));
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  return jsonb_build_object('type', 'spawned', 'receiver', spawned->'receiver');
end $$;

create function send_in_scope(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  known memories;
  sent jsonb;
  done boolean;
begin
  if scope.id is null then return '{"type": "lost"}'; end if;
  ${FIND_KNOWN}
  if known.scope is not null then
    if known.facts->>'verb' <> 'send' or not has_begun(known.facts) then
      return known_json(known, (c->>'now')::bigint);
    end if;
    return known.facts - 'verb' || '{"type": "sent"}';
  end if;
  done := store_message(c->'send', null, scope.id);
  sent := jsonb_build_object('messageId', c#>'{send,message,id}', 'deliveryId', c#>'{send,deliveryId}');
  done := add_memory(scope.id, c->'at', sent || '{"verb": "send"}');
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  return sent || '{"type": "sent"}';
end $$;

create function begun_again(facts jsonb, receiver jsonb) returns jsonb language sql stable
  return facts - array['verb', 'receiverId', 'retried', 'within', 'end']
    || jsonb_build_object('type', 'begun', 'receiver', receiver);

create function exchange_in_scope(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  now bigint := (c->>'now')::bigint;
  known memories;
  spawned jsonb;
  begun jsonb;
  done boolean;
begin
  if scope.id is null then return '{"type": "lost"}'; end if;
  ${FIND_KNOWN}
  if known.scope is not null then
    if known.facts->>'verb' <> 'exchange' or not has_begun(known.facts) then return known_json(known, now); end if;
    return begun_again(known.facts, memory_json(known, now)->'receiver');
  end if;
  spawned := create_receiver(c->'receiver', scope.id, now);
  if spawned->>'type' = 'conflict' then return spawned; end if;
  done := store_message(c->'send', null, scope.id);
  begun := present(jsonb_build_object('messageId', c#>'{send,message,id}', 'deliveryId', c#>'{send,deliveryId}',
    'deadlineAt', c->'deadlineAt'));
  done := add_memory(scope.id, c->'at',
    begun || jsonb_build_object('verb', 'exchange', 'receiverId', spawned#>'{receiver,id}'));
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  return begun || jsonb_build_object('type', 'begun', 'receiver', spawned->'receiver');
end $$;

create function resend_in_scope(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  scope entered := enter(c->'entry', judged_at);
  now bigint := (c->>'now')::bigint;
  known memories;
  box mailboxes;
  delivery_id text;
begin
  if scope.id is null then return '{"type": "lost"}'; end if;
  ${FIND_KNOWN}
  if known.scope is null then
    raise exception 'Nothing is remembered that can be sent again' using errcode = 'LL002';
  end if;
  if known.facts->>'verb' <> 'exchange' or not has_begun(known.facts) then return known_json(known, now); end if;
  if not is_to_resend(known.facts) then return begun_again(known.facts, memory_json(known, now)->'receiver'); end if;

  delivery_id := known.facts->>'deliveryId';
  box := lock_mailbox(known.facts->>'receiverId');
  -- Its answer may be there already.
  if box.unread = 0 then
    box := ensure_open(box, now);
    delivery_id := deliver_again(delivery_id, c->'delivery');
  end if;
  known.facts := present(jsonb_build_object('verb', 'exchange', 'receiverId', box.receiver_id,
    'messageId', known.facts->'messageId', 'deliveryId', delivery_id, 'deadlineAt', c->'deadlineAt'));
  perform put_memory(known, scope.id, c->'at', known.facts, null, 0);
  if scope.crashes > 0 or not scope.remembers then perform wrote(scope); end if;
  return begun_again(known.facts, receiver_json(box, now));
end $$;
`
