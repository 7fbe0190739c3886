import { afterEach, expect, it, vi } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { endpointDefaults } from '../../src/sender/policy-options.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { around } from '../../src/testing/session-around.js'
import { ManualClock, openBench } from '../../src/testing/testing.js'
import { type LogLine, recordingLogger } from '../support/server.js'

const LETTERS = 'https://letters.example/'
const APP = { url: 'https://app.example', deadLetter: 'letters' }

afterEach(() => vi.restoreAllMocks())

it('an end is told by whoever declares its endpoint: who does not settles nothing', async () => {
  const store = memoryStore()
  await leaveUntold(store)
  await using bench = await openBench({ store }, () => undefined)
  await bench.advance('1m')
  expect(bench.sent).toEqual([])

  bench.server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS })
  await bench.advance('1m')
  expect(bench.sent.map(({ url }) => url)).toEqual([LETTERS])
})

it('an end of an endpoint that tells nobody is settled, and not told when it does later', async () => {
  const store = memoryStore()
  await leaveUntold(store)
  await using bench = await openBench({ store }, server =>
    server.endpoint('app', { url: 'https://app.example' }),
  )
  await bench.advance('1m')
  bench.server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS })
  await bench.advance('1m')
  expect(bench.sent).toEqual([])
})

it('an end is left to others where whom its endpoint names is not declared, and told at once where it is', async () => {
  const { store, looks } = countingLooks()
  await leaveUntold(store)
  await using bench = await openBench({ store }, server => server.endpoint('app', APP))
  await bench.advance('1h')
  expect(looks()).toBe(0)
  bench.server.endpoint('letters', { url: LETTERS })
  await bench.settle()
  expect(bench.sent.map(({ url }) => url)).toEqual([LETTERS])
  expect(looks()).toBe(1)
})

it.each(['an attempt', 'its deadline'])(
  'a delivery that dies of %s where whom its endpoint names is not declared has a line that says so',
  async died => {
    const logged: LogLine[] = []
    const logger = recordingLogger(logged)
    const untold = () => logged.filter(({ message }) => message.startsWith('nobody can be told'))
    const world = () => new Response(null, { status: died === 'an attempt' ? 400 : 503 })
    await using bench = await openBench({ logger, world }, server => {
      server.endpoint('app', APP)
      server.endpoint('other', { url: 'https://other.example', deadLetter: LETTERS })
    })
    if (died === 'its deadline') await bench.server.endpoint('app', APP).pause()
    await bench.server.send({ to: 'other' })
    const { id } = await bench.server.send({ to: 'app' })
    await bench.advance('31d')
    expect(untold().map(({ facts }) => facts)).toMatchObject([
      { deliveryId: id, endpoint: 'app', err: { message: expect.stringContaining("'letters'") } },
    ])
  },
)

it('an endpoint that names somebody who is not declared has a line in each process, once, whoever recorded its ends', async () => {
  const logged: LogLine[] = []
  const lines = () => logged.filter(({ message }) => message.includes('a deadLetter that is not declared'))
  const store = memoryStore()
  await leaveUntold(store)
  await using bench = await openBench({ store, logger: recordingLogger(logged) }, server => {
    server.endpoint('app', APP)
    server.endpoint('other', { url: 'https://other.example', deadLetter: LETTERS })
  })
  const line = {
    level: 'warn',
    facts: { endpoint: 'app', err: { message: expect.stringContaining("'letters'") } },
  }
  await bench.advance('10h')
  expect(lines()).toMatchObject([line])
  await bench.restart()
  await bench.advance('10h')
  expect(lines()).toMatchObject([line, line])
})

it('an endpoint that names somebody who is declared a little later has no line', async () => {
  const logged: LogLine[] = []
  await using bench = await openBench({ logger: recordingLogger(logged) }, server =>
    server.endpoint('app', APP),
  )
  await bench.advance('4s')
  bench.server.endpoint('letters', { url: LETTERS })
  await bench.advance('1h')
  expect(logged).toEqual([])
})

it('what is delivered does not ask who would have been told', async () => {
  const listing = vi.spyOn(endpointDefaults.hints, 'declared')
  await using bench = await openBench({}, server => server.endpoint('app', APP))
  const delivery = await bench.server.send({ to: 'app' })
  await bench.settle()
  expect(await delivery.done()).toBe('delivered')
  expect(listing).not.toHaveBeenCalled()
})

it('an end of a subscription that was deleted is settled: nobody names anybody any more', async () => {
  const { store, looks } = countingLooks()
  const logged: LogLine[] = []
  let declares = true
  const world = () => new Response(null, { status: 410 })
  await using bench = await openBench({ store, world, logger: recordingLogger(logged) }, server => {
    if (declares) server.endpoint('letters', { url: LETTERS })
  })
  const hook = { topic: 't', url: 'https://shop.example', deadLetter: 'letters' }
  const { id } = await bench.server.subscriptions.put(hook)
  declares = false
  await bench.restart()
  await bench.server.publish({ topic: 't' })
  await bench.settle()
  expect(looks()).toBe(1)
  await bench.server.subscriptions.delete({ id })
  await bench.advance('1h')
  expect(looks()).toBe(2)
  expect(logged.filter(({ message }) => message.startsWith('nobody can be told'))).toEqual([])
})

it('an end that its subscription names somebody for who is not declared is looked at less and less often', async () => {
  const { store, looks } = countingLooks()
  let declares = true
  const world = ({ url }: Request) => new Response(null, { status: url === LETTERS ? 204 : 410 })
  await using bench = await openBench({ store, world }, server => {
    if (declares) server.endpoint('letters', { url: LETTERS })
  })
  await bench.server.subscriptions.put({ topic: 't', url: 'https://shop.example', deadLetter: 'letters' })
  declares = false
  await bench.restart()
  await bench.server.publish({ topic: 't' })
  await bench.advance('1m')
  expect(looks()).toBeGreaterThanOrEqual(4)
  await bench.advance('1h')
  expect(looks()).toBeLessThan(25)
  bench.server.endpoint('letters', { url: LETTERS })
  await bench.advance('5m')
  expect(bench.sent.map(({ url }) => url)).toContain(LETTERS)
})

/** A store, and how many ends were taken from it to be told. */
function countingLooks(): { readonly store: Store; readonly looks: () => number } {
  const store = memoryStore()
  let looks = 0
  const counting: Store = {
    ...store,
    open: async () => {
      const session = await store.open()
      return around(session, {
        claimEnds: async input => {
          const outcome = await session.claimEnds(input)
          looks += outcome.ends.length
          return outcome
        },
      })
    },
  }
  return { store: counting, looks: () => looks }
}

/** A process that died before it could tell of a delivery that did. */
async function leaveUntold(store: Store): Promise<void> {
  const session = await store.open()
  const now = new ManualClock().now()
  const { epoch } = await session.join({ node: 'before', now, leaseMs: 1e12 })
  const message = {
    id: 'msg_1',
    lane: 'endpoint:app',
    method: 'POST',
    path: '',
    query: '',
    headers: [],
  } as const
  await session.send({
    message: { ...message, body: utf8('hello'), createdAt: now },
    ...{ deliveryId: 'dlv_1', dueAt: now, deadlineAt: now + 1e12 },
  })
  const room = { lanes: { 'endpoint:app': 1 }, originRoom: 1, limit: 1 }
  const { claimed } = await session.claimDeliveries({ epoch, now, ...room })
  const claim = { deliveryId: 'dlv_1', epoch, fence: claimed[0]?.fence ?? 0 }
  const attempt = { at: now, durationMs: 1, status: 400 }
  const next = { status: 'dead', reason: 'rejected' } as const
  expect(await session.recordAttempt({ claim, now, attempt, next, tells: true })).toBe('recorded')
  await session.close()
}
