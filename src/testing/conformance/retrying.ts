import assert from 'node:assert/strict'
import type { Decision, Memory, Race } from '../../model/memory.js'
import { cancelRun, claimRuns, enterRun, findRun, reenter, retryRun, startRun } from './entered-run.js'
import {
  APP,
  type EnteredScope,
  endOf,
  failure,
  onDelivery,
  onReceiver,
  onRun,
  placeAt,
  textOf,
  value,
} from './entered-scope.js'
import { RETRIABLE, type Retriable } from './retriable.js'
import { type Area, type Case, DAY, LEASE, MINUTE } from './trial.js'

/** What failed is tried again by hand, and forgets why it failed. */
export const retrying: Area = {
  title: 'retrying by hand',
  cases: [
    ...RETRIABLE.flatMap(forgettingCases),
    {
      title: 'a run that failed is due at once, its failures forgotten, its attempts counting on',
      async run(trial) {
        const { id } = await startRun(trial)
        await (await reenter(trial)).end({ status: 'due', result: failure('not yet'), dueAt: trial.now })
        await (await reenter(trial)).fail()
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        trial.pass(DAY)
        assert.equal(await retryRun(trial, id), true)
        const { status, failures, attempt, endedAt, dueAt } = await findRun(trial, id)
        assert.deepEqual([status, failures, attempt, endedAt, dueAt], ['due', 0, 2, undefined, trial.now])
        assert.equal(await retryRun(trial, id), false)
        assert.equal((await reenter(trial, id)).run.attempt, 3)
      },
    },
    {
      title: 'only what failed is retried',
      async run(trial) {
        const due = await startRun(trial, { dueAt: trial.now + DAY })
        const running = await enterRun(trial)
        const parked = await enterRun(trial)
        await parked.sleep('sleep', trial.now + DAY)
        await parked.parkOn({ type: 'time' }, { deadlineAt: trial.now + DAY })
        for (const { id } of [due, running, parked]) assert.equal(await retryRun(trial, id), false)
        assert.equal(await retryRun(trial, 'run_nobody'), false)
        assert.equal((await parked.find()).status, 'parked')
        assert.equal(await running.end(), true)
      },
    },
    {
      title: 'a run that failed for its crashes and is retried starts counting them again',
      async run(trial) {
        const { id } = await startRun(trial)
        const crash = async () => {
          await reenter(trial, id, { epoch: await trial.join() })
          trial.pass(LEASE)
          await trial.takeOver({ maxCrashes: 2 })
          return (await findRun(trial, id)).status
        }
        assert.deepEqual([await crash(), await crash()], ['due', 'failed'])
        assert.equal(await retryRun(trial, id), true)
        assert.deepEqual([await crash(), await crash()], ['due', 'failed'])
      },
    },
  ],
}

function forgettingCases({ name, enter, retry }: Retriable): readonly Case[] {
  return [
    {
      title: `${name} that failed for a time-out succeeds when it is retried and the callback has come`,
      async run(trial) {
        const scope = await enter(trial)
        const receiver = await scope.spawn('reply')
        assert.deepEqual(endOf(await scope.read('reply', receiver, { deadlineAt: trial.now })), {
          type: 'timed_out',
        })
        trial.pass(MINUTE)
        await trial.fill(receiver, 'late')
        const again = await retry(scope, placeAt('reply', 1))
        assert.equal(textOf(await again.read('reply', receiver, { deadlineAt: trial.now })), 'late')
      },
    },
    {
      title: `${name} that is retried before the callback has come waits for it with a new deadline`,
      async run(trial) {
        const scope = await enter(trial)
        const receiver = await scope.spawn('reply')
        const begun = await scope.exchange('ask', { deadlineAt: trial.now })
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        await scope.read('reply', receiver, { deadlineAt: trial.now })
        await scope.hear('ask', begun)
        trial.pass(MINUTE)
        const again = await retry(scope)
        const deadlineAt = trial.now + MINUTE
        const waiting = { type: 'waiting', deadlineAt, lookAgainAt: deadlineAt }
        assert.deepEqual(await again.read('reply', receiver, { deadlineAt }), waiting)
        const { deadlineAt: _, ...remembered } = begun
        const found = await again.resend('ask', { deadlineAt })
        assert.deepEqual(found, { ...remembered, deadlineAt })
        assert.deepEqual(await again.hear('ask', begun, { deadlineAt }), waiting)
        await trial.fill(begun.receiver, 'late')
        assert.equal(textOf(await again.hear('ask', begun, { deadlineAt })), 'late')
      },
    },
    {
      title: `${name} that blames one memory forgets that one, and keeps what else failed and was dealt with`,
      async run(trial) {
        for (const key of ['book', 'paid', 'reply', 'ask', 'race'] as const) {
          const scope = await enter(trial)
          const receiver = await scope.spawn('reply')
          await trial.close(receiver)
          const places = {
            book: placeAt('book'),
            paid: placeAt('paid'),
            reply: placeAt('reply', 1),
            ask: placeAt('ask'),
            race: placeAt('race'),
          }
          await scope.remember('book', { verb: 'step', result: failure('booked out') })
          await scope.remember('paid', 'paid')
          await scope.read('reply', receiver)
          await scope.hear('ask', await scope.exchange('ask', { deadlineAt: trial.now }))
          const decision: Decision = { winner: 'a', by: { type: 'result', result: failure('lost') } }
          await scope.remember('race', { verb: 'race', decision })
          const before = await scope.memories()
          const again = await retry(scope, places[key])
          for (const { at, memory } of before) {
            const isBlamed = at.key === key && at.n === places[key].n
            assert.deepEqual(isKept(await again.memoryAt(at), memory), !isBlamed, `${key} ${at.key} ${at.n}`)
          }
          await endForGood(again)
        }
      },
    },
    {
      title: `${name} that blames what ended as it should keeps that, and the receiver, message or run it blames`,
      async run(trial) {
        const scope = await enter(trial)
        const receiver = await scope.spawn('reply')
        await trial.fill(receiver, 'bad content', 'next')
        const read = await scope.read('reply', receiver)
        const again = await retry(scope, placeAt('reply', 1))
        assert.deepEqual(await again.read('reply', receiver), read)
        const last = await retry(again, placeAt('reply'))
        assert.equal((await last.spawn('reply')).id, receiver.id)
        assert.equal((await last.memories()).length, 2)
      },
    },
    {
      title: `${name} that blames none forgets every failure it remembers, and keeps what succeeded`,
      async run(trial) {
        const scope = await enter(trial)
        const good = await goodMemories(scope)
        const bad = await badMemories(scope)
        const before = await scope.memories()
        const again = await retry(scope)
        for (const { at, memory } of before) {
          const name = `${at.key} ${at.n}`
          const isKnown = good.includes(name) || bad.includes(name) || at.n === 0
          assert.ok(isKnown, `${name} is neither good nor bad`)
          assert.equal(isKept(await again.memoryAt(at), memory), !bad.includes(name), name)
        }
      },
    },
    {
      title: `${name} forgets with a wait the races that it decided, and those that they decided`,
      async run(trial) {
        const race = (key: string, branch: string): Race => ({
          at: placeAt(key),
          verb: 'race',
          branch,
          wins: ['timed_out', 'callback'],
        })
        for (const isBlaming of [true, false]) {
          const scope = await enter(trial)
          const [left, right] = [await scope.spawn('left'), await scope.spawn('right')]
          const decides = [race('inner', 'a'), race('outer', 'b')]
          await scope.read('left', left, { decides, deadlineAt: trial.now })
          await trial.fill(right, 'right')
          await scope.read('right', right, { decides: [race('other', 'c')] })
          const again = await retry(scope, isBlaming ? placeAt('left', 1) : undefined)
          const winners = [
            await again.winnerOf('inner'),
            await again.winnerOf('outer'),
            await again.winnerOf('other'),
          ]
          assert.deepEqual(winners, [undefined, undefined, 'c'])
          await trial.fill(left, 'left')
          assert.equal(textOf(await again.read('left', left, { decides })), 'left')
          assert.equal(await again.winnerOf('outer'), 'b')
          await endForGood(again)
        }
      },
    },
    {
      title: `${name} that failed with an any forgets what its branches failed with, and nothing that was dealt with`,
      async run(trial) {
        const scope = await enter(trial)
        const late = await scope.spawn('late')
        await scope.remember('dealt with', { verb: 'step', result: failure('declined') })
        await scope.remember('one', { verb: 'step', result: failure('no') })
        await scope.read('late', late, { deadlineAt: trial.now })
        const by = { type: 'result', result: failure('none') } as const
        const inner: Decision = { winner: 'b', by: { ...by, blames: [placeAt('one')] } }
        const outer: Decision = { winner: 'a', by: { ...by, blames: [placeAt('late', 1), placeAt('inner')] } }
        await scope.remember('inner', { verb: 'any', decision: inner })
        await scope.remember('outer', { verb: 'any', decision: outer })
        const again = await retry(scope, placeAt('outer'))
        const kept = (await again.memories()).map(({ at }) => `${at.key} ${at.n}`)
        assert.deepEqual(kept, ['late 0', 'dealt with 0'])
        await endForGood(again)
      },
    },
    {
      title: `${name} keeps the receiver and the message of an exchange whose failure it forgets`,
      async run(trial) {
        const scope = await enter(trial)
        const begun = await scope.exchange('ask', { deadlineAt: trial.now + DAY })
        await trial.record(await trial.takeDelivery(APP), { status: 'dead', reason: 'rejected' })
        assert.deepEqual(endOf(await scope.hear('ask', begun)), { type: 'dead' })
        const again = await retry(scope, placeAt('ask'))
        const memory = await again.memoryAt('ask')
        assert.ok(memory?.verb === 'exchange' && 'receiver' in memory)
        const { receiver, messageId, deliveryId, end, deadlineAt, retried } = memory
        assert.deepEqual(
          [receiver.id, messageId, deliveryId],
          [begun.receiver.id, begun.messageId, begun.deliveryId],
        )
        assert.deepEqual([end, deadlineAt, retried], [undefined, undefined, true])
      },
    },
  ]
}

/** Waits and steps that succeeded, by key and number. */
async function goodMemories(scope: EnteredScope): Promise<readonly string[]> {
  const { trial } = scope
  const receiver = await scope.spawn('good')
  await trial.fill(receiver, 'yes')
  await scope.wait('good', onReceiver(receiver))
  await scope.remember('step', 'done')
  await scope.sleep('sleep', trial.now)
  const sent = await scope.send('sent')
  await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
  await scope.wait('sent', onDelivery(sent))
  const child = await enterRun(trial, { workflow: 'bill' })
  await child.end()
  await scope.wait('child', onRun(child.id))
  await scope.read('open', receiver, { deadlineAt: trial.now + DAY })
  const decision: Decision = { winner: 'a', by: { type: 'result', result: value('a') } }
  await scope.remember('won', { verb: 'race', decision })
  return ['good 0', 'good 1', 'step 0', 'sleep 0', 'sent 0', 'sent 1', 'child 1', 'open 1', 'won 0']
}

/** Waits, steps and races that did not. */
async function badMemories(scope: EnteredScope): Promise<readonly string[]> {
  const { trial } = scope
  await scope.remember('no', { verb: 'step', result: failure('no') })
  const [closed, expired] = [await scope.spawn('closed'), await scope.spawn('expired', { ttlMs: 0 })]
  await trial.close(closed)
  await scope.read('closed', closed)
  await scope.read('expired', expired)
  await scope.read('late', await scope.spawn('late'), { deadlineAt: trial.now })
  const dead = await scope.send('dead')
  await trial.session.cancelDelivery({ deliveryId: dead, now: trial.now })
  await scope.wait('dead', onDelivery(dead))
  const failed = await enterRun(trial, { workflow: 'bill' })
  await failed.fail()
  await scope.wait('failed', onRun(failed.id))
  const quit = await startRun(trial, { workflow: 'bill' })
  await cancelRun(trial, quit.id)
  await scope.wait('quit', onRun(quit.id))
  const decision: Decision = { winner: 'a', by: { type: 'result', result: failure('no') } }
  await scope.remember('lost', { verb: 'any', decision })
  const waits = ['closed', 'expired', 'late', 'dead', 'failed', 'quit'].map(key => `${key} 1`)
  return [...waits, 'no 0', 'lost 0']
}

/** Whether something is remembered as it was. */
function isKept(now: Memory | undefined, before: Memory): boolean {
  if (now === undefined) return false
  assert.equal(now.verb, before.verb)
  return 'end' in now === 'end' in before
}

async function endForGood({ trial, entry }: EnteredScope): Promise<void> {
  const { now } = trial
  if (entry.type === 'callback') await trial.session.acknowledge({ claims: [entry.claim], now })
  else {
    const end = { status: 'done', result: value('done') } as const
    await trial.session.endRun({ claim: entry.claim, now, end })
  }
}
