// Storing what strangers send. The common case is three statements, and one more where the request says who it is;
// everything that speaks against it is looked for only when the mailbox gives reason to.

export const ACCEPTING = `
create function find_answer_of(id text) returns text language plpgsql volatile as $$
declare
  found_answer text;
begin
  select a.answer into found_answer from answers a where a.callback_id = id;
  if found then return found_answer; end if;
  select d.answer into found_answer
    from callbacks c
    join dedupes d on d.receiver = c.receiver and d.delivery_id = c.delivery_id and d.callback_id = c.id
   where c.id = find_answer_of.id;
  return found_answer;
end $$;

-- What speaks against storing it, duplicates aside, in the order in which it is judged.
create function objection(box mailboxes, c jsonb, now bigint) returns jsonb language plpgsql volatile as $$
declare
  found_state text;
begin
  if (c->>'version')::integer <> box.version then
    return jsonb_build_object('type', 'stale', 'receiver', receiver_json(box, now));
  end if;
  found_state := state_of(box, now);
  if found_state <> 'open' then return jsonb_build_object('type', 'ended', 'state', found_state); end if;
  if c->>'content' = 'refused' then return '{"type": "refused"}'; end if;
  if box.unread >= (c->>'capacity')::numeric then return '{"type": "full"}'; end if;
  return null;
end $$;

-- The outcome of a command that cannot store anything: perhaps it has been carried out before, or is a duplicate.
create function accepted_earlier(box mailboxes, c jsonb, against jsonb) returns jsonb language plpgsql volatile as $$
declare
  own bigint;
  first dedupes;
begin
  select seq into own from callbacks where id = c->>'callbackId';
  if found then return jsonb_build_object('type', 'accepted', 'seq', own); end if;
  if against->>'type' = 'stale' then return against; end if;
  select * into first from dedupes
   where receiver = box.receiver and delivery_id = c->>'deliveryId' and until > (c->>'now')::bigint;
  if not found then return coalesce(against, '{"type": "refused"}'); end if;
  return present(jsonb_build_object(
    'type', 'duplicate', 'callbackId', first.callback_id, 'receivedAt', first.received_at,
    'answer', coalesce(first.answer, (select answer from answers where callback_id = first.callback_id))));
end $$;

create function accept(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  box mailboxes;
  against jsonb;
  stored_seq bigint;
begin
  select * into box from mailboxes where receiver_id = c->>'receiverId';
  if not found then return '{"type": "unknown"}'; end if;
  against := objection(box, c, now);
  if against is not null then return accepted_earlier(box, c, against); end if;
  if c ? 'deliveryId' then
    -- An id past its window is as good as unknown: the new callback takes its row.
    insert into dedupes (receiver, delivery_id, callback_id, received_at, until, answer)
    values (box.receiver, c->>'deliveryId', c->>'callbackId', now, instant(c->'dedupeUntil'), c->>'answer')
        on conflict (receiver, delivery_id) do update
       set callback_id = excluded.callback_id, received_at = excluded.received_at,
           until = excluded.until, answer = excluded.answer
     where dedupes.until <= excluded.received_at;
    if not found then return accepted_earlier(box, c, null); end if;
  end if;
  with stored as (
    insert into callbacks (id, receiver, seq, received_at, delivery_id, method, path, query, headers, body)
    values (c->>'callbackId', box.receiver, box.seq + 1, now, c->>'deliveryId', c->>'method', c->>'path', c->>'query',
            c->>'headers', decode(c->>'body', 'base64'))
        on conflict (id) do nothing returning seq)
  update mailboxes m set seq = m.seq + 1, unread = m.unread + 1
    from stored where m.receiver_id = box.receiver_id returning m.seq into stored_seq;
  if not found then return accepted_earlier(box, c, null); end if;
  if c ? 'answer' and not c ? 'deliveryId' then
    insert into answers (callback_id, until, answer)
    values (c->>'callbackId', instant(c->'dedupeUntil'), c->>'answer') on conflict (callback_id) do nothing;
  end if;
  if box.scope is not null and resume(box.receiver_id, now) then
    return jsonb_build_object('type', 'accepted', 'seq', stored_seq, 'resumes', true);
  end if;
  return jsonb_build_object('type', 'accepted', 'seq', stored_seq);
end $$;

create function answer(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  if find_answer_of(c->>'callbackId') is not null then return to_jsonb(false); end if;
  insert into answers (callback_id, until, answer)
  values (c->>'callbackId', instant(c->'until'), c->>'answer') on conflict (callback_id) do nothing;
  return to_jsonb(found);
end $$;

create function find_answer(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  return to_jsonb(find_answer_of(c->>'callbackId'));
end $$;
`
