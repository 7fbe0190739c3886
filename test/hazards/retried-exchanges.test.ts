import { describe, expect, it } from 'vitest'
import type { CallbackServer, Scope } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'
import { collect } from '../support/server.js'

// The bug: a run or a callback that failed for an exchange is retried by hand, and fails again at once, because the
// message that nobody answered is dead by now; or its third party gets a second message, which it takes for another order.

interface Seen {
  readonly id: string | null
  readonly body: string
}

/** A third party, and what it was sent. */
function partner() {
  const seen: Seen[] = []
  const mood = { status: 404 }
  const fetch = async (request: Request) => {
    seen.push({ id: request.headers.get('webhook-id'), body: await request.text() })
    return new Response(null, { status: mood.status })
  }
  return { seen, mood, fetch, url: () => JSON.parse(seen[0]?.body ?? '{}').url as string }
}

const ask = async (scope: Scope) => {
  const answer = await scope.exchange<number>('ask', {
    send: url => ({ to: 'https://partner.example/orders', body: { url, order: 7 } }),
    timeout: '2m',
  })
  return answer.data
}

describe.each(places)('in %s', (_, place) => {
  it('a run whose message was refused sends the same one again when it is retried, after a restart', async () => {
    const { seen, mood, fetch, url } = partner()
    const lives = new Lives(place, { fetch })
    const declare = (server: CallbackServer) => server.workflow('order', async run => await ask(run))
    const first = await lives.begin()
    const handle = await declare(first.server).start('1')
    await lives.clock.advance('1m')
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'DeliveryFailedError' } })
    expect((await first.post(url(), 5)).status).toBe(410)

    mood.status = 202
    const second = await lives.begin()
    const again = await declare(second.server).start('1')
    await again.retry()
    await lives.clock.advance('1m')
    expect(seen).toHaveLength(2)
    expect(seen[1]).toEqual(seen[0])
    expect((await second.post(url(), 5)).status).toBe(202)
    await lives.clock.settle()
    expect(await again.result()).toBe(5)
    expect(seen).toHaveLength(2)
  })

  it('so does one whose message was never delivered in time; it waits as long again', async () => {
    const { seen, mood, fetch, url } = partner()
    mood.status = 503
    const lives = new Lives(place, { fetch })
    const { server, post } = await lives.begin()
    const handle = await server.workflow('order', async run => await ask(run)).start('1')
    await lives.clock.advance('3m')
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'TimeoutError' } })
    const before = seen.length
    await lives.clock.advance('6m')
    expect(seen).toHaveLength(before)

    mood.status = 202
    await handle.retry()
    await lives.clock.advance('110s')
    expect(seen).toHaveLength(before + 1)
    expect(new Set(seen.map(({ id, body }) => `${id} ${body}`)).size).toBe(1)
    await post(url(), 5)
    await lives.clock.settle()
    expect(await handle.result()).toBe(5)
  })

  it('one that was answered late is done without another message', async () => {
    const { seen, mood, fetch, url } = partner()
    mood.status = 503
    const lives = new Lives(place, { fetch })
    const { server, post } = await lives.begin()
    const handle = await server.workflow('order', async run => await ask(run)).start('1')
    await lives.clock.advance('3m')
    const before = seen.length
    expect((await post(url(), 5)).status).toBe(202)
    await handle.retry()
    await lives.clock.settle()
    expect(await handle.result()).toBe(5)
    await lives.clock.advance('6m')
    expect(seen).toHaveLength(before)
  })

  it('one whose message was delivered, and not answered, sends no other and fails at its new time-out', async () => {
    const { seen, mood, fetch } = partner()
    mood.status = 202
    const lives = new Lives(place, { fetch })
    const { server } = await lives.begin()
    const handle = await server.workflow('order', async run => await ask(run)).start('1')
    await lives.clock.advance('3m')
    await handle.retry()
    await lives.clock.advance('110s')
    expect((await handle.status()).status).toBe('parked')
    await lives.clock.advance('20s')
    expect((await handle.status()).status).toBe('failed')
    expect(seen).toHaveLength(1)
  })

  it('a callback that was set aside for its exchange sends the same message again, too', async () => {
    const { seen, mood, fetch, url } = partner()
    const lives = new Lives(place, { fetch })
    const { server, post } = await lives.begin()
    const results: unknown[] = []
    const orders = await server.spawn('orders')
    orders.consume(async order => void results.push(await ask(order)))
    await post(orders.url)
    await lives.clock.advance('1m')
    const [failed] = await collect(orders.failed())
    expect(failed).toMatchObject({ reason: 'handler', error: { name: 'DeliveryFailedError' } })

    mood.status = 202
    await failed?.retry()
    await lives.clock.advance('1m')
    expect(seen).toHaveLength(2)
    expect(seen[1]).toEqual(seen[0])
    await post(url(), 5)
    await lives.clock.settle()
    expect(results).toEqual([5])
  })

  it('a retry that is killed after it sent the message again does not send it a third time', async () => {
    const { seen, mood, fetch, url } = partner()
    const lives = new Lives(place, { fetch })
    const declare = (server: CallbackServer) => server.workflow('order', async run => await ask(run))
    const first = await lives.begin()
    const handle = await declare(first.server).start('1')
    await lives.clock.advance('1m')
    mood.status = 202
    await handle.retry()
    await lives.kill()
    let times = 0
    const second = await lives.begin(async (name, run) => {
      const outcome = await run()
      if (name !== 'resendInScope') return outcome
      times++
      return await new Promise<never>(() => {}) // its answer is lost, and the process with it
    })
    declare(second.server)
    await lives.clock.settle()
    expect(times).toBe(1)
    const third = await lives.begin()
    const again = await declare(third.server).start('1')
    await lives.clock.advance('1m')
    expect(seen).toHaveLength(2)
    await third.post(url(), 5)
    await lives.clock.settle()
    expect(await again.result()).toBe(5)
  })

  it('a run that is retried and cancelled before it sends again sends nothing', async () => {
    const { seen, mood, fetch } = partner()
    const lives = new Lives(place, { fetch })
    const errors: string[] = []
    const declare = (server: CallbackServer) =>
      server.workflow('order', async run => {
        try {
          return await ask(run)
        } catch (error) {
          errors.push((error as Error).name)
          throw error
        }
      })
    const first = await lives.begin()
    await declare(first.server).start('1')
    await lives.clock.advance('1m')
    mood.status = 202
    // Nothing enters it yet.
    const second = await lives.begin((name, run) =>
      name === 'claimRuns' ? Promise.resolve({ claimed: [] }) : run(),
    )
    const early = await declare(second.server).start('1')
    await early.retry()
    await early.cancel('enough')
    const third = await lives.begin()
    const handle = await declare(third.server).start('1')
    await lives.clock.advance('1m')
    await expect(handle.result()).rejects.toMatchObject({ name: 'RunCancelledError', reason: 'enough' })
    expect(errors).toEqual(['DeliveryFailedError', 'RunCancelledError'])
    expect(seen).toHaveLength(1)
  })
})
