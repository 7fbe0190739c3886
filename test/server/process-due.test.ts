import { describe, expect, it } from 'vitest'
import { CallbackServer, InvalidOptionsError, ServerClosedError } from '../../src/index.js'
import { type Bench, ManualClock, openBench } from '../../src/testing/testing.js'
import { everyStore, listen } from '../flows/support/every-store.js'
import { openPartner } from '../flows/support/partner.js'
import { collect, publicUrl, recordingLogger } from '../support/server.js'

const logger = recordingLogger([])
const ok = () => new Response(null, { status: 204 })
const urlsOf = ({ sent }: Bench<unknown>) => sent.map(({ url }) => url)

describe('a server with work: false', () => {
  it('accepts, and does nothing by itself, however much time passes', async () => {
    let entries = 0
    await using bench = await openBench({ logger, world: ok, work: false }, async server => {
      server.endpoint('app', { url: 'https://app.example' })
      const flow = server.workflow('flow', async () => void entries++)
      return { flow, orders: await server.spawn('orders') }
    })
    const { server, declared } = bench
    await server.subscriptions.put({ topic: 't', url: 'https://shop.example' })
    await server.send({ to: 'app' })
    const published = await server.publish({ topic: 't' })
    await declared.flow.start('1', undefined)
    expect((await bench.post(declared.orders.url, { id: 7 })).status).toBe(202)
    await bench.advance('1h')
    expect([bench.sent.length, entries]).toEqual([0, 0])
    expect(await collect(published.deliveries())).toEqual([])
    const { data } = await declared.orders.next()
    expect(data).toEqual({ id: 7 })
    expect((await server.health()).due).toBeGreaterThan(0)
  })

  it('refuses consume, and says where to', async () => {
    await using bench = await openBench({ logger, work: false }, server => server.spawn('orders'))
    const refused = (async () => bench.declared.consume({}, async () => {}))()
    await expect(refused).rejects.toThrow(InvalidOptionsError)
    await expect(refused).rejects.toThrow(/only accepts .*work: false/)
  })

  it('refuses a value that is no answer', async () => {
    const opened = CallbackServer.open({ store: 'memory:', publicUrl, work: 'no' as never })
    await expect(opened).rejects.toThrow('work must be true or false')
  })
})

describe('processDue', () => {
  it('sends, fans out, tells of ends and enters runs', async () => {
    await using bench = await openBench(
      {
        logger,
        work: false,
        parkAfter: false,
        world: ({ url }) => (url.includes('dead') ? new Response(null, { status: 400 }) : ok()),
      },
      server => {
        server.endpoint('app', { url: 'https://app.example' })
        server.endpoint('dead', { url: 'https://dead.example', deadLetter: 'https://letters.example' })
        return server.workflow('flow', async run => {
          await run.send('first', { to: 'app', body: 'run' })
          await run.sleep('wait', '1h')
          return 'done'
        })
      },
    )
    const { server } = bench
    await server.subscriptions.put({ topic: 't', url: 'https://shop.example' })
    await server.send({ to: 'dead' })
    await server.publish({ topic: 't' })
    const run = await bench.declared.start('1', undefined)
    // A batch, two attempts, a run.
    expect(await server.processDue()).toEqual({ processed: 4 })
    expect(urlsOf(bench).toSorted()).toEqual(['https://dead.example/', 'https://shop.example/'])
    // The end, its letter, the message of the run.
    expect(await server.processDue()).toEqual({ processed: 3 })
    expect(urlsOf(bench).slice(2).toSorted()).toEqual(['https://app.example/', 'https://letters.example/'])
    expect(await server.processDue()).toEqual({ processed: 0 })
    await bench.advance('1h')
    expect(await run.status()).toMatchObject({ status: 'parked' })
    expect(await server.processDue()).toEqual({ processed: 1 })
    expect(await run.result()).toBe('done')
  })

  it('sends the whole backlog of an endpoint, as much at once as it has room for', async () => {
    const clock = new ManualClock()
    let underWay = 0
    let most = 0
    await using bench = await openBench(
      {
        logger,
        clock,
        work: false,
        world: async () => {
          most = Math.max(most, ++underWay)
          await new Promise<void>(resolve => void clock.setTimer(clock.monotonic() + 10, resolve))
          underWay--
          return ok()
        },
      },
      server => {
        server.endpoint('app', { url: 'https://app.example', concurrency: 3 })
      },
    )
    for (let n = 0; n < 20; n++) await bench.server.send({ to: 'app' })
    const pass = bench.server.processDue()
    await bench.advance('1s')
    expect(await pass).toEqual({ processed: 20 })
    expect(most).toBe(3)
  })

  it('is paced by the schedule: what has failed is for a later pass', async () => {
    await using bench = await openBench(
      { logger, work: false, world: () => new Response(null, { status: 500 }) },
      server => {
        server.endpoint('app', { url: 'https://app.example', retry: ['1m', '1m'] })
      },
    )
    await bench.server.send({ to: 'app' })
    expect(await bench.server.processDue()).toEqual({ processed: 1 })
    expect(await bench.server.processDue()).toEqual({ processed: 0 })
    await bench.advance('2m')
    expect(await bench.server.processDue()).toEqual({ processed: 1 })
  })

  it('does up to its limit of each kind', async () => {
    await using bench = await openBench(
      { logger, work: false, world: () => new Response(null, { status: 400 }) },
      server => {
        server.endpoint('app', { url: 'https://app.example', deadLetter: 'https://letters.example' })
      },
    )
    for (let n = 0; n < 10; n++) await bench.server.send({ to: 'app' })
    expect(await bench.server.processDue({ limit: 4 })).toEqual({ processed: 4 })
    expect(await bench.server.processDue({ limit: 1 })).toEqual({ processed: 2 }) // an end, an attempt
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      await expect(bench.server.processDue({ limit })).rejects.toThrow(/limit of processDue must be a whole/)
    }
    await expect(bench.server.processDue({ count: 1 } as never)).rejects.toThrow(/no option 'count'/)
  })

  it('is one pass after the other, when it is called twice at once', async () => {
    const clock = new ManualClock()
    const answered: (() => void)[] = []
    await using bench = await openBench(
      {
        logger,
        clock,
        work: false,
        world: () => new Promise<Response>(resolve => void answered.push(() => resolve(ok()))),
      },
      server => {
        server.endpoint('app', { url: 'https://app.example' })
      },
    )
    await bench.server.send({ to: 'app', body: 1 })
    const first = bench.server.processDue()
    await bench.settle()
    await bench.server.send({ to: 'app', body: 2 })
    const second = bench.server.processDue({ limit: 1 })
    await bench.settle()
    expect(bench.sent).toHaveLength(1)
    answered[0]?.()
    await bench.settle()
    expect(bench.sent).toHaveLength(2)
    answered[1]?.()
    const [one, two] = await Promise.all([first, second])
    expect(one.processed + two.processed).toBe(2)
  })

  it('goes on with the next pass when one has failed', async () => {
    await using bench = await openBench({ logger, work: false }, () => undefined)
    const failed = bench.server.processDue({ limit: 0 })
    const next = bench.server.processDue()
    await expect(failed).rejects.toThrow(InvalidOptionsError)
    expect(await next).toEqual({ processed: 0 })
  })

  it('begins nothing when its signal is aborted, and nothing more when it is aborted meanwhile', async () => {
    const stop = new AbortController()
    let entries = 0
    await using bench = await openBench(
      {
        logger,
        work: false,
        world: () => {
          stop.abort(new Error('enough'))
          return ok()
        },
      },
      server => {
        server.endpoint('app', { url: 'https://app.example', concurrency: 1 })
        return server.workflow('flow', async () => void entries++)
      },
    )
    for (let n = 0; n < 3; n++) await bench.server.send({ to: 'app' })
    await bench.declared.start('1', undefined)
    expect(await bench.server.processDue({ signal: stop.signal })).toEqual({ processed: 1 })
    expect([bench.sent.length, entries]).toEqual([1, 0])
    await expect(bench.server.processDue({ signal: stop.signal })).rejects.toThrow('enough')
    expect(bench.sent).toHaveLength(1)
  })

  it('is refused by a server that works by itself, and by one that is closed', async () => {
    await using bench = await openBench({ logger }, () => undefined)
    await expect(bench.server.processDue()).rejects.toThrow(
      /works by itself: processDue is for one with work: false/,
    )
    const server = await CallbackServer.open({ store: 'memory:', publicUrl, logger, work: false })
    await server.close({ grace: 0 })
    await expect(server.processDue()).rejects.toThrow(ServerClosedError)
  })
})

describe.each(everyStore)('in %s', (_, make) => {
  it('what one server accepts, passes over it send, fan out, tell of and run', async () => {
    const partner = await openPartner(({ path }) => ({ status: path === '/dead' ? 400 : 200 }))
    const server = await listen({ store: await make(), work: false })
    server.endpoint('app', { url: `${partner.url}/app` })
    server.endpoint('dead', { url: `${partner.url}/dead`, deadLetter: 'app' })
    const flow = server.workflow('flow', async run => {
      const answer = await run.exchange('ask', { send: url => ({ to: 'app', body: { url } }) })
      return answer.data
    })
    await server.subscriptions.put({ topic: 't', url: `${partner.url}/shop` })
    await server.send({ to: 'dead', body: 1 })
    await server.publish({ topic: 't', body: 2 })
    const run = await flow.start('1', undefined)
    let idle = 0
    while (idle < 2) idle = (await server.processDue()).processed === 0 ? idle + 1 : 0
    expect(partner.seen.map(({ path }) => path).toSorted()).toEqual(['/app', '/app', '/dead', '/shop'])
    const asked = partner.seen.find(({ body }) => String(body).includes('"url"'))
    const { url } = JSON.parse(String(asked?.body)) as { url: string }
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(url, { method: 'POST', headers, body: '{"yes":true}' })).status).toBe(202)
    await server.processDue()
    expect(await run.result()).toEqual({ yes: true })
  })
})
