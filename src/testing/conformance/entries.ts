import assert from 'node:assert/strict'
import type { Entry } from '../../model/memory.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import { type EnteredCallback, enterCallback } from './entered-callback.js'
import { cancelRun, type EnteredRun, enterRun, reenter, tryStartRun } from './entered-run.js'
import {
  type Begun,
  EnteredScope,
  failure,
  LOST,
  onReceiver,
  placeAt,
  TIME,
  textOf,
  value,
} from './entered-scope.js'
import { lookAtAll } from './sight.js'
import { type Area, type Case, DAY, LEASE, type Trial } from './trial.js'

/** What becomes of an entry, so that it may write no more. */
type Over<S> = (scope: S, trial: Trial) => Promise<unknown>

const overForRuns: Readonly<Record<string, Over<EnteredRun>>> = {
  'whose run was given back': scope => scope.release(),
  'whose run was given back and entered again': async (scope, trial) => {
    await scope.release()
    await reenter(trial, scope.id, { epoch: await trial.join({ leaseMs: DAY }) })
  },
  'whose run is to be tried again': (scope, trial) =>
    scope.end({ status: 'due', result: failure('not yet'), dueAt: trial.now }),
  'whose run is done': scope => scope.end(),
  'whose run failed': scope => scope.fail(),
  'whose run ended cancelled': scope => scope.end({ status: 'cancelled', result: value('over') }),
}

const overForCallbacks: Readonly<Record<string, Over<EnteredCallback>>> = {
  'whose callback was given back': (scope, trial) => trial.release(scope.callback, { epoch: scope.epoch }),
  'whose callback was given back and handed out again': async (scope, trial) => {
    await trial.release(scope.callback, { epoch: scope.epoch })
    await trial.takeOne(await trial.spawn('orders'), { epoch: await trial.join({ leaseMs: DAY }) })
  },
  'whose callback was acknowledged': scope => scope.acknowledge(),
  'whose callback was set aside': (scope, trial) => trial.giveUp(scope.callback, { epoch: scope.epoch }),
}

/** The same for both. */
const overForAll: Readonly<Record<string, Over<EnteredScope>>> = {
  'whose lease ran out, before anybody noticed': async (_, trial) => trial.pass(LEASE),
  'whose lease ran out, and was taken over': async (_, trial) => {
    trial.pass(LEASE)
    await trial.takeOver()
  },
  'whose node left': (scope, trial) => trial.leave(scope.entry.claim.epoch),
}

/** Entries that never were. */
const never: Readonly<Record<string, (entry: Entry, epoch: number) => Entry>> = {
  'with another fence': entry => change(entry, { fence: entry.claim.fence + 1 }),
  'with another epoch': (entry, epoch) => change(entry, { epoch }),
}

/** Every write names its entry, and an entry that is over writes nothing. */
export const entries: Area = {
  title: 'entries and their fences',
  cases: [
    ...Object.entries({ ...overForRuns, ...overForAll }).map(([how, over]) =>
      overCase('run', how, enterRun, over),
    ),
    ...Object.entries({ ...overForCallbacks, ...overForAll }).map(([how, over]) =>
      overCase('callback', how, enterCallback, over),
    ),
    ...Object.entries(never).flatMap(([how, toOther]): readonly Case[] =>
      ([enterRun, enterCallback] as const).map((enter, index) => ({
        title: `an entry of a ${index === 0 ? 'run' : 'callback'} ${how} than the one that holds writes nothing`,
        async run(trial) {
          const scope = await enter(trial)
          const shown = new EnteredScope(trial, toOther(scope.entry, await trial.join()))
          await expectLost(trial, scope, shown)
          assert.equal((await scope.remember('more', 'more')).type, 'remembered')
        },
      })),
    ),
    {
      title: 'an entry of a callback shown for another receiver writes nothing',
      async run(trial) {
        const scope = await enterCallback(trial)
        const { id: receiverId } = await trial.spawn('other')
        const shown = { type: 'callback', claim: { ...trial.toClaim(scope.callback), receiverId } } as const
        await expectLost(trial, scope, new EnteredScope(trial, shown))
        assert.equal(await scope.acknowledge(), true)
      },
    },
    {
      title: 'the entry that came after goes on from what the one before it wrote in time',
      async run(trial) {
        const scope = await enterRun(trial, { epoch: await trial.join() })
        const receiver = await scope.spawn('reply')
        await trial.fill(receiver, 'a', 'b')
        assert.equal(textOf(await scope.read('reply', receiver)), 'a')
        trial.pass(LEASE)
        await trial.takeOver()
        const again = await reenter(trial, scope.id)
        assert.deepEqual(await scope.read(placeAt('reply', 2), receiver), LOST)
        assert.equal(textOf(await again.read('reply', receiver)), 'a')
        assert.equal(textOf(await again.read(placeAt('reply', 2), receiver)), 'b')
        assert.deepEqual(await scope.read('reply', receiver), LOST)
      },
    },
  ],
}

function overCase<S extends EnteredScope>(
  what: string,
  how: string,
  enter: (trial: Trial, options: { readonly epoch: number }) => Promise<S>,
  over: Over<S>,
): Case {
  return {
    title: `an entry of a ${what} ${how}, writes nothing`,
    async run(trial) {
      const scope = await enter(trial, { epoch: await trial.join() })
      await expectLost(trial, scope, scope, () => over(scope, trial))
    },
  }
}

/** Every command that names an entry is lost, and leaves no trace. */
async function expectLost(
  trial: Trial,
  scope: EnteredScope,
  shown: EnteredScope,
  over: () => Promise<unknown> = async () => {},
): Promise<void> {
  const reply = await scope.spawn('reply')
  await trial.fill(reply, 'unread')
  await scope.remember('book', 'booked')
  await scope.sleep('sleep', trial.now + DAY)
  const begun = await scope.exchange('ask', { deadlineAt: trial.now + DAY })
  const sleeping = await scope.memoryAt('sleep')
  assert.ok(sleeping)
  if (scope.entry.type === 'run') await cancelRun(trial, scope.id)
  await over()
  const before = await lookAtAll(trial, [scope], [begun.deliveryId])
  for (const command of commandsOf(shown, reply, begun)) assert.deepEqual(await command(), LOST)
  for (const place of ['sleep', 'new']) assert.equal(await shown.throwCancel(place, 'sleep'), false)
  const { entry } = shown
  const { session, now } = trial
  if (entry.type === 'run') {
    const { claim } = entry
    const result = value('over')
    const waits = [{ at: placeAt('sleep'), target: TIME, deadlineAt: now + DAY }]
    assert.equal(await session.park({ claim, waits, now }), 'lost')
    for (const status of ['done', 'cancelled', 'failed'] as const) {
      assert.equal(await session.endRun({ claim, now, end: { status, result } }), false)
    }
    assert.equal(await session.endRun({ claim, now, end: { status: 'due', result, dueAt: now } }), false)
    assert.equal(await session.releaseRun({ claim, now }), false)
  } else {
    assert.deepEqual((await session.acknowledge({ claims: [entry.claim], now })).done, [false])
    assert.deepEqual(await tryStartRun(trial, { workflow: 'bill', acknowledges: entry.claim }), LOST)
  }
  assert.deepEqual(await lookAtAll(trial, [scope], [begun.deliveryId]), before)
}

function commandsOf(
  shown: EnteredScope,
  reply: ReceiverRecord,
  begun: Begun,
): readonly (() => Promise<unknown>)[] {
  const { trial, entry } = shown
  const decision = { winner: 'a', by: { type: 'result', result: value('a') } } as const
  const start = { workflow: 'bill', in: { entry, at: placeAt('new') } }
  return [
    () => shown.remember('new', 'new'),
    () => shown.remember('book', 'known'),
    () => shown.remember('new', { verb: 'race', decision }),
    () => shown.trySpawn('new'),
    () => shown.trySpawn('reply'),
    () => shown.trySpawn('new', { source: 'stripe', brings: ['verify'] }),
    () => shown.trySend('new'),
    () => shown.tryExchange('new', { deadlineAt: trial.now }),
    () => shown.tryResend('ask', { deadlineAt: trial.now }),
    () => shown.tryResend('new'),
    () => tryStartRun(trial, start),
    () => shown.wait('reply', onReceiver(reply)),
    () => shown.wait('reply', onReceiver(reply), { deadlineAt: trial.now, anew: true }),
    () => shown.sleep('sleep', trial.now, { anew: true }),
    () => shown.sleep('new', trial.now),
    () => shown.hear('ask', begun),
  ]
}

function change(entry: Entry, claim: { readonly epoch?: number; readonly fence?: number }): Entry {
  return entry.type === 'run'
    ? { type: 'run', claim: { ...entry.claim, ...claim } }
    : { type: 'callback', claim: { ...entry.claim, ...claim } }
}
