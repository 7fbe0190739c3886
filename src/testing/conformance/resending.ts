import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { createId } from '../../core/ids.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import type { StoreSession } from '../../store/store.js'
import { enterCallback } from './entered-callback.js'
import { type EnteredRun, enterRun, reenter } from './entered-run.js'
import {
  APP,
  failure,
  LOST,
  newDelivery,
  newReceiver,
  newSend,
  onExchange,
  onReceiver,
  placeAt,
  TIME,
  value,
} from './entered-scope.js'
import { lookAtAll } from './sight.js'
import { type Area, type Case, DAY, type Trial } from './trial.js'

interface Setting {
  readonly trial: Trial
  readonly session: StoreSession
  readonly now: number
  readonly scope: EnteredRun
  /** A receiver of the scope, with two callbacks unread. */
  readonly reply: ReceiverRecord
}

/** A command as it is sent twice, and what the second is told: the same, unless this says otherwise. */
interface Sent {
  readonly send: () => Promise<unknown>
  readonly again?: unknown
}

type Prepare = (setting: Setting) => Sent | Promise<Sent>

const commands: Readonly<Record<string, Prepare>> = {
  'the result of a step': ({ session, now, scope: { entry } }) => {
    const memory = { verb: 'step', result: value('booked') } as const
    return { send: () => session.remember({ entry, at: placeAt('book'), memory, now }) }
  },
  'the decision of a race': ({ session, now, scope: { entry } }) => {
    const decision = { winner: 'a', by: { type: 'result', result: value('a') } } as const
    const memory = { verb: 'race', decision } as const
    return { send: () => session.remember({ entry, at: placeAt('race'), memory, now }) }
  },
  'a spawn': ({ trial, session, now, scope: { entry } }) => {
    const receiver = newReceiver(trial)
    return { send: () => session.spawnInScope({ entry, at: placeAt('new'), receiver, now }) }
  },
  'a send': ({ trial, session, now, scope: { entry } }) => {
    const send = newSend(trial)
    return { send: () => session.sendInScope({ entry, at: placeAt('notify'), send, now }) }
  },
  'an exchange': ({ trial, session, now, scope: { entry } }) => {
    const [receiver, send] = [newReceiver(trial), newSend(trial)]
    const input = { entry, at: placeAt('ask'), receiver, send, deadlineAt: now + DAY, now }
    return { send: () => session.exchangeInScope(input) }
  },
  'an exchange after a retry': async ({ trial, session, now, scope }) => {
    const begun = await scope.exchange('ask')
    await trial.record(await trial.takeDelivery(APP), { status: 'dead', reason: 'rejected' })
    await scope.hear('ask', begun)
    await scope.fail()
    await session.retryRun({ runId: scope.id, now })
    const { entry } = await reenter(trial, scope.id)
    const again = { entry, at: placeAt('ask'), delivery: newDelivery(trial), deadlineAt: now + DAY, now }
    return { send: () => session.resendInScope(again) }
  },
  'a read': ({ scope, reply }) => ({ send: () => scope.read('reply', reply) }),
  'a read in place of one that was given up': async ({ scope, reply, now }) => {
    await scope.read(placeAt('reply', 1), await scope.spawn('empty'), { deadlineAt: now + DAY })
    return { send: () => scope.wait('reply', onReceiver(reply), { anew: true }) }
  },
  'a read that wins a race': ({ scope, reply }) => {
    const decides = [{ at: placeAt('race'), verb: 'race', branch: 'a', wins: ['callback'] }] as const
    return { send: () => scope.read('reply', reply, { decides }) }
  },
  'a look that begins a deadline': ({ scope, now }) => ({ send: () => scope.sleep('sleep', now + DAY) }),
  'a look that finds a deadline passed': ({ scope, now }) => ({ send: () => scope.sleep('sleep', now) }),
  'a look that finds an answer': async ({ trial, scope }) => {
    const begun = await scope.exchange('ask')
    await trial.fill(begun.receiver, 'yes')
    const look = { at: placeAt('ask'), verb: 'exchange', target: onExchange(begun) } as const
    return { send: () => scope.decide(look) }
  },
  'a cancellation': ({ session, now, scope }) => ({
    send: () => session.cancelRun({ runId: scope.id, reason: 'enough', now }),
    again: false,
  }),
  'the throw of a cancellation': async ({ session, now, scope }) => {
    await session.cancelRun({ runId: scope.id, now })
    return { send: () => scope.throwCancel('sleep', 'sleep'), again: false }
  },
  'a start': ({ session, now }) => {
    const runId = createId('run', now)
    const run = { runId, workflow: 'bill', key: 'order/7', input: utf8('{}'), dueAt: now, now }
    return { send: () => session.startRun(run) }
  },
  'a start in a scope': ({ session, now, scope: { entry } }) => {
    const runId = createId('run', now)
    const run = { runId, workflow: 'bill', key: 'order/7', input: utf8('{}'), dueAt: now, now }
    const within = { entry, at: placeAt('bill') }
    return { send: () => session.startRun({ ...run, in: within }) }
  },
  'a start that handles a callback': async ({ trial, session, now }) => {
    const { callback } = await enterCallback(trial)
    const runId = createId('run', now)
    const run = { runId, workflow: 'bill', key: 'order/7', input: utf8('{}'), dueAt: now, now }
    return { send: () => session.startRun({ ...run, acknowledges: trial.toClaim(callback) }), again: LOST }
  },
  'a park': async ({ scope, now }) => {
    await scope.sleep('sleep', now + DAY)
    return { send: () => scope.parkOn(TIME, { deadlineAt: now + DAY }), again: 'lost' }
  },
  'an end': ({ scope }) => ({ send: () => scope.end(), again: false }),
  'a failure': ({ scope }) => ({ send: () => scope.fail(), again: false }),
  'a failure that is to be tried again': ({ scope, now }) => {
    const end = { status: 'due', result: failure('not yet'), dueAt: now } as const
    return { send: () => scope.end(end), again: false }
  },
  'a run given back': ({ scope }) => ({ send: () => scope.release(), again: false }),
  'a retry by hand': async ({ session, now, scope }) => {
    await scope.fail()
    return { send: () => session.retryRun({ runId: scope.id, now }), again: false }
  },
  'the cancellation of a run that failed': async ({ session, now, scope }) => {
    await scope.fail()
    return { send: () => session.cancelRun({ runId: scope.id, reason: 'enough', now }), again: false }
  },
  'the claims of a call that nobody heard of': ({ session, now, trial }) => ({
    send: () => session.reclaimRuns({ epoch: trial.epoch, held: [], now }),
    again: 0,
  }),
}

/** A command whose outcome was lost is sent again, and done once. */
export const resending: Area = {
  title: 'commands sent again',
  cases: [
    ...Object.entries(commands).map(
      ([what, prepare]): Case => ({
        title: `${what}, sent again because its answer was lost, has the effect of one`,
        async run(trial) {
          const scope = await enterRun(trial)
          const reply = await scope.spawn('reply')
          await trial.fill(reply, 'a', 'b')
          const { session, now } = trial
          const sent = await prepare({ trial, session, now, scope, reply })
          const first = await sent.send()
          const seen = await lookAtAll(trial, [scope])
          for (let time = 0; time < 2; time += 1) {
            assert.deepEqual(await sent.send(), 'again' in sent ? sent.again : first)
            assert.deepEqual(await lookAtAll(trial, [scope]), seen)
          }
        },
      }),
    ),
    {
      title: 'an end that is sent again ends no later entry of the run',
      async run(trial) {
        const scope = await enterRun(trial)
        const end = { status: 'due', result: failure('not yet'), dueAt: trial.now } as const
        await scope.end(end)
        const again = await reenter(trial, scope.id)
        assert.equal(await scope.end(end), false)
        assert.equal(await scope.release(), false)
        assert.equal(await again.end(), true)
      },
    },
    {
      title: 'a message that was sent again is one delivery, an exchange one answer to wait for',
      async run(trial) {
        const scope = await enterRun(trial)
        const { entry } = scope
        const { now, session } = trial
        const [send, receiver] = [newSend(trial), newReceiver(trial)]
        const outcomes = await Promise.all([
          ...[1, 2, 3].map(() => session.sendInScope({ entry, at: placeAt('notify'), send, now })),
          ...[1, 2, 3].map(() =>
            session.exchangeInScope({ entry, at: placeAt('ask'), receiver, send: newSend(trial), now }),
          ),
        ])
        assert.equal(new Set(outcomes.map(outcome => JSON.stringify(outcome))).size, 2)
        assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed.length, 2)
      },
    },
  ],
}
