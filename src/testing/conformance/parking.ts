import assert from 'node:assert/strict'
import type { WaitTarget } from '../../model/memory.js'
import {
  cancelRun,
  claimedIds,
  claimRuns,
  type EnteredRun,
  enterRun,
  reenter,
  SHIP,
  startRun,
} from './entered-run.js'
import {
  APP,
  failure,
  LOST,
  onDelivery,
  onExchange,
  onReceiver,
  onRun,
  TIME,
  textOf,
} from './entered-scope.js'
import { type Area, type Case, LEASE, MINUTE, type Trial } from './trial.js'

/** What a run waits for, and how that comes. */
interface Story {
  readonly target: WaitTarget
  readonly deadlineAt?: number
  readonly happens: () => Promise<unknown>
}

type Tell = (scope: EnteredRun, trial: Trial) => Promise<Story>

const stories: Readonly<Record<string, Tell>> = {
  'a callback': async (scope, trial) => {
    const receiver = await scope.spawn('reply')
    return { target: onReceiver(receiver), happens: () => trial.fill(receiver, 'yes') }
  },
  'the end of its receiver': async (scope, trial) => {
    const receiver = await scope.spawn('reply')
    return { target: onReceiver(receiver), happens: () => trial.close(receiver) }
  },
  'the expiry of its receiver': async (scope, trial) => {
    const target = onReceiver(await scope.spawn('reply', { ttlMs: MINUTE }))
    return { target, happens: async () => trial.pass(MINUTE) }
  },
  'the expiry of its receiver, told by a sweep': async (scope, trial) => {
    const target = onReceiver(await scope.spawn('reply', { ttlMs: MINUTE }))
    return {
      target,
      happens: () => {
        trial.pass(MINUTE)
        return trial.sweep()
      },
    }
  },
  'a delivery that is delivered': async (scope, trial) => {
    const target = onDelivery(await scope.send('notify'))
    const claimed = await trial.takeDelivery(APP)
    return { target, happens: () => trial.record(claimed, { status: 'delivered' }) }
  },
  'a delivery that is dead': async (scope, trial) => {
    const target = onDelivery(await scope.send('notify'))
    const claimed = await trial.takeDelivery(APP)
    return { target, happens: () => trial.record(claimed, { status: 'dead', reason: 'rejected' }) }
  },
  'a delivery that is cancelled': async (scope, trial) => {
    const deliveryId = await scope.send('notify')
    const cancels = () => trial.session.cancelDelivery({ deliveryId, now: trial.now })
    return { target: onDelivery(deliveryId), happens: cancels }
  },
  'a delivery that a sweep finds past its deadline': async (scope, trial) => {
    const deliveryId = await scope.send('notify', { deadlineAt: trial.now + MINUTE })
    const expires = () => {
      trial.pass(MINUTE)
      return trial.sweep()
    }
    return { target: onDelivery(deliveryId), happens: expires }
  },
  'a run that is done': async (_, trial) => {
    const child = await enterRun(trial, { workflow: 'bill' })
    return { target: onRun(child.id), happens: () => child.end() }
  },
  'a run that fails': async (_, trial) => {
    const child = await enterRun(trial, { workflow: 'bill' })
    return { target: onRun(child.id), happens: () => child.fail() }
  },
  'a run that ends cancelled': async (_, trial) => {
    const child = await enterRun(trial, { workflow: 'bill' })
    const end = { status: 'cancelled', result: failure('cancelled') } as const
    return { target: onRun(child.id), happens: () => child.end(end) }
  },
  'a run that is cancelled before anybody claimed it': async (_, trial) => {
    const { id } = await startRun(trial, { workflow: 'bill' })
    return { target: onRun(id), happens: () => cancelRun(trial, id) }
  },
  'a run that fails for its crashes': async (_, trial) => {
    const child = await enterRun(trial, { workflow: 'bill', epoch: await trial.join() })
    const crashes = () => {
      trial.pass(LEASE)
      return trial.takeOver({ maxCrashes: 1 })
    }
    return { target: onRun(child.id), happens: crashes }
  },
  'the answer to an exchange': async (scope, trial) => {
    const begun = await scope.exchange('ask')
    return { target: onExchange(begun), happens: () => trial.fill(begun.receiver, 'yes') }
  },
  'the dead delivery of an exchange': async (scope, trial) => {
    const target = onExchange(await scope.exchange('ask'))
    const claimed = await trial.takeDelivery(APP)
    return { target, happens: () => trial.record(claimed, { status: 'dead', reason: 'rejected' }) }
  },
  'its deadline': async (_, trial) => {
    const passes = async () => trial.pass(MINUTE)
    return { target: TIME, deadlineAt: trial.now + MINUTE, happens: passes }
  },
  'its own cancellation': async (scope, trial) => ({
    target: onReceiver(await scope.spawn('reply')),
    happens: () => cancelRun(trial, scope.id),
  }),
}

/** Nobody is parked beside what it waits for, whichever comes first. */
function inBothOrders(what: string, tell: Tell): readonly Case[] {
  return [
    {
      title: `a parked run is due again for ${what}`,
      async run(trial) {
        const scope = await enterRun(trial)
        const { target, happens, ...deadline } = await tell(scope, trial)
        assert.equal(await scope.parkOn(target, deadline), 'parked')
        assert.equal((await scope.find()).status, 'parked')
        assert.deepEqual(await claimedIds(trial), [])
        await happens()
        const again = await reenter(trial, scope.id)
        assert.equal(again.run.attempt, 2)
        assert.deepEqual(await claimedIds(trial), [])
      },
    },
    {
      title: `a run is not parked beside ${what}`,
      async run(trial) {
        const scope = await enterRun(trial)
        const { target, happens, ...deadline } = await tell(scope, trial)
        await happens()
        const before = await scope.find()
        assert.equal(await scope.parkOn(target, deadline), 'ready')
        assert.deepEqual(await scope.find(), before)
        assert.equal(before.status, 'running')
        assert.equal(await scope.end(), true)
      },
    },
  ]
}

/** Runs that only wait cost no memory, and miss nothing. */
export const parking: Area = {
  title: 'parking',
  cases: [
    ...Object.entries(stories).flatMap(([what, tell]) => inBothOrders(what, tell)),
    {
      title: 'a callback and a park at the same moment leave nobody parked beside it',
      async run(trial) {
        for (let round = 0; round < 30; round += 1) {
          const scope = await enterRun(trial)
          const receiver = await scope.spawn('reply')
          const commands = [() => scope.parkOn(onReceiver(receiver)), () => trial.post(receiver, 'yes')]
          if (round % 2 === 0) commands.reverse()
          await Promise.all(commands.map(command => command()))
          const { status } = await scope.find()
          assert.notEqual(status, 'parked')
          const entry = status === 'due' ? await reenter(trial, scope.id) : scope
          assert.equal(textOf(await entry.read('reply', receiver)), 'yes')
          await entry.end()
        }
      },
    },
    {
      title: 'a parked run is in nobody’s hands: what its last entry writes is lost, and no node loses it',
      async run(trial) {
        const scope = await enterRun(trial, { epoch: await trial.join() })
        const receiver = await scope.spawn('reply')
        await scope.parkOn(onReceiver(receiver))
        assert.deepEqual(await scope.remember('book', 'booked'), LOST)
        assert.equal(await scope.parkOn(onReceiver(receiver)), 'lost')
        assert.equal(await scope.end(), false)
        assert.equal(await scope.release(), false)
        trial.pass(LEASE)
        assert.equal((await trial.takeOver()).runs, 0)
        const { status, attempt } = await scope.find()
        assert.deepEqual([status, attempt], ['parked', 1])
        assert.deepEqual(await claimRuns(trial, { workflows: { [SHIP]: 9 } }), { claimed: [] })
      },
    },
  ],
}
