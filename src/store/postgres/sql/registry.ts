// Looking at many receivers at once: the registry, and what is new since somebody looked.

export const REGISTRY = `
-- One row of the registry (ReceiverSummary).
create function summary_json(box mailboxes, now bigint) returns jsonb language plpgsql volatile as $$
declare
  oldest bigint;
begin
  if box.unread > 0 then
    oldest := least(
      -- Ready ones are in order of seq, and the first is the oldest.
      (select received_at from callbacks where receiver = box.receiver and state = 'ready' order by seq limit 1),
      (select min(received_at) from callbacks where receiver = box.receiver and state = 'delayed'),
      (select min(received_at) from callbacks where receiver = box.receiver and state = 'queued'),
      (select min(received_at) from callbacks where receiver = box.receiver and state = 'claimed'));
  end if;
  return receiver_json(box, now)
      || present(jsonb_build_object('unread', box.unread, 'failed', box.failed, 'oldest', oldest));
end $$;

-- A page of ids, in order. What has ended and is not marked is stepped over, once for all pages.
create function ids_in_state(wanted text, behind text, most bigint, now bigint) returns setof text
language plpgsql volatile as $$
begin
  if wanted is null then
    return query select receiver_id from mailboxes where receiver_id > behind order by receiver_id limit most;
  elsif wanted = 'open' then
    return query
      select receiver_id from mailboxes m
       where state = 'open' and receiver_id > behind and (expires_at is null or expires_at > now)
         and (epoch is null or exists (select from nodes n where n.epoch = m.epoch and not n.over))
       order by receiver_id limit most;
  elsif wanted = 'expired' then
    return query
      select * from (
        (select receiver_id from mailboxes
          where state = 'expired' and receiver_id > behind order by receiver_id limit most)
        union all
        (select receiver_id from mailboxes
          where state = 'open' and expires_at is not null and expires_at <= now and receiver_id > behind
          order by receiver_id limit most)) ids
       order by receiver_id limit most;
  else
    return query
      select * from (
        (select receiver_id from mailboxes
          where state = 'closed' and receiver_id > behind order by receiver_id limit most)
        union all
        (select receiver_id from mailboxes
          where state = 'open' and epoch is not null and epoch in (select epoch from nodes where over)
            and receiver_id > behind and (expires_at is null or expires_at > now)
          order by receiver_id limit most)) ids
       order by receiver_id limit most;
  end if;
end $$;

create function list_receivers(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  behind constant text := coalesce(c->>'after', '');
  ids text[];
begin
  if c ? 'key' then
    ids := array(select id from receivers where key = c->>'key' and id > behind);
  else
    ids := array(select * from ids_in_state(c->>'state', behind, (c->>'limit')::bigint, now));
  end if;
  return coalesce((
    select jsonb_agg(summary_json(m, now) order by m.receiver_id) from mailboxes m
     where m.receiver_id = any(ids) and (not c ? 'state' or state_of(m, now) = c->>'state')), '[]');
end $$;

-- Receivers with something ready or due, or that are no longer open.
create function receivers_with_news(ids jsonb, now bigint) returns jsonb language plpgsql volatile as $$
begin
  return coalesce((
    select jsonb_agg(asked.id order by asked.place)
      from jsonb_array_elements_text(ids) with ordinality asked (id, place)
      left join mailboxes m on m.receiver_id = asked.id
     where m.receiver_id is null or m.state <> 'open' or m.expires_at <= now
        or (m.epoch is not null and not exists (select from nodes n where n.epoch = m.epoch and not n.over))
        or (m.unread > 0
            -- 'exists' may be answered with a list of all that there are.
            and ((select true from callbacks k where k.receiver = m.receiver and k.state = 'ready' limit 1)
              or (select true from callbacks k
                   where k.receiver = m.receiver and k.state = 'delayed' and k.due_at <= now limit 1)))), '[]');
end $$;

create function deliveries_with_news(ids jsonb) returns jsonb language plpgsql volatile as $$
begin
  return coalesce((
    select jsonb_agg(asked.id order by asked.place)
      from jsonb_array_elements_text(ids) with ordinality asked (id, place)
      join deliveries d on d.id = asked.id
     where d.ended_at is not null), '[]');
end $$;

create function callbacks_with_news(ids jsonb) returns jsonb language plpgsql volatile as $$
begin
  return coalesce((
    select jsonb_agg(asked.id order by asked.place)
      from jsonb_array_elements_text(ids) with ordinality asked (id, place)
     where find_answer_of(asked.id) is not null), '[]');
end $$;

create function runs_with_news(ids jsonb) returns jsonb language plpgsql volatile as $$
begin
  return coalesce((
    select jsonb_agg(asked.id order by asked.place)
      from jsonb_array_elements_text(ids) with ordinality asked (id, place)
      join runs r on r.id = asked.id
     where r.ended_at is not null or r.cancellation = 'requested'), '[]');
end $$;

create function news(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  return jsonb_build_object(
    'receiverIds', receivers_with_news(c->'receiverIds', (c->>'now')::bigint),
    'deliveryIds', deliveries_with_news(c->'deliveryIds'),
    'callbackIds', callbacks_with_news(c->'callbackIds'),
    'runIds', runs_with_news(c->'runIds'));
end $$;
`
