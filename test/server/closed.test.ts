import { describe, expect, it } from 'vitest'
import {
  type Callback,
  type CallbackServer,
  type Delivery,
  type Endpoint,
  type FailedCallback,
  LonglineError,
  type Published,
  type Received,
  type Receiver,
  type RunHandle,
  type Scope,
  type ScopeReceiver,
  ServerClosedError,
  StoreUnavailableError,
  type Workflow,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { collect, openTestServer, type TestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'
import { stores } from '../support/stores.js'

// The bugs: whoever asks a server that is closed is told that its store is away, and tries again for ever; a loop that follows
// what comes keeps the process from ending.

const HOOK = { topic: 't', url: 'https://shop.example' }
const TO_APP = { to: 'https://app.example' } as const

type MethodOf<H> = { [M in keyof H]: H[M] extends (...given: never[]) => unknown ? M : never }[keyof H]
/** Every method of a handle: one that is new, and not listed here, does not compile. */
type Walk<H> = { readonly [M in MethodOf<H>]: Step<H> }
interface Step<H> {
  readonly call: (handle: H) => unknown
  readonly becomes: 'server_closed' | 'nothing'
}

const rejects = <H>(call: (handle: H) => unknown): Step<H> => ({ call, becomes: 'server_closed' })
/** It lets go of something, which is gone with the server; or ends a loop. */
const ends = <H>(call: (handle: H) => unknown): Step<H> => ({ call, becomes: 'nothing' })

const SERVER: Walk<Omit<CallbackServer, 'fetch' | 'node' | 'health'>> = {
  source: rejects(server => server.source('s', {})),
  endpoint: rejects(server => server.endpoint('e', { url: 'https://app.example' })),
  workflow: rejects(server => server.workflow('w', async () => undefined)),
  spawn: rejects(server => server.spawn('orders')),
  receivers: rejects(server => collect(server.receivers())),
  send: rejects(server => server.send('k', TO_APP)),
  publish: rejects(server => server.publish('k', { topic: 't' })),
  exchange: rejects(server => server.exchange('k', { send: () => TO_APP })),
  processDue: rejects(server => server.processDue()),
  close: ends(server => server.close()),
  [Symbol.asyncDispose]: ends(server => server[Symbol.asyncDispose]()),
}

const SUBSCRIPTIONS: Walk<CallbackServer['subscriptions']> = {
  put: rejects(subscriptions => subscriptions.put(HOOK)),
  get: rejects(subscriptions => subscriptions.get('sub_1')),
  list: rejects(subscriptions => collect(subscriptions.list())),
  pause: rejects(subscriptions => subscriptions.pause('sub_1')),
  resume: rejects(subscriptions => subscriptions.resume('sub_1')),
  rotateSecret: rejects(subscriptions => subscriptions.rotateSecret('sub_1')),
  delete: rejects(subscriptions => subscriptions.delete({ id: 'sub_1' })),
}

const TOPICS: Walk<CallbackServer['topics']> = {
  put: rejects(topics => topics.put({ id: 't' })),
  list: rejects(topics => collect(topics.list())),
  delete: rejects(topics => topics.delete('t')),
}

const DELIVERIES: Walk<CallbackServer['deliveries']> = {
  get: rejects(deliveries => deliveries.get('dlv_1')),
  list: rejects(deliveries => collect(deliveries.list())),
  attempts: rejects(deliveries => collect(deliveries.attempts())),
  dead: rejects(deliveries => collect(deliveries.dead({ follow: true }))),
  redeliver: rejects(deliveries => deliveries.redeliver({ status: 'dead' })),
}

const ENDPOINT: Walk<Endpoint> = {
  pause: rejects(app => app.pause()),
  resume: rejects(app => app.resume()),
  health: rejects(app => app.health()),
  send: rejects(app => app.send('k', {})),
}

const DELIVERY: Walk<Delivery> = {
  done: rejects(delivery => delivery.done()),
  response: rejects(delivery => delivery.response()),
  attempts: rejects(delivery => delivery.attempts()),
  cancel: rejects(delivery => delivery.cancel()),
}

const PUBLISHED: Walk<Published> = {
  deliveries: rejects(published => collect(published.deliveries())),
}

const RECEIVER: Walk<Receiver<unknown>> = {
  next: rejects(receiver => receiver.next()),
  stream: ends(receiver => collect(receiver.stream())),
  consume: rejects(receiver => receiver.consume(() => undefined)),
  accept: rejects(receiver => receiver.accept({})),
  failed: rejects(receiver => collect(receiver.failed())),
  close: rejects(receiver => receiver.close()),
  [Symbol.asyncIterator]: ends(receiver => collect(receiver)),
  [Symbol.asyncDispose]: ends(receiver => receiver[Symbol.asyncDispose]()),
}

const FAILED: Walk<FailedCallback> = {
  retry: rejects(failed => failed.retry()),
  discard: rejects(failed => failed.discard()),
}

const SCOPE: Walk<Scope> = {
  spawn: rejects(scope => scope.spawn('late spawn')),
  send: rejects(scope => scope.send('late send', TO_APP)),
  publish: rejects(scope => scope.publish('late publish', { topic: 't' })),
  exchange: rejects(scope => scope.exchange('late exchange', { send: () => TO_APP })),
  start: rejects(scope => scope.start('late start', { name: 'work' } as Workflow<undefined, void>)),
  step: rejects(scope => scope.step('late step', () => undefined)),
  sleep: rejects(scope => scope.sleep('late sleep', '1h')),
  race: rejects(scope => scope.race('late race', { hour: () => scope.sleep('hour', '1h') })),
  any: rejects(scope => scope.any('late any', { hour: () => scope.sleep('hour', '1h') })),
}

/** What can be read of a callback lies in it. */
const CALLBACK: Walk<Omit<Callback<unknown>, keyof Received<unknown>>> = {
  ...SCOPE,
  ack: rejects(callback => callback.ack()),
  release: ends(callback => callback.release()),
  respond: rejects(callback => callback.respond({ status: 200 })),
}

const SCOPE_RECEIVER: Walk<ScopeReceiver<unknown>> = {
  next: rejects(receiver => receiver.next()),
  stream: rejects(receiver => collect(receiver.stream())),
  accept: rejects(receiver => receiver.accept({})),
  close: rejects(receiver => receiver.close()),
  [Symbol.asyncIterator]: rejects(receiver => collect(receiver)),
  [Symbol.asyncDispose]: ends(receiver => receiver[Symbol.asyncDispose]()),
}

const WORKFLOW: Walk<Workflow<undefined, void>> = {
  start: rejects(workflow => workflow.start('late')),
  get: rejects(workflow => workflow.get('late')),
  runs: rejects(workflow => collect(workflow.runs())),
}

const RUN: Walk<RunHandle<void>> = {
  result: rejects(run => run.result()),
  status: rejects(run => run.status()),
  cancel: rejects(run => run.cancel()),
  retry: rejects(run => run.retry()),
}

/** How somebody comes by a handle while the server is open. */
const handles: readonly (readonly [
  name: string,
  walk: (bench: TestServer) => Promise<() => Promise<Became>>,
])[] = [
  ['the server', handle(SERVER, async ({ server }) => server)],
  ['its subscriptions', handle(SUBSCRIPTIONS, async ({ server }) => server.subscriptions)],
  ['its topics', handle(TOPICS, async ({ server }) => server.topics)],
  ['its deliveries', handle(DELIVERIES, async ({ server }) => server.deliveries)],
  ['an endpoint', handle(ENDPOINT, async ({ server }) => toApp(server))],
  ['a delivery', handle(DELIVERY, ({ server }) => server.send(TO_APP))],
  ['a delivery sent by an endpoint', handle(DELIVERY, ({ server }) => toApp(server).send({}))],
  ['a publication', handle(PUBLISHED, ({ server }) => server.publish({ topic: 't' }))],
  ['a delivery of a publication', handle(DELIVERY, ({ server }) => firstOfList(server))],
  ['a delivery that was sent again', handle(DELIVERY, redelivered)],
  ['a receiver with a key', handle(RECEIVER, ({ server }) => server.spawn('orders'))],
  ['a receiver that was read', handle(RECEIVER, async bench => (await receive(bench)).receiver)],
  ['what a receiver has set aside', handle(FAILED, setAside)],
  ['a callback in hand', handle(CALLBACK, async bench => (await receive(bench)).callback)],
  [
    'a callback in hand that has used its verbs',
    handle(CALLBACK, async bench => {
      const { callback } = await receive(bench)
      await callback.step('first', () => undefined)
      return callback
    }),
  ],
  ['the answer to an exchange', handle(CALLBACK, answered)],
  ['a receiver of a callback', handle(SCOPE_RECEIVER, async bench => (await inScope(bench)).spawn('reply'))],
  ['a delivery of a callback', handle(DELIVERY, async bench => (await inScope(bench)).send('ask', TO_APP))],
  [
    'a publication of a callback',
    handle(PUBLISHED, async bench => (await inScope(bench)).publish('tell', { topic: 't' })),
  ],
  [
    'a run of a callback',
    handle(RUN, async bench => (await inScope(bench)).start('work', toWork(bench.server))),
  ],
  ['a workflow', handle(WORKFLOW, async ({ server }) => toWork(server))],
  ['a run', handle(RUN, ({ server }) => toWork(server).start('work/7'))],
]

describe.each(stores)('a server that is closed (%s)', (_, place) => {
  it.each(handles)('says so to whoever still holds %s', async (_name, hold) => {
    await using bench = await openTestServer({ store: place(), fetch: request => callBack(request) })
    const callBack = async (request: Request) => {
      const { url } = (await request.json().catch(() => ({}))) as { readonly url?: string }
      if (url !== undefined) await bench.post(url)
      return new Response()
    }
    const walk = await hold(bench)
    await bench.server.close({ grace: 0 })
    const { became, expected } = await walk()
    expect(became).toEqual(expected)
  })
})

interface Became {
  readonly became: Readonly<Record<string, string>>
  readonly expected: Readonly<Record<string, string>>
}

/** Comes by a handle, and then calls each of its methods. */
function handle<H>(
  steps: Walk<H>,
  find: (bench: TestServer) => Promise<H>,
): (bench: TestServer) => Promise<() => Promise<Became>> {
  return async bench => {
    const found = await find(bench)
    return async () => {
      const became: Record<string, string> = {}
      const expected: Record<string, string> = {}
      for (const name of Reflect.ownKeys(steps)) {
        const { call, becomes } = Reflect.get(steps, name) as Step<H>
        expected[String(name)] = becomes
        became[String(name)] = await outcomeOf(async () => call(found))
      }
      return { became, expected }
    }
  }
}

async function outcomeOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'nothing'
  } catch (error) {
    return error instanceof LonglineError ? error.code : String(error)
  }
}

function toApp(server: CallbackServer): Endpoint {
  return server.endpoint('app', { url: 'https://app.example' })
}

function toWork(server: CallbackServer): Workflow<undefined, void> {
  return server.workflow('work', async run => await run.sleep('long', '30d'))
}

async function receive(
  bench: TestServer,
): Promise<{ receiver: Receiver<unknown>; callback: Callback<unknown> }> {
  const receiver = await bench.server.spawn({ respond: 'manual' })
  await receiver.accept({ order: 7 })
  return { receiver, callback: await receiver.next() }
}

async function inScope(bench: TestServer): Promise<Scope> {
  return (await receive(bench)).callback
}

async function setAside(bench: TestServer): Promise<FailedCallback> {
  const receiver = await bench.server.spawn('orders')
  await receiver.accept({ order: 7 })
  const consumer = receiver.consume({ retry: false }, () => {
    throw new Error('no')
  })
  let failed: FailedCallback | undefined
  while (failed === undefined) [failed] = await collect(receiver.failed())
  await consumer.stop()
  return failed
}

async function answered({ server }: TestServer): Promise<Callback<unknown>> {
  return await server.exchange({ send: url => ({ ...TO_APP, body: { url } }) })
}

async function firstOfList(server: CallbackServer): Promise<Delivery> {
  const published = await server.publish({ to: ['https://app.example'] })
  for await (const delivery of published.deliveries()) return delivery
  throw new Error('the list has no delivery')
}

async function redelivered({ server }: TestServer): Promise<Delivery> {
  const first = await server.send(TO_APP)
  await first.done()
  return await server.deliveries.redeliver(first.id)
}

it('says so to a call that was under way when it closed, and to nobody whose store is away before', async () => {
  let fail: (error: Error) => void = () => undefined
  const store = withCommands(memoryStore(), () => ({
    findSubscription: () => new Promise((_, reject) => (fail = reject)),
  }))
  const bench = await openTestServer({ store })
  const away = bench.server.subscriptions.get('sub_1')
  fail(new StoreUnavailableError('away'))
  await expect(away).rejects.toThrow(StoreUnavailableError)
  const underWay = bench.server.subscriptions.get('sub_1')
  await bench.server.close({ grace: 0 })
  fail(new StoreUnavailableError('The session is over'))
  await expect(underWay).rejects.toThrow(ServerClosedError)
})

it('consumes no more as soon as it begins to close: nothing would be handed out', async () => {
  await using bench = await openTestServer()
  const receiver = await bench.server.spawn('orders')
  const closing = bench.server.close()
  expect(() => receiver.consume(() => undefined)).toThrow(ServerClosedError)
  await closing
})

it('takes declarations while handlers finish', async () => {
  await using bench = await openTestServer()
  const { server } = bench
  const receiver = await server.spawn('orders')
  let finish: () => void = () => undefined
  const taken = new Promise<void>(resolve => {
    receiver.consume(() => {
      resolve()
      return new Promise(done => (finish = done))
    })
  })
  await receiver.accept({})
  await taken
  const closing = server.close()
  expect(toApp(server).name).toBe('app')
  finish()
  await closing
  expect(() => toApp(server)).toThrow(ServerClosedError)
})

describe('a loop that follows', () => {
  it.each(['dead', 'attempts'] as const)('%s ends when the server closes', async what => {
    await using bench = await openTestServer({ fetch: async () => new Response(null, { status: 400 }) })
    const { server, clock } = bench
    let seen = 0
    const loop = (async () => {
      for await (const _ of server.deliveries[what]({ follow: true })) seen++
      return 'ended'
    })()
    await server.send({ to: 'https://app.example' })
    await clock.advance('2s')
    expect(seen).toBe(1)
    await server.close({ grace: 0 })
    expect(await loop).toBe('ended')
  })

  it('ends also when the server closes while it reads', async () => {
    const reads: ((error: Error) => void)[] = []
    const store = withCommands(memoryStore(), () => ({
      readDead: () => new Promise((_, reject) => reads.push(reject)),
    }))
    await using bench = await openTestServer({ store })
    const following = collect(bench.server.deliveries.dead({ follow: true }))
    const reading = collect(bench.server.deliveries.dead())
    expect(reads).toHaveLength(2)
    await bench.server.close({ grace: 0 })
    for (const fail of reads) fail(new StoreUnavailableError('The session is over'))
    expect(await following).toEqual([])
    // Of what has an end, that would be a part taken for the whole.
    await expect(reading).rejects.toThrow(ServerClosedError)
  })

  it('ends also when its store is away while the server closes, and not before', async () => {
    let fail: (error: Error) => void = () => undefined
    let leave: (left: never[]) => void = () => undefined
    const left = new Promise<never[]>(resolve => (leave = resolve))
    const store = withCommands(memoryStore(), () => ({
      readDead: () => new Promise((_, reject) => (fail = reject)),
      leave: () => left,
    }))
    await using bench = await openTestServer({ store })
    const follow = () => collect(bench.server.deliveries.dead({ follow: true }))
    const early = follow()
    fail(new StoreUnavailableError('away'))
    await expect(early).rejects.toThrow(StoreUnavailableError)

    const late = Promise.allSettled([follow()])
    const closing = bench.server.close({ grace: 0 })
    fail(new StoreUnavailableError('away'))
    const became = await late
    leave([])
    await closing
    expect(became).toEqual([{ status: 'fulfilled', value: [] }])
  })
})
