// The tables. Every instant is in milliseconds since 1970, every id a text compared byte by byte. What may hold anything
// (headers, errors, reasons) is JSON in a text: jsonb refuses some of it.
//
// Rows that are read and written with every callback (mailboxes), every hand-out (callbacks), every attempt (deliveries) or
// every entry (runs) leave room on their pages, so that a change of state stays on its page and touches no index that it
// need not touch. What is queued is found through partial indexes, which hold only what is queued.

export const TABLES = `
create table nodes (
  epoch bigint generated always as identity primary key,
  node text not null,
  lease_ends_at bigint not null,
  -- Over for good: somebody whose own lease stood found it to be.
  over boolean not null default false,
  -- Among lanes that no endpoint has, the one at which it stopped looking (dispatching.ts, L5).
  last_lane text collate "C" not null default 'endpoint;'
) with (fillfactor = 50);
create index nodes_over on nodes (epoch) where over;

-- The wide half of a receiver: read when its settings are needed.
create table receivers (
  no bigint generated always as identity primary key,
  id text collate "C" not null,
  key text collate "C",
  token text collate "C" not null,
  opened_at bigint not null,
  settings jsonb not null
);
create unique index receivers_id on receivers (id);
create unique index receivers_token on receivers (token);
create unique index receivers_key on receivers (key) where key is not null;

-- The narrow half: the lock, read and written with every callback.
create table mailboxes (
  receiver_id text collate "C" primary key,
  receiver bigint not null,
  state text not null default 'open',
  version integer not null default 1,
  seq bigint not null default 0,
  unread integer not null default 0,
  failed integer not null default 0,
  keyless boolean not null,
  epoch bigint,
  expires_at bigint,
  ended_at bigint,
  -- Ended by itself, and no sweep has told so yet.
  untold boolean not null default false,
  -- The open scope that it belongs to: retention leaves it alone, and nobody else reads it.
  scope text collate "C",
  -- The end after which a sweep found nothing in it, and nothing can come into it any more.
  emptied bigint
) with (fillfactor = 50);
create index mailboxes_ended on mailboxes (state, receiver_id) where state <> 'open';
create index mailboxes_expiring on mailboxes (expires_at) where state = 'open' and expires_at is not null;
create index mailboxes_bound on mailboxes (epoch) where state = 'open' and epoch is not null;
create index mailboxes_untold on mailboxes (receiver_id) where untold;
create index mailboxes_leftover on mailboxes (ended_at)
  where ended_at is not null and scope is null and not untold and emptied is distinct from ended_at;
create index mailboxes_keyless on mailboxes (ended_at) where ended_at is not null and scope is null and keyless;
create index mailboxes_scope on mailboxes (scope) where scope is not null;

create table callbacks (
  no bigint generated always as identity primary key,
  id text collate "C" not null,
  receiver bigint not null,
  seq bigint not null,
  state text not null default 'ready',
  received_at bigint not null,
  delivery_id text collate "C",
  method text not null,
  path text not null,
  query text not null,
  headers text not null,
  body bytea not null,
  grp text collate "C",
  epoch bigint,
  fence integer not null default 0,
  attempt integer not null default 0,
  failures integer not null default 0,
  crashes integer not null default 0,
  due_at bigint,
  reason text,
  error text,
  ended_at bigint,
  -- When it was handed out first.
  started_at bigint,
  -- It is an open scope: something was remembered in it.
  remembers boolean not null default false,
  -- Of a failed one: the place in its memory whose failure it is.
  blames jsonb
) with (fillfactor = 70);
create unique index callbacks_id on callbacks (id);
create index callbacks_ready on callbacks (receiver, seq) where state = 'ready';
create index callbacks_in_groups on callbacks (receiver, seq) where state = 'ready' and grp is not null;
create index callbacks_delayed on callbacks (receiver, due_at, seq) where state = 'delayed';
create index callbacks_due on callbacks (due_at) where state = 'delayed';
create index callbacks_queued on callbacks (receiver, grp, seq) where state = 'queued';
create unique index callbacks_active on callbacks (receiver, grp)
  where grp is not null and state in ('ready', 'claimed', 'delayed');
create index callbacks_claimed on callbacks (epoch, receiver) where state = 'claimed';
create index callbacks_held on callbacks (receiver) where state = 'claimed';
create index callbacks_taken on callbacks (receiver) where state = 'taken';
create index callbacks_failed on callbacks (receiver, seq) where state = 'failed';
create index callbacks_ended on callbacks (ended_at) where ended_at is not null;

-- By what a repeated request is known, and what its first sender was told at once.
create table dedupes (
  receiver bigint not null,
  delivery_id text collate "C" not null,
  callback_id text collate "C" not null,
  received_at bigint not null,
  until bigint not null,
  -- A StoredAnswer, its body in base64, in a text.
  answer text,
  primary key (receiver, delivery_id)
);
create index dedupes_until on dedupes (until);

-- What senders were told later, or at once without a delivery id.
create table answers (
  callback_id text collate "C" primary key,
  until bigint not null,
  answer text not null
);
create index answers_until on answers (until);

create table messages (
  no bigint generated always as identity primary key,
  id text collate "C" not null,
  key text collate "C",
  lane text collate "C" not null,
  url text,
  method text not null,
  path text not null,
  query text not null,
  headers text not null,
  type text,
  body bytea not null,
  created_at bigint not null,
  -- Of one to many; kept apart from the keys of those with one target.
  publication_key text collate "C",
  -- The delivery whose end it tells.
  follows text collate "C",
  -- Retention has let go of its body.
  stripped boolean not null default false,
  -- It was published, its fan-out is done, and it has no delivery: only its own age says when it goes.
  unsent boolean not null default false
);
create unique index messages_id on messages (id);
create unique index messages_key on messages (key) where key is not null;
create unique index messages_publication_key on messages (publication_key) where publication_key is not null;
create index messages_unsent on messages (created_at) where unsent;

create table deliveries (
  no bigint generated always as identity primary key,
  id text collate "C" not null,
  message bigint not null,
  lane text collate "C" not null,
  status text not null default 'due',
  due_at bigint not null,
  deadline_at bigint not null,
  attempts integer not null default 0,
  first_attempt_at bigint,
  ended_at bigint,
  reason text,
  epoch bigint,
  fence integer not null default 0,
  -- The open scope that sent it: retention leaves it alone.
  scope text collate "C",
  -- Of one of a list; else its message has it.
  url text,
  -- What its message was published to.
  topic text collate "C",
  redelivered_as text collate "C",
  -- It is due in a lane of which nothing is taken for now, and was set aside (dispatching.ts, L7).
  held boolean not null default false,
  -- Retention has let go of what is large in it.
  stripped boolean not null default false
) with (fillfactor = 70);
create unique index deliveries_id on deliveries (id);
create index deliveries_message on deliveries (message, id);
create index deliveries_lane on deliveries (lane, id);
create index deliveries_topic on deliveries (topic, id) where topic is not null;
create index deliveries_waiting on deliveries (id) where status = 'due';
create index deliveries_dead on deliveries (id) where status = 'dead';
create index deliveries_due on deliveries (lane, due_at, id) where status = 'due';
create index deliveries_origins on deliveries (due_at)
  where status = 'due' and not held and lane not like 'endpoint:%';
create index deliveries_held on deliveries (lane) where status = 'due' and held;
create index deliveries_next on deliveries (due_at) where status = 'due';
create index deliveries_sending on deliveries (epoch, lane) where status = 'sending';
create index deliveries_deadline on deliveries (deadline_at) where ended_at is null;
create index deliveries_ended on deliveries (stripped, ended_at) where ended_at is not null and scope is null;
create index deliveries_scope on deliveries (scope) where scope is not null;

create table attempts (
  delivery bigint not null,
  number integer not null,
  at bigint not null,
  duration_ms double precision not null,
  status integer,
  error text,
  answer_headers text,
  answer_body bytea,
  truncated boolean,
  error_class text,
  request text,
  -- Of its delivery: what the log of attempts is read by.
  lane text collate "C" not null,
  topic text collate "C",
  -- The order of the log (history.ts, H1).
  xid xid8 not null default pg_current_xact_id(),
  no bigint generated always as identity,
  primary key (delivery, number)
);
create index attempts_logged on attempts (xid, no);
create index attempts_in_lane on attempts (lane, xid, no);
create index attempts_of_topic on attempts (topic, xid, no) where topic is not null;

-- Exchanges of the server that have a key.
create table exchanges (
  receiver bigint primary key,
  key text collate "C" not null,
  -- Where the message goes, for as long as the key holds.
  lane text collate "C" not null,
  url text,
  message_id text collate "C" not null,
  delivery_id text collate "C" not null,
  -- The id of the callback that was its answer.
  answer text collate "C"
);
create unique index exchanges_key on exchanges (key);

-- What scopes remember, each in the order in which it was first remembered.
create table memories (
  scope text collate "C" not null,
  ordinal bigint not null,
  part text collate "C" not null,
  key text collate "C" not null,
  n integer not null,
  -- With ids for what has a row of its own (src/store/memory-facts.ts).
  facts jsonb not null,
  -- How many bytes are read with it: its own, or the body of a callback.
  size integer not null,
  -- The run that was started there, or found.
  run bigint,
  bytes bytea,
  primary key (scope, ordinal)
) with (fillfactor = 80);
create unique index memories_place on memories (scope, part, key, n);
create index memories_run on memories (scope) where run is not null;

create table runs (
  no bigint generated always as identity primary key,
  id text collate "C" not null,
  workflow text collate "C" not null,
  key text collate "C" not null,
  status text not null default 'due',
  started_at bigint not null,
  -- Kept while it is running, for when it is given back.
  due_at bigint,
  epoch bigint,
  fence integer not null default 0,
  attempt integer not null default 0,
  failures integer not null default 0,
  crashes integer not null default 0,
  cancellation text not null default 'none',
  -- A JSON string, because it may hold anything.
  cancel_reason text,
  ended_at bigint,
  -- How often open scopes remember it: retention leaves it alone.
  remembered integer not null default 0,
  result_type text,
  result bytea,
  -- Of a failed one: the place in its memory whose failure it is.
  blames jsonb
) with (fillfactor = 60);
create unique index runs_id on runs (id);
create unique index runs_key on runs (workflow, key);
create index runs_listed on runs (workflow, id);
create index runs_status on runs (workflow, status, id);
create index runs_due on runs (workflow, due_at, id) where status in ('due', 'parked') and due_at is not null;
create index runs_running on runs (epoch) where status = 'running';
create index runs_ended on runs (ended_at) where ended_at is not null and remembered = 0;

-- Apart, so that a change of status does not write it again.
create table inputs (
  run bigint primary key,
  input bytea not null
);

-- What parked runs wait for.
create table waits (
  run bigint not null,
  no integer not null,
  key text not null,
  -- The id of a receiver, a delivery or a run.
  target text collate "C",
  -- Of a delivery: only its death counts.
  dead_only boolean not null default false,
  primary key (run, no)
);
create index waits_target on waits (target, run) where target is not null;
`
