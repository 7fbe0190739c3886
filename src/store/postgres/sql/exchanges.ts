// Exchanges of the server, outside of any scope. Only one that has a key has a row.

export const EXCHANGES = `
create function begun_json(spawned jsonb, message_id text, delivery_id text, created boolean) returns jsonb
  language sql stable
  return jsonb_build_object(
    'type', 'begun', 'receiver', spawned, 'messageId', message_id, 'deliveryId', delivery_id, 'created', created);

-- A conflict names the source.
create function begin_exchange(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  message constant jsonb := c#>'{send,message}';
  known exchanges;
  box mailboxes;
  spawned jsonb;
begin
  if c ? 'key' then
    select * into known from exchanges where key = c->>'key';
    if found then
      if known.lane <> message->>'lane' or known.url is distinct from message->>'url' then
        return jsonb_build_object('type', 'other_target', 'lane', known.lane);
      end if;
      select m.* into strict box from receivers r join mailboxes m on m.receiver_id = r.id where r.no = known.receiver;
      -- Only its own repetition can have its id.
      return begun_json(receiver_json(box, now), known.message_id, known.delivery_id,
        box.receiver_id = c#>>'{receiver,id}');
    end if;
  end if;
  select * into box from mailboxes where receiver_id = c#>>'{receiver,id}';
  if found then return begun_json(receiver_json(box, now), message->>'id', c#>>'{send,deliveryId}', true); end if;
  if c ? 'epoch' and not is_live((c->>'epoch')::bigint, judged_at) then return '{"type": "lost"}'; end if;

  spawned := create_receiver(c->'receiver' || present(jsonb_build_object('epoch', c->'epoch')), null, now);
  if spawned->>'type' = 'conflict' then return spawned; end if;
  perform store_message(c->'send', null, null);
  if c ? 'key' then
    insert into exchanges (receiver, key, lane, url, message_id, delivery_id)
    select r.no, c->>'key', message->>'lane', message->>'url', message->>'id', c#>>'{send,deliveryId}'
      from receivers r where r.id = c#>>'{receiver,id}';
  end if;
  return begun_json(spawned->'receiver', message->>'id', c#>>'{send,deliveryId}', true);
end $$;

create function take_answer(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  box mailboxes := lock_mailbox(c->>'receiverId');
  taken_before text;
  claimed jsonb;
  callback jsonb;
begin
  if box.receiver_id is null then return '{"type": "closed"}'; end if;
  select answer into taken_before from exchanges where receiver = box.receiver;
  if taken_before is not null then return take_again(box, taken_before, c, judged_at); end if;

  claimed := claim(c || '{"limit": 1, "ordered": false}', judged_at);
  callback := claimed#>'{callbacks,0}';
  if callback is not null then
    update exchanges set answer = callback->>'id' where receiver = box.receiver;
    perform close_answered(box, now, in_hand => 1);
    perform cancel_delivery_of(c->>'deliveryId', now);
    return jsonb_build_object('type', 'taken', 'callback', callback);
  end if;
  if not (claimed->>'unread')::boolean then
    if (select status from deliveries where id = c->>'deliveryId') = 'dead' then
      perform close_answered(box, now);
      return '{"type": "dead"}';
    end if;
    if claimed->>'state' <> 'open' then return jsonb_build_object('type', claimed->'state'); end if;
  end if;
  return present(jsonb_build_object('type', 'waiting', 'lookAgainAt', claimed->'lookAgainAt'));
end $$;

-- The answer that was taken before, wherever it is by now.
create function take_again(box mailboxes, answer text, c jsonb, judged_at bigint) returns jsonb
language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  taken callbacks;
  handed jsonb;
begin
  select * into taken from callbacks where id = answer;
  if not found then return '{"type": "forgotten"}'; end if;
  if taken.state = 'done' then
    return jsonb_build_object('type', 'acknowledged', 'callback', claimed_json(taken, box.receiver_id));
  end if;
  if taken.state = 'failed' then return jsonb_build_object('type', 'set_aside', 'callbackId', answer); end if;
  if taken.state = 'discarded' then return '{"type": "closed"}'; end if;
  if not is_live((c->>'epoch')::bigint, judged_at) then return '{"type": "waiting"}'; end if;
  if not (taken.state = 'ready' or taken.state = 'delayed' and taken.due_at <= now) then
    return present(jsonb_build_object('type', 'waiting', 'lookAgainAt',
      case when taken.state = 'delayed' then taken.due_at end));
  end if;
  handed := hand_out(box, array[taken.no], array[octet_length(taken.body)]::bigint[], (c->>'epoch')::bigint, now)->0;
  if handed is null then return jsonb_build_object('type', 'waiting', 'lookAgainAt', now); end if;
  return jsonb_build_object('type', 'taken', 'callback', handed);
end $$;
`
