import { DAY, MINUTE } from '../../../../src/testing/conformance/trial.js'
import { makeSchema, testPool } from './schema.js'

// A schema in which every table is large, and nearly all of it is none of any command's business.

export interface Filling {
  /** Of each kind, so many. */
  readonly rows: number
  /** Otherwise statistics say what they said when everything was empty. */
  readonly isAnalysed: boolean
  /** Told of the table that is next. */
  readonly onTable?: (table: string) => void
}

export async function makeFilledSchema(
  schema: string,
  { rows, isAnalysed, onTable = () => {} }: Filling,
): Promise<void> {
  await makeSchema(schema)
  const client = await testPool().connect()
  try {
    await client.query(`set search_path to ${schema}`)
    const { rows: tables } = await client.query<{ name: string }>(
      'select tablename as name from pg_tables where schemaname = $1',
      [schema],
    )
    for (const { name } of tables) {
      await client.query(`alter table ${name} set (autovacuum_enabled = off)`)
    }
    await client.query('analyze')
    for (const statement of STATEMENTS) {
      onTable(/insert into (\w+)/.exec(statement)?.[1] ?? '')
      await client.query(
        statement
          .replaceAll('$now', `${Date.UTC(2026, 0, 1)}`)
          .replaceAll('$many', `generate_series(1, ${rows}) n`)
          .replaceAll('$rows', `${rows}`),
      )
    }
    if (isAnalysed) await client.query('analyze')
  } finally {
    client.release(true)
  }
}

const STATEMENTS = `
insert into receivers (id, key, token, opened_at, settings)
select 'rcv_' || n, 'key/' || n, 'token' || n, $now, '{}' from $many;
insert into receivers (id, key, token, opened_at, settings) values ('rcv_full', 'full', 'full', $now, '{}');
-- Half of them open, half of them closed long ago, and looked at by a sweep since.
insert into mailboxes (receiver_id, receiver, keyless, state, ended_at, emptied, seq)
select id, no, false, case when no % 2 = 0 then 'open' else 'closed' end,
       case when no % 2 = 1 then $now - ${40 * DAY} end, case when no % 2 = 1 then $now - ${40 * DAY} end, 1
  from receivers where id <> 'rcv_full';
insert into mailboxes (receiver_id, receiver, keyless, seq, unread, failed)
select id, no, false, 2 * $rows, $rows, $rows from receivers where id = 'rcv_full';

insert into callbacks (id, receiver, seq, state, received_at, method, path, query, headers, body, ended_at)
select 'cb_' || n, n, 1, 'done', $now, 'POST', '', '', '[]', '\\x00', $now + n from $many;
insert into callbacks (id, receiver, seq, state, received_at, method, path, query, headers, body)
select 'cb_full_' || n, no, n, 'ready', $now, 'POST', '', '', '[]', '\\x00' from $many, receivers where id = 'rcv_full';
insert into callbacks (id, receiver, seq, state, received_at, method, path, query, headers, body, ended_at, remembers)
select 'cb_failed_' || n, no, $rows + n, 'failed', $now, 'POST', '', '', '[]', '\\x00', $now + n, true
  from $many, receivers where id = 'rcv_full';
insert into callbacks (id, receiver, seq, state, received_at, method, path, query, headers, body, due_at)
select 'cb_delayed_' || n, n, 2, 'delayed', $now, 'POST', '', '', '[]', '\\x00', $now + ${90 * DAY} + n from $many;
insert into dedupes (receiver, delivery_id, callback_id, received_at, until)
select n, 'evt-1', 'cb_' || n, $now, $now + ${90 * DAY} from $many;
insert into answers (callback_id, until, answer) select 'cb_' || n, $now + ${90 * DAY}, '[]' from $many;

insert into messages (id, key, lane, method, path, query, headers, body, created_at)
select 'msg_' || n, 'key/' || n, 'endpoint:app', 'POST', '', '', '[]', '\\x00', $now from $many;
insert into exchanges (receiver, key, lane, message_id, delivery_id, answer)
select n, 'key/' || n, 'endpoint:app', 'msg_' || n, 'dlv_done_' || n, 'cb_' || n from $many;
insert into attempts (delivery, number, at, duration_ms, lane) select n, 1, $now, 1, 'endpoint:flood' from $many;
-- Delivered; due in one lane; and waiting for a retry, each in a lane of its own.
insert into deliveries (id, message, lane, status, due_at, deadline_at, ended_at)
select 'dlv_done_' || n, n, 'endpoint:app', 'delivered', $now, $now + ${90 * DAY}, $now + n from $many;
insert into deliveries (id, message, lane, due_at, deadline_at)
select 'dlv_flood_' || n, n, 'endpoint:flood', $now - n, $now + ${90 * DAY} from $many;
insert into deliveries (id, message, lane, due_at, deadline_at)
select 'dlv_waits_' || n, n, 'origin:https://' || n || '.example', $now + ${MINUTE} + n, $now + ${90 * DAY} from $many;

insert into runs (id, workflow, key, status, started_at, due_at)
select 'run_' || n, 'ship', 'key/' || n, 'parked', $now, $now + ${DAY} + n from $many;
insert into runs (id, workflow, key, status, started_at, ended_at)
select 'run_done_' || n, 'ship', 'done/' || n, 'done', $now, $now + n from $many;
insert into runs (id, workflow, key, status, started_at, ended_at)
select 'run_failed_' || n, 'ship', 'failed/' || n, 'failed', $now, $now + n from $many;
insert into runs (id, workflow, key, started_at, due_at)
select 'run_flood_' || n, 'flood', 'key/' || n, $now, $now - n from $many;
insert into inputs (run, input) select no, '\\x00' from runs;
insert into memories (scope, ordinal, part, key, n, facts, size, bytes)
select 'run_big', n, '', 'step ' || n, 0, '{"verb": "step", "result": "value"}', 1, '\\x00' from $many;
insert into waits (run, no, key, target) select n, 0, 'reply', 'rcv_' || n from $many;
insert into memories (scope, ordinal, part, key, n, facts, size, bytes)
select 'run_' || n, 1, '', 'step', 1, '{}', 1, '\\x00' from $many;

-- Dead, told and untold, of a topic; and due in lanes that are paused.
insert into deliveries (id, message, lane, topic, status, due_at, deadline_at, ended_at, reason)
select 'dlv_dead_' || n, n, 'subscription:sub_' || n, 'flood', 'dead', $now, $now, $now + n, 'expired' from $many;
insert into ends (delivery, lane, topic, dead, turn_at, asks)
select no, lane, topic, true, case when no % 2 = 0 then $now - 1 end, case when no % 3 = 0 then '' else 'endpoint:other' end
  from deliveries where id like 'dlv_dead_%';
insert into deliveries (id, message, lane, due_at, deadline_at)
select 'dlv_held_' || n, n, 'subscription:sub_' || n, $now - n, $now + ${90 * DAY} from $many;

insert into topics (id, subscriptions) select 'topic.' || n, 1 from $many;
insert into counters (name, last) values ('subscriptions', 2 * $rows);
insert into subscriptions (no, id, topic, url, options, created_at)
select n, 'sub_' || n, 'flood', 'https://' || n || '.example', '{}', $now from $many;
insert into subscriptions (no, id, topic, url, options, created_at, retired)
select $rows + n, 'sub_gone_' || n, 'flood', 'https://gone-' || n || '.example', '{}', $now, true from $many;
-- Paused; failing, and not for long; at rest, each until another instant; healthy, but for a bucket that is not full.
insert into lanes (lane, pause, paused_at, failures, failing_since, strikes)
select 'subscription:sub_' || n, 'asked', $now, 1, $now, 5 from $many;
insert into lanes (lane, failures, failing_since, strikes, warned) select 'origin:https://fails-' || n || '.example', 5, $now, 5, true from $many;
insert into lanes (lane, rests_until, gathered) select 'origin:https://rests-' || n || '.example', $now + ${90 * DAY} + n, true from $many;
insert into lanes (lane, next_at) select 'origin:https://rated-' || n || '.example', $now + ${90 * DAY} + n from $many;
insert into messages (id, lane, method, path, query, headers, body, created_at)
select 'msg_fans_' || n, 'topic:none', 'POST', '', '', '[]', '', $now from $many;
insert into fan_outs (message, last, patterns, due_at, deadline_at, turn_at)
select no, 1, '{none}', $now, $now + ${DAY}, $now + ${DAY} from messages where id like 'msg_fans_%';
`
  .split(/;\n+/)
  .filter(statement => statement.trim() !== '')
