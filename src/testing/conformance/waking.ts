import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import type { NewsInput } from '../../store/receiving.js'
import { type Area, LEASE, MINUTE, type Trial } from './trial.js'

const OUTBOX = { kind: 'outbox' } as const
const ANSWER = { status: 200, headers: [], body: utf8('ok') }

function news(
  trial: Trial,
  asked: Partial<NewsInput>,
): Promise<Awaited<ReturnType<Trial['session']['news']>>> {
  return trial.session.news({
    now: trial.now,
    receiverIds: [],
    deliveryIds: [],
    callbackIds: [],
    runIds: [],
    ...asked,
  })
}

/** Who is told to look again, and what there is to see for those who were not told. */
export const waking: Area = {
  title: 'wake-ups and news',
  cases: [
    {
      title: 'wakes whoever reads a receiver when there is something to read, or an end',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const wake = { kind: 'receiver', receiverId: receiver.id } as const
        const wakesAfter = async (change: () => Promise<unknown>) => {
          const log = trial.listen()
          await change()
          await log.expect(wake)
          log.stop()
        }
        await wakesAfter(() => trial.fill(receiver, 'a', 'b'))
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await wakesAfter(() => trial.release(a))
        await wakesAfter(() => trial.giveUp(b))
        const failed = { receiverId: receiver.id, callbackId: b.id, now: trial.now }
        await wakesAfter(() => trial.session.retryFailed(failed))
        const epoch = await trial.join()
        await trial.take(receiver, { epoch })
        trial.pass(LEASE)
        await wakesAfter(() => trial.takeOver())
        await wakesAfter(() => trial.close(receiver))
        await wakesAfter(() => trial.spawn('orders', {}, { reopen: true }))
      },
    },
    {
      title: 'wakes whoever reads a receiver that ended when its last callback was handled',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await trial.close(receiver)
        const first = await trial.session.acknowledge({ claims: [trial.toClaim(a)], now: trial.now })
        assert.deepEqual(first, { done: [true], receiverIds: [] })
        const log = trial.listen()
        const second = await trial.session.acknowledge({ claims: [trial.toClaim(b)], now: trial.now })
        assert.deepEqual(second, { done: [true], receiverIds: [receiver.id] })
        await log.expect({ kind: 'receiver', receiverId: receiver.id })
      },
    },
    {
      title: 'wakes whoever reads a receiver that expired, or lost its node, when that was noticed',
      async run(trial) {
        const expired = await trial.spawn('orders', { ttlMs: LEASE })
        const lost = await trial.spawn(undefined, {}, { epoch: await trial.join() })
        trial.pass(LEASE)
        await trial.noticeLosses()
        const log = trial.listen()
        await trial.sweep()
        await log.expect({ kind: 'receiver', receiverId: expired.id })
        await log.expect({ kind: 'receiver', receiverId: lost.id })
      },
    },
    {
      title: 'wakes whoever waits for an answer, and for the end of a delivery',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const request = trial.request(receiver, 'a')
        await trial.session.accept(request)
        const log = trial.listen()
        const { callbackId } = request
        await trial.session.answer({ callbackId, answer: ANSWER, until: trial.now + MINUTE })
        await log.expect({ kind: 'answer', callbackId })

        await trial.queue('endpoint:app')
        const delivered = await trial.takeDelivery('endpoint:app')
        await trial.record(delivered, { status: 'delivered' })
        await log.expect({ kind: 'delivery', deliveryId: delivered.delivery.id })
        assert.equal(log.has({ kind: 'dead', deliveryId: delivered.delivery.id }), false)
        const cancelled = await trial.queue('endpoint:app')
        await trial.session.cancelDelivery({ deliveryId: cancelled, now: trial.now })
        await log.expect({ kind: 'delivery', deliveryId: cancelled })
        await log.expect({ kind: 'dead', deliveryId: cancelled })
        const expired = await trial.queue('endpoint:app', { deadlineAt: trial.now + MINUTE })
        trial.pass(MINUTE)
        await trial.sweep()
        await log.expect({ kind: 'delivery', deliveryId: expired })
        await log.expect({ kind: 'dead', deliveryId: expired })
      },
    },
    {
      title: 'wakes whoever sends when a delivery may be due',
      async run(trial) {
        const wakesAfter = async (change: () => Promise<unknown>) => {
          const log = trial.listen()
          await change()
          await log.expect(OUTBOX)
          log.stop()
        }
        await wakesAfter(() => trial.queue('endpoint:app'))
        const claimed = await trial.takeDelivery('endpoint:app')
        await wakesAfter(() => trial.record(claimed, { status: 'due', dueAt: trial.now }))
        const again = await trial.takeDelivery('endpoint:app')
        await wakesAfter(() => trial.session.releaseDelivery({ claim: trial.toDeliveryClaim(again) }))
        const epoch = await trial.join()
        await trial.takeDelivery('endpoint:app', { epoch })
        trial.pass(LEASE)
        await wakesAfter(() => trial.takeOver())
      },
    },
    {
      title: 'whoever looks whenever a wake-up comes finds what it was about, once',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const looks: Promise<number>[] = []
        const stop = trial.session.subscribe(wake => {
          if (wake.kind === 'receiver')
            looks.push(trial.take(receiver, { limit: 1 }).then(({ length }) => length))
        })
        const log = trial.listen()
        await trial.fill(receiver, 'a')
        await log.expect({ kind: 'receiver', receiverId: receiver.id })
        stop()
        const found = await Promise.all(looks)
        assert.equal(
          found.reduce((sum, count) => sum + count, 0),
          1,
        )
      },
    },
    {
      title: 'wakes every listener, until it stops listening',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const [one, other] = [trial.listen(), trial.listen()]
        const wake = { kind: 'receiver', receiverId: receiver.id } as const
        await trial.fill(receiver, 'a')
        await Promise.all([one.expect(wake), other.expect(wake)])
        one.stop()
        one.stop()
        const before = one.wakes.length
        await trial.close(receiver)
        other.wakes.length = 0
        await trial.fill(await trial.spawn('other'), 'b')
        await trial.spawn('orders', {}, { reopen: true })
        await other.expect(wake)
        assert.equal(one.wakes.length, before)
      },
    },
    {
      title: 'a wake-up that gets lost costs a look at the news, never a callback',
      async run(trial) {
        const [ready, delayed, held, empty] = [
          await trial.spawn('ready'),
          await trial.spawn('delayed'),
          await trial.spawn('held'),
          await trial.spawn('empty'),
        ]
        const receiverIds = [ready, delayed, held, empty].map(({ id }) => id)
        for (const receiver of [ready, delayed, held]) await trial.fill(receiver, 'a')
        await trial.take(held)
        await trial.release(await trial.takeOne(delayed), { dueAt: trial.now + MINUTE })
        assert.deepEqual((await news(trial, { receiverIds })).receiverIds, [ready.id])
        trial.pass(MINUTE)
        const told = await news(trial, { receiverIds })
        assert.deepEqual([...told.receiverIds].sort(), [ready.id, delayed.id].sort())
      },
    },
    {
      title: 'receivers that are no longer open are news: closed, expired, without their node, forgotten',
      async run(trial) {
        const closed = await trial.spawn('closed')
        await trial.close(closed)
        const expired = await trial.spawn('expired', { ttlMs: LEASE })
        const lost = await trial.spawn(undefined, {}, { epoch: await trial.join() })
        const open = await trial.spawn('open')
        const receiverIds = [closed.id, expired.id, lost.id, open.id, 'rcv_nobody']
        const before = await news(trial, { receiverIds })
        assert.deepEqual([...before.receiverIds].sort(), [closed.id, 'rcv_nobody'].sort())
        trial.pass(LEASE)
        await trial.noticeLosses()
        const after = await news(trial, { receiverIds })
        assert.deepEqual([...after.receiverIds].sort(), receiverIds.filter(id => id !== open.id).sort())
      },
    },
    {
      title: 'deliveries that ended and callbacks that have their answer are news, the others are not',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const [answered, waiting] = [trial.request(receiver, 'a'), trial.request(receiver, 'b')]
        for (const request of [answered, waiting]) await trial.session.accept(request)
        await trial.session.answer({
          callbackId: answered.callbackId,
          answer: ANSWER,
          until: trial.now + MINUTE,
        })
        const delivered = await trial.queue('endpoint:app')
        await trial.record(await trial.takeDelivery('endpoint:app'), { status: 'delivered' })
        const [due, cancelled] = [await trial.queue('endpoint:app'), await trial.queue('endpoint:app')]
        await trial.session.cancelDelivery({ deliveryId: cancelled, now: trial.now })
        const told = await news(trial, {
          deliveryIds: [delivered, due, cancelled],
          callbackIds: [answered.callbackId, waiting.callbackId],
        })
        assert.deepEqual(
          { ...told, deliveryIds: [...told.deliveryIds].sort() },
          {
            receiverIds: [],
            deliveryIds: [delivered, cancelled].sort(),
            callbackIds: [answered.callbackId],
            runIds: [],
          },
        )
      },
    },
    {
      title: 'asked about thousands at once, the news name each that deserves a look',
      async run(trial) {
        const spawned = await Promise.all(
          Array.from({ length: 1_200 }, (_, index) => trial.spawn(`orders/${index}`)),
        )
        const ready = spawned.filter((_, index) => index % 100 === 7)
        for (const receiver of ready) await trial.fill(receiver, 'a')
        const told = await news(trial, { receiverIds: spawned.map(({ id }) => id) })
        assert.deepEqual([...told.receiverIds].sort(), ready.map(({ id }) => id).sort())
        assert.deepEqual(await news(trial, {}), {
          receiverIds: [],
          deliveryIds: [],
          callbackIds: [],
          runIds: [],
        })
      },
    },
  ],
}
