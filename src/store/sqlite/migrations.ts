import type { Connection } from './driver.js'
import { StoreFault } from './fault.js'
import { STEP_3 } from './step-3.js'

// The tables, as numbered steps. A step that has been released is never edited: a change is a new step.
//
//   V1. A step and its number are one transaction, the number first: whoever comes second finds it taken.
//   V2. A file that is further than this code is left alone.
//
// There are no foreign keys: rows go in an order that the engine keeps, and a check for each callback stored would cost
// a look-up and buy nothing.

/** Says in the file's header whose it is: `LngL`. */
const APPLICATION_ID = 0x4c6e674c

export const STEPS: readonly string[] = [
  `
  create table nodes (
    epoch integer primary key autoincrement,
    node text not null,
    lease_ends_at integer not null,
    -- Over for good, also when the clock goes back.
    over integer not null default 0
  );
  create index nodes_over on nodes (epoch) where over = 1;
  create index nodes_live on nodes (lease_ends_at) where over = 0;

  -- The wide half of a receiver: read when its settings are needed.
  create table receivers (
    no integer primary key autoincrement,
    id text not null,
    key text,
    token text not null,
    opened_at integer not null,
    settings text not null
  );
  create unique index receivers_token on receivers (token);
  create unique index receivers_key on receivers (key) where key is not null;

  -- The narrow half: read and written with every callback.
  create table mailboxes (
    receiver_id text primary key,
    receiver integer not null,
    state text not null,
    version integer not null,
    seq integer not null,
    unread integer not null,
    failed integer not null,
    -- Whether any callback was ever put into a group.
    grouped integer not null,
    keyless integer not null,
    epoch integer,
    expires_at integer,
    ended_at integer,
    -- Ended by itself, and no sweep has told so yet.
    untold integer not null default 0,
    -- The open scope that it belongs to: retention leaves it alone, and nobody else reads it.
    scope text
  ) without rowid;
  create index mailboxes_state on mailboxes (state, receiver_id);
  create index mailboxes_expiring on mailboxes (expires_at) where state = 'open' and expires_at is not null;
  create index mailboxes_bound on mailboxes (epoch) where state = 'open' and epoch is not null;
  create index mailboxes_untold on mailboxes (receiver_id) where untold = 1;
  create index mailboxes_leftover on mailboxes (ended_at)
    where ended_at is not null and unread > 0 and scope is null;
  create index mailboxes_keyless on mailboxes (ended_at)
    where ended_at is not null and keyless = 1 and scope is null;
  create index mailboxes_scope on mailboxes (scope) where scope is not null;

  create table callbacks (
    no integer primary key,
    id text not null,
    receiver integer not null,
    seq integer not null,
    state text not null,
    received_at integer not null,
    delivery_id text,
    method text not null,
    path text not null,
    query text not null,
    headers text not null,
    -- Larger ones have a row of their own, so that a change of state does not write them again.
    body blob,
    body_size integer not null,
    grp text,
    epoch integer,
    fence integer not null default 0,
    attempt integer not null default 0,
    failures integer not null default 0,
    crashes integer not null default 0,
    due_at integer,
    reason text,
    error text,
    ended_at integer,
    -- When it was handed out first.
    started_at integer,
    -- It is an open scope: something was remembered in it.
    remembers integer not null default 0,
    -- Of a failed one: the place in its memory whose failure it is, in JSON.
    blames text
  );
  create unique index callbacks_id on callbacks (id);
  create index callbacks_ready on callbacks (receiver, seq) where state = 'ready' and grp is null;
  create index callbacks_grouped on callbacks (receiver, seq) where state = 'ready' and grp is not null;
  create index callbacks_delayed on callbacks (receiver, due_at, seq) where state = 'delayed';
  create index callbacks_due on callbacks (due_at) where state = 'delayed';
  create index callbacks_queued on callbacks (receiver, grp, seq) where state = 'queued';
  create unique index callbacks_active on callbacks (receiver, grp)
    where grp is not null and state in ('ready', 'claimed', 'delayed');
  create index callbacks_claimed on callbacks (epoch, receiver) where state = 'claimed';
  create index callbacks_taken on callbacks (receiver) where state = 'taken';
  create index callbacks_failed on callbacks (receiver, seq) where state = 'failed';
  create index callbacks_ended on callbacks (ended_at) where ended_at is not null;

  create table bodies (
    callback integer primary key,
    body blob not null
  );

  -- By what a repeated request is known, and what its first sender was told at once.
  create table dedupes (
    receiver integer not null,
    delivery_id text not null,
    callback_id text not null,
    received_at integer not null,
    until integer not null,
    answer,
    primary key (receiver, delivery_id)
  ) without rowid;
  create index dedupes_until on dedupes (until);

  -- What senders were told later, or at once without a delivery id.
  create table answers (
    callback_id text primary key,
    until integer not null,
    answer
  ) without rowid;
  create index answers_until on answers (until);

  create table messages (
    no integer primary key,
    id text not null,
    key text,
    lane text not null,
    url text,
    method text not null,
    path text not null,
    query text not null,
    headers text not null,
    type text,
    body blob not null,
    created_at integer not null
  );
  create unique index messages_id on messages (id);
  create unique index messages_key on messages (key) where key is not null;

  create table deliveries (
    no integer primary key,
    id text not null,
    message integer not null,
    lane text not null,
    status text not null,
    due_at integer not null,
    deadline_at integer not null,
    attempts integer not null default 0,
    first_attempt_at integer,
    ended_at integer,
    reason text,
    epoch integer,
    fence integer not null default 0,
    -- The open scope that sent it: retention leaves it alone.
    scope text
  );
  create unique index deliveries_id on deliveries (id);
  create index deliveries_message on deliveries (message);
  create index deliveries_due on deliveries (lane, due_at, id) where status = 'due';
  create index deliveries_next on deliveries (due_at) where status = 'due';
  create index deliveries_sending on deliveries (epoch) where status = 'sending';
  create index deliveries_deadline on deliveries (deadline_at) where ended_at is null;
  create index deliveries_ended on deliveries (ended_at) where ended_at is not null and scope is null;
  create index deliveries_scope on deliveries (scope) where scope is not null;

  create table attempts (
    no integer primary key,
    delivery integer not null,
    number integer not null,
    at integer not null,
    duration_ms real not null,
    status integer,
    error text,
    answer_headers text,
    answer_body blob,
    truncated integer
  );
  create unique index attempts_number on attempts (delivery, number);

  -- Lanes of written-out URLs in which something is due, and when: nobody knows their names beforehand.
  create table origins (
    lane text primary key,
    due_at integer not null
  ) without rowid;
  create index origins_due on origins (due_at);

  -- What scopes remember, each in the order in which it was first remembered.
  create table memories (
    scope text not null,
    ordinal integer not null,
    part text not null,
    key text not null,
    n integer not null,
    -- In JSON, with ids for what has a row of its own.
    facts text not null,
    -- How many bytes are read with it: its own, or the body of a callback.
    size integer not null,
    -- The run that was started there, or found.
    run integer,
    bytes blob,
    primary key (scope, ordinal)
  ) without rowid;
  create unique index memories_place on memories (scope, part, key, n);
  create index memories_run on memories (scope, run) where run is not null;

  create table runs (
    no integer primary key,
    id text not null,
    workflow text not null,
    key text not null,
    status text not null,
    started_at integer not null,
    -- Kept while it is running, for when it is given back.
    due_at integer,
    epoch integer,
    fence integer not null default 0,
    attempt integer not null default 0,
    failures integer not null default 0,
    crashes integer not null default 0,
    cancellation text not null default 'none',
    -- In JSON, because it may hold anything.
    cancel_reason text,
    ended_at integer,
    -- How often open scopes remember it: retention leaves it alone.
    remembered integer not null default 0,
    result_type text,
    result blob,
    -- Of a failed one: the place in its memory whose failure it is, in JSON.
    blames text
  );
  create unique index runs_id on runs (id);
  create unique index runs_key on runs (workflow, key);
  create index runs_listed on runs (workflow, id);
  create index runs_status on runs (workflow, status, id);
  create index runs_due on runs (workflow, due_at, id) where status in ('due', 'parked') and due_at is not null;
  create index runs_next on runs (due_at) where status in ('due', 'parked') and due_at is not null;
  create index runs_running on runs (epoch) where status = 'running';
  create index runs_ended on runs (ended_at) where ended_at is not null and remembered = 0;

  -- Apart, so that a change of status does not write it again.
  create table inputs (
    run integer primary key,
    input blob not null
  );

  -- What parked runs wait for.
  create table waits (
    run integer not null,
    no integer not null,
    key text not null,
    -- The id of a receiver, a delivery or a run.
    target text,
    -- Of a delivery: only its death counts.
    dead_only integer not null default 0,
    primary key (run, no)
  ) without rowid;
  create index waits_target on waits (target, run) where target is not null;
  `,
  `
  -- Exchanges of the server that have a key.
  create table exchanges (
    receiver integer primary key,
    key text not null,
    -- Where the message goes, for as long as the key holds.
    lane text not null,
    url text,
    message_id text not null,
    delivery_id text not null,
    -- The id of the callback that was its answer.
    answer text
  );
  create unique index exchanges_key on exchanges (key);
  `,
  STEP_3,
]

/**
 * Brings the tables up to date.
 *
 * @throws StoreFault `not_ours` for somebody else's database, `newer` for one that a later version wrote.
 */
export function migrate(connection: Connection, steps: readonly string[] = STEPS): void {
  for (let version = versionOf(connection, steps) + 1; version <= steps.length; version++) {
    connection.exec('begin immediate')
    try {
      if (version === 1) {
        connection.exec(`
          pragma application_id = ${APPLICATION_ID};
          create table schema_version (version integer not null);
          insert into schema_version values (0);
        `)
      }
      connection.prepare('update schema_version set version = ?').run(version)
      connection.exec(steps[version - 1] ?? '')
      connection.exec('commit')
    } catch (error) {
      if (connection.inTransaction) connection.exec('rollback')
      throw error
    }
  }
}

/** How far the tables are; 0 for a new file. It only reads, and throws as `migrate` does. */
export function versionOf(connection: Connection, steps: readonly string[] = STEPS): number {
  const { id = 0 } = connection
    .prepare<{ id: number }>('select application_id as id from pragma_application_id')
    .get() ?? { id: 0 }
  const tables = connection
    .prepare<{ count: number }>("select count(*) as count from sqlite_schema where type = 'table'")
    .get()
  if (tables?.count === 0) return 0
  if (id !== APPLICATION_ID) throw new StoreFault('not_ours', `its application id is ${id}`)
  const version =
    connection.prepare<{ version: number }>('select version from schema_version').get()?.version ?? 0
  if (version > steps.length) {
    throw new StoreFault('newer', `its tables are at ${version}, this version knows ${steps.length}`)
  }
  return version
}
