/** Topics, subscriptions, the state of lanes, and what happened to messages. */
export const STEP_3 = `
  create table topics (
    id text primary key,
    name text,
    declared integer not null default 0,
    -- Those that name it.
    subscriptions integer not null default 0
  ) without rowid;

  create table subscriptions (
    -- In the order in which they came to be. A number is never given twice: fan-outs go by it.
    no integer primary key autoincrement,
    id text not null,
    topic text not null,
    url text not null,
    version integer not null,
    options text not null,
    concurrency integer,
    rate_count real,
    rate_ms real,
    created_at integer not null,
    -- The message that proves it when it is delivered.
    proof text
  );
  create unique index subscriptions_id on subscriptions (id);
  create unique index subscriptions_target on subscriptions (topic, url);
  create index subscriptions_fan_out on subscriptions (topic, no);
  create index subscriptions_topic on subscriptions (topic, id);
  create index subscriptions_url on subscriptions (url, id);

  -- Lanes of which something is known.
  create table lanes (
    lane text primary key,
    rests_until integer,
    failures integer not null,
    failing_since integer,
    strikes integer not null,
    last_strike_at integer,
    probing integer not null,
    warned integer not null,
    pause text,
    paused_at integer,
    catch_up_count real,
    catch_up_ms real,
    next_at real,
    -- From then on nothing is known of it that a healthy lane would not have, unless more happens.
    idle_at real
  ) without rowid;
  create index lanes_idle on lanes (idle_at) where idle_at is not null;
  create index lanes_unwarned on lanes (failing_since)
    where failing_since is not null and pause is null and warned = 0 and strikes >= 2;
  create index lanes_striking on lanes (failing_since)
    where failing_since is not null and pause is null and strikes >= 3;

  -- Lanes, of endpoints excepted, of which something may be taken, and when: nobody knows their names beforehand.
  drop index origins_due;
  alter table origins rename to due_lanes;
  create index due_lanes_due on due_lanes (due_at);

  -- Lanes of subscriptions that are gone, and in which something waits.
  create table doomed_lanes (lane text primary key) without rowid;

  alter table messages add column stripped integer not null default 0;
  alter table messages add column follows text;
  alter table messages add column publication_key text;
  create unique index messages_publication_key on messages (publication_key) where publication_key is not null;

  alter table deliveries add column url text;
  -- Of a message to a topic.
  alter table deliveries add column topic text;
  -- When its message was created.
  alter table deliveries add column message_at integer;
  alter table deliveries add column redelivered_as text;
  -- Retention has let go of what is large in it.
  alter table deliveries add column stripped integer not null default 0;
  update deliveries set message_at = (select created_at from messages where messages.no = deliveries.message);

  drop index deliveries_message;
  create index deliveries_message on deliveries (message, id);
  drop index deliveries_sending;
  create index deliveries_sending on deliveries (epoch, lane) where status = 'sending';
  create index deliveries_lane on deliveries (lane, id);
  create index deliveries_topic on deliveries (topic, id) where topic is not null;
  create index deliveries_dead on deliveries (id) where status = 'dead';
  create index deliveries_dead_in on deliveries (lane, id) where status = 'dead';
  create index deliveries_pending on deliveries (id) where ended_at is null;
  create index deliveries_unstripped on deliveries (ended_at)
    where ended_at is not null and scope is null and stripped = 0;
  create index deliveries_unstripped_of on deliveries (message) where stripped = 0;

  -- Written anew, because a number that was read must never be given again.
  create table numbered_attempts (
    no integer primary key autoincrement,
    delivery integer not null,
    number integer not null,
    at integer not null,
    duration_ms real not null,
    status integer,
    error text,
    error_class text,
    request text,
    answer_headers text,
    answer_body blob,
    truncated integer,
    lane text not null,
    topic text
  );
  insert into numbered_attempts
    (no, delivery, number, at, duration_ms, status, error, answer_headers, answer_body, truncated, lane)
    select a.no, a.delivery, a.number, a.at, a.duration_ms, a.status, a.error,
           a.answer_headers, a.answer_body, a.truncated, d.lane
      from attempts a join deliveries d on d.no = a.delivery order by a.no;
  drop table attempts;
  alter table numbered_attempts rename to attempts;
  create unique index attempts_number on attempts (delivery, number);
  create index attempts_lane on attempts (lane, no);
  create index attempts_topic on attempts (topic, no) where topic is not null;

  create table fan_outs (
    message integer primary key,
    -- Who subscribed between the two is still to have a delivery.
    place integer not null,
    last integer not null,
    patterns text not null,
    due_at integer not null,
    deadline_at integer not null,
    turn_at integer not null,
    -- Tells those apart that have their turns at the same instant.
    turn integer not null
  );
  create index fan_outs_turn on fan_outs (turn_at, turn);
  create index fan_outs_last_turn on fan_outs (turn);

  -- Messages that were published and that nobody wanted: there is no delivery that takes them along.
  create table unwanted (
    message integer primary key,
    created_at integer not null
  );
  create index unwanted_created on unwanted (created_at);

  -- How deliveries ended, in order of commits: those that died, and those that somebody has to be told of.
  create table ends (
    no integer primary key autoincrement,
    delivery integer not null,
    lane text not null,
    topic text,
    dead integer not null,
    -- Whether it is told depends on what its lane says when somebody tells.
    asks_lane integer not null,
    -- Until it is settled.
    turn_at integer
  );
  create unique index ends_delivery on ends (delivery);
  create index ends_told on ends (turn_at, no) where turn_at is not null and asks_lane = 0;
  create index ends_asking on ends (lane, turn_at, no) where turn_at is not null and asks_lane = 1;
  create index ends_dead on ends (no) where dead = 1;
  create index ends_dead_in on ends (lane, no) where dead = 1;
  create index ends_dead_topic on ends (topic, no) where dead = 1 and topic is not null;
  -- Of those that died before, nobody has to be told any more.
  insert into ends (delivery, lane, dead, asks_lane)
    select no, lane, 1, 0 from deliveries
     where status = 'dead' and reason <> 'cancelled' order by ended_at, no;
  `
