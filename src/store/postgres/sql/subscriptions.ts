// Topics, and who wants them. Whoever changes any of them does so under the key 'subscriptions', so that numbers are
// committed in their order (S24) and a topic and URL have one subscription (S25).

export const SUBSCRIPTIONS = `
-- A subscription as the library knows it (SubscriptionRecord).
create function subscription_json(s subscriptions, pause text) returns jsonb language sql stable
  return present(jsonb_build_object(
    'id', s.id, 'topic', s.topic, 'url', s.url, 'version', s.version, 'options', s.options,
    'concurrency', s.concurrency, 'rate', s.rate, 'createdAt', s.created_at, 'pause', pause));

-- One more, or one less, subscription that has the topic, or the pattern.
create function count_for_topic(topic text, change integer) returns void language plpgsql volatile as $$
begin
  insert into topics as t (id, subscriptions) values (topic, change)
      on conflict (id) do update set subscriptions = t.subscriptions + change;
  delete from topics where id = topic and subscriptions = 0 and not declared;
end $$;

create function put_topic(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
begin
  insert into topics (id, name, declared) values (c->>'id', c->>'name', true)
      on conflict (id) do update set name = excluded.name, declared = true;
  return null;
end $$;

create function list_topics(c jsonb, judged_at bigint) returns jsonb language sql stable
  return (
    select coalesce(jsonb_agg(present(jsonb_build_object(
             'id', t.id, 'name', t.name, 'declared', t.declared, 'subscriptions', t.subscriptions)) order by t.id), '[]')
      from (select * from topics
             where id > coalesce(c->>'after', '') and (declared or right(id, 1) <> '*') order by id limit (c->>'limit')::integer) t
  );

create function delete_topic(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  known topics;
begin
  select * into known from topics where id = c->>'id';
  if not found then return '{"type": "unknown"}'; end if;
  if known.subscriptions > 0 then
    return jsonb_build_object('type', 'subscribed', 'subscriptions', known.subscriptions);
  end if;
  delete from topics where id = known.id;
  return '{"type": "deleted"}';
end $$;

create function subscription_at(a_topic text, a_url text) returns subscriptions language plpgsql stable as $$
declare
  s subscriptions;
begin
  select * into s from subscriptions
   where topic = a_topic and hashtextextended(url, 0) = hashtextextended(a_url, 0) and url = a_url;
  return s;
end $$;

create function put_subscription(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  given constant jsonb := c->'subscription';
  a_lane text;
  known subscriptions;
  there subscriptions := subscription_at(given->>'topic', given->>'url');
  changed subscriptions;
  its_pause text;
  number bigint;
  proof jsonb := c->'proof';
  sent jsonb;
begin
  select * into known from subscriptions where id = given->>'id';
  if known.id is null then known := there; end if;
  if c ? 'ifVersion' and coalesce(known.version, 0) <> (c->>'ifVersion')::integer then return '{"type": "stale"}'; end if;
  if there.id <> known.id then return '{"type": "elsewhere"}'; end if;
  if known.id is null and (
    select true from deliveries where lane = 'subscription:' || (given->>'id') and status = 'due' limit 1
  ) then
    return '{"type": "leaving"}';
  end if;
  a_lane := 'subscription:' || coalesce(known.id, given->>'id');
  select pause into its_pause from lanes where lane = a_lane;

  if known.id is null then
    insert into counters as n (name, last) values ('subscriptions', 1)
        on conflict (name) do update set last = n.last + 1
    returning last into number;
    insert into subscriptions (no, id, topic, url, options, concurrency, rate, created_at)
    values (number, given->>'id', given->>'topic', given->>'url', given->>'options',
      (given->>'concurrency')::integer, given->'rate', (given->>'createdAt')::bigint)
    returning * into changed;
    perform count_for_topic(changed.topic, 1);
    -- One that was deleted may have left its lanes.
    delete from lanes where lane in (a_lane, 'proof:' || changed.id);
    its_pause := null;
  else
    update subscriptions s
       set topic = given->>'topic', url = given->>'url', version = version + 1, options = given->>'options',
           concurrency = (given->>'concurrency')::integer, rate = given->'rate',
           retired = s.retired and c ? 'keepsRetired',
           -- What another URL may still prove says nothing of this one.
           proof = case when url = given->>'url' then s.proof end
     where no = known.no
    returning * into changed;
    if changed.topic <> known.topic then
      perform count_for_topic(known.topic, -1);
      perform count_for_topic(changed.topic, 1);
    end if;
    if its_pause = 'retired' and not c ? 'keepsRetired' then
      delete from lanes where lane = a_lane;
      insert into lanes (lane, gathered) values (a_lane, true);
      its_pause := null;
    end if;
  end if;

  if known.id is not null and changed.url = known.url and not is_unproven(its_pause) then proof := null; end if;
  if proof is not null then
    insert into lanes as l (lane, pause, paused_at) values (a_lane, 'unproven', (c->>'now')::bigint)
        on conflict (lane) do update
       set pause = case when l.pause in ('asked', 'unproven_asked') then 'unproven_asked' else 'unproven' end,
           paused_at = case when l.pause = 'asked' or is_unproven(l.pause) then l.paused_at else excluded.paused_at end
    returning l.pause into its_pause;
    delete from lanes where lane = 'proof:' || changed.id;
    sent := send(jsonb_set(proof, '{message,lane}', to_jsonb('proof:' || changed.id)), judged_at);
    update subscriptions s set proof = sent->>'messageId' where no = changed.no;
  end if;
  return present(jsonb_build_object(
    'type', 'put', 'subscription', subscription_json(changed, its_pause), 'created', known.id is null,
    'proofDeliveryId', sent->'deliveryId'));
end $$;

create function find_subscription(c jsonb, judged_at bigint) returns jsonb language sql stable
  return (
    select subscription_json(s, l.pause) from subscriptions s left join lanes l on l.lane = 'subscription:' || s.id
     where s.id = c->>'id'
  );

create function list_subscriptions(c jsonb, judged_at bigint) returns jsonb language plpgsql stable as $$
declare
  start constant text := coalesce(c->>'after', '');
  most constant integer := (c->>'limit')::integer;
  found_nos bigint[];
begin
  if c ? 'topic' and c ? 'url' then
    found_nos := array(select no from subscription_at(c->>'topic', c->>'url') where id > start limit most);
  elsif c ? 'topic' then
    found_nos := array(
      select no from subscriptions where topic = c->>'topic' and id > start order by topic, id limit most);
  elsif c ? 'url' then
    found_nos := array(
      select no from subscriptions
       where hashtextextended(url, 0) = hashtextextended(c->>'url', 0) and id > start and url = c->>'url'
       order by hashtextextended(url, 0), id limit most);
  else
    found_nos := array(select no from subscriptions where id > start order by id limit most);
  end if;
  return (
    select coalesce(jsonb_agg(subscription_json(s, l.pause) order by s.id), '[]')
      from subscriptions s left join lanes l on l.lane = 'subscription:' || s.id
     where s.no = any(found_nos));
end $$;

create function delete_subscription(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  gone subscriptions;
begin
  delete from subscriptions where id = c->>'id' returning * into gone;
  if not found then return 'false'; end if;
  perform count_for_topic(gone.topic, -1);
  -- What was known of its lanes is not any more.
  delete from lanes where lane in ('subscription:' || gone.id, 'proof:' || gone.id);
  insert into lanes (lane, leaving) values ('subscription:' || gone.id, true);
  return 'true';
end $$;
`
