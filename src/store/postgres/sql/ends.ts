// Ends that are written down: deaths, and what else somebody has to be told of.

export const ENDS = `
-- Deliveries that have just died of the clock or with their subscription. Who has to be told of an end only
-- whoever knows the endpoint can say, unless it is a subscription's; of anything else, and of what tells of an end itself,
-- nobody.
create function note_deaths(delivery_ids text[], now bigint, is_told boolean) returns void language plpgsql volatile as $$
begin
  insert into ends (delivery, lane, topic, dead, turn_at, asks)
  select d.no, d.lane, d.topic, true,
         case when is_told and m.follows is null and d.lane similar to '(subscription|endpoint):%' then now end,
         case when d.lane like 'subscription:%' then '' else d.lane end
    from unnest(delivery_ids) with ordinality died (id, turn)
    join deliveries d on d.id = died.id join messages m on m.no = d.message
   order by died.turn;
end $$;

create function claim_ends(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  most constant integer := (c->>'limit')::integer;
  asked constant text[] := texts(c->'lanes') || array[''];
  found_ends bigint[];
  next_at bigint;
begin
  found_ends := array(
    select e.delivery from unnest(asked) a (asks)
     cross join lateral (
       select delivery, turn_at, no from ends
        where asks = a.asks and turn_at is not null and turn_at <= now
        order by turn_at, no limit most for update skip locked) e
     order by e.turn_at, e.no limit most);
  -- Its turn was as long after its end as it has been waiting.
  update ends e
     set turn_at = now + greatest((c->>'holdMs')::bigint, least((c->>'holdMostMs')::bigint, e.turn_at - d.ended_at))
    from deliveries d
   where e.delivery = any(found_ends) and d.no = e.delivery;
  select min(e.turn_at) into next_at from unnest(asked) a (asks)
   cross join lateral (
     select turn_at from ends
      where asks = a.asks and turn_at is not null and delivery <> all(found_ends)
      order by turn_at, no limit 1) e;
  return present(jsonb_build_object('nextAt', next_at, 'ends', (
    select coalesce(jsonb_agg(jsonb_build_object(
             'delivery', delivery_json(d, m.id, m.url, m.created_at), 'message', message_json(m),
             'attempt', (
               select attempt_json(a) from attempts a where a.delivery = d.no
                order by a.status is not null desc, a.number desc limit 1),
             'subscription', (
               select subscription_json(s, l.pause) from subscriptions s
                 left join lanes l on l.lane = 'subscription:' || s.id
                where s.id = subscription_id_of(d.lane)))
             order by e.turn), '[]')
      from unnest(found_ends) with ordinality e (delivery, turn)
      join deliveries d on d.no = e.delivery join messages m on m.no = d.message)));
end $$;

create function settle_end(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  update ends set turn_at = null
   where delivery = (select no from deliveries where id = c->>'deliveryId') and turn_at is not null;
  if not found then return 'false'; end if;
  -- Sweeps have left what is large in it where it was, and done with it.
  update deliveries set stripped = false where id = c->>'deliveryId' and stripped;
  if c ? 'send' then perform store_message(c->'send', c#>>'{send,message,key}', null); end if;
  return 'true';
end $$;
`
