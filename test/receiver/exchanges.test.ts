import { describe, expect, it } from 'vitest'
import {
  CancelledError,
  DeliveryFailedError,
  InvalidInputError,
  InvalidOptionsError,
  KeyConflictError,
  NonRetryableError,
  ReceiverClosedError,
  ScopeEndedError,
  ServerClosedError,
  StoreUnavailableError,
  TimeoutError,
  UnscopedCallError,
} from '../../src/index.js'
import { DEFAULTS } from '../../src/options.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { Lives, type LivesOptions, type Place, places } from '../support/lives.js'
import { collect } from '../support/server.js'

/** A partner who is asked, and what he was asked. */
class Partner {
  readonly urls: string[] = []
  status = 200
  readonly fetch = async (request: Request): Promise<Response> => {
    const { url } = (await request.json()) as { url: string }
    this.urls.push(url)
    return new Response(null, { status: this.status })
  }

  get url(): string {
    return this.urls[0] ?? ''
  }
}

function begin(place: Place, options: LivesOptions = {}) {
  const partner = new Partner()
  return { partner, lives: new Lives(place, { fetch: partner.fetch, ...options }) }
}

const to = 'https://partner.example/in'
const ask = { send: (url: string) => ({ to, body: { url } }) }

const oneOf = (...words: string[]) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      words.includes(value as string)
        ? { value: value as string }
        : { issues: [{ message: 'no such word' }] },
  },
})

describe.each(places)('in %s', (_, place) => {
  it('sends a message with a URL, and gives what comes back', async () => {
    const { partner, lives } = begin(place)
    const { server, post } = await lives.begin()
    const answer = server.exchange<{ ok: boolean }>(ask)
    await lives.clock.settle()
    expect((await post(partner.url, { ok: true })).status).toBe(202)
    const callback = await answer
    expect(callback.data).toEqual({ ok: true })
    expect(await callback.step('book', () => 'booked')).toBe('booked')
    await callback.ack()
    expect((await post(partner.url, { ok: false })).status).toBe(410)
  })

  it('an answer ends the delivery, and its repetition is told what the first was told', async () => {
    const { partner, lives } = begin(place)
    partner.status = 503
    const { server, post } = await lives.begin()
    const answer = server.exchange('ask', ask)
    await lives.clock.settle()
    const again = () => post(partner.url, 1, { 'webhook-id': 'evt-1' })
    await again()
    await (await answer).ack()
    const repeated = await again()
    expect([repeated.status, repeated.headers.get('longline-duplicate')]).toEqual([202, 'true'])
    await lives.clock.advance('1h')
    expect(partner.urls).toHaveLength(1)
  })

  it('an answer that comes before the partner has taken the message is not lost', async () => {
    const lives = new Lives(place, {
      fetch: async request => {
        const { url } = (await request.json()) as { url: string }
        await life.post(url, 'early')
        return new Response(null, { status: 500 })
      },
    })
    const life = await lives.begin()
    expect((await life.server.exchange(ask)).data).toBe('early')
  })

  it('a keyed one whose time is over is as it was: asked again, also in the next process, it waits on', async () => {
    const { partner, lives } = begin(place)
    const first = await lives.begin()
    const late = first.server.exchange('ask', { ...ask, timeout: '1m', fallback: () => 'late' })
    await lives.clock.advance('1m')
    expect(await late).toBe('late')
    const given = first.server.exchange('ask', ask)
    await lives.clock.settle()
    given.cancel()
    await expect(given).rejects.toThrow(CancelledError)

    const second = await lives.begin()
    const answer = second.server.exchange('ask', { ...ask, timeout: '1m' })
    await lives.clock.advance('59s')
    await second.post(partner.url, 'yes')
    expect((await answer).data).toBe('yes')
    expect(partner.urls).toHaveLength(1)
  })

  it('an answer that was not acknowledged comes again in the next process, an acknowledged one is told', async () => {
    const { partner, lives } = begin(place)
    const first = await lives.begin()
    const answer = first.server.exchange('ask', ask)
    await lives.clock.settle()
    await first.post(partner.url, 'yes')
    await first.post(partner.url, 'and no')
    expect((await answer).attempt).toBe(1)

    const second = await lives.begin()
    const taken = await second.server.exchange('ask', ask)
    expect([taken.data, taken.attempt]).toEqual(['yes', 2])
    const beside = second.server.exchange('ask', ask)
    await lives.clock.settle()
    await taken.ack()
    expect((await beside).id).toBe(taken.id)

    const third = await lives.begin()
    const told = await third.server.exchange('ask', ask)
    expect([told.id, told.data]).toEqual([taken.id, 'yes'])
    await told.ack()
    await told.release()
    await expect(told.step('book', () => 1)).rejects.toThrow(ScopeEndedError)
    expect(partner.urls).toHaveLength(1)

    await lives.kill()
    await lives.clock.advance('8d')
    const last = await lives.begin()
    await lives.clock.advance('2m') // a sweep
    await expect(last.server.exchange('ask', ask)).rejects.toThrow(/not kept any more.*retention\.callbacks/)
  })

  it('given back, the answer goes to who waits beside', async () => {
    const { partner, lives } = begin(place)
    const { server, post } = await lives.begin()
    const waits = [server.exchange('ask', ask), server.exchange('ask', ask)]
    await lives.clock.settle()
    await post(partner.url, 'yes')
    await (await Promise.race(waits)).release()
    const attempts = (await Promise.all(waits)).map(({ attempt }) => attempt)
    expect(attempts.sort()).toEqual([1, 2])
  })

  it('a wait that is given up while the answer is being taken has consumed nothing', async () => {
    const { partner, lives } = begin(place)
    const { server, post } = await lives.begin(async (name, run) => {
      const outcome = await run()
      if (name === 'takeAnswer' && (outcome as { type: string }).type === 'taken') first.cancel()
      return outcome
    })
    const first = server.exchange('ask', ask)
    await lives.clock.settle()
    await post(partner.url, 'yes')
    await expect(first).rejects.toThrow(CancelledError)
    const around = await lives.begin()
    const again = await around.server.exchange('ask', ask)
    expect([again.data, again.attempt]).toEqual(['yes', 1])
  })

  it('what a lost reply had taken is not lost', async () => {
    const { partner, lives } = begin(place)
    const lost = new Set<string>()
    const { server, post } = await lives.begin(async (name, run) => {
      const outcome = await run()
      const isTaken = (outcome as { type?: string } | undefined)?.type === 'taken'
      if (lost.has(name) || !(name === 'beginExchange' || isTaken)) return outcome
      lost.add(name)
      throw new StoreUnavailableError('the reply was lost')
    })
    const answer = server.exchange(ask)
    await lives.clock.advance('2s')
    await post(partner.url, 'yes')
    await lives.clock.advance('2s')
    expect([(await answer).data, (await answer).attempt]).toEqual(['yes', 1])
    expect([...lost, partner.urls.length]).toEqual(['beginExchange', 'takeAnswer', 1])
  })

  it('what a lost reply had taken for a wait that was given up is there for whoever asks again', async () => {
    const { partner, lives } = begin(place)
    let isLost = false
    const { server, post } = await lives.begin(async (name, run) => {
      const outcome = await run()
      if (isLost || name !== 'takeAnswer' || (outcome as { type: string }).type !== 'taken') return outcome
      isLost = true
      first.cancel()
      throw new StoreUnavailableError('the reply was lost')
    })
    const first = server.exchange('ask', ask)
    await lives.clock.settle()
    await post(partner.url, 'yes')
    await expect(first).rejects.toThrow(CancelledError)
    const again = await server.exchange('ask', { ...ask, timeout: '1m' })
    expect([again.data, again.attempt]).toEqual(['yes', 1])
  })

  it('and it goes back though nobody asks, as soon as the store can be told', async () => {
    const { partner, lives } = begin(place)
    const told: unknown[] = []
    let [isLost, isDown] = [false, true]
    const { server, post } = await lives.begin(async (name, run) => {
      if (name === 'reclaim' && isDown) throw new StoreUnavailableError('down')
      const outcome = await run()
      if (name === 'reclaim') told.push(name)
      if (isLost || name !== 'takeAnswer' || (outcome as { type: string }).type !== 'taken') return outcome
      isLost = true
      first.cancel()
      throw new StoreUnavailableError('the reply was lost')
    })
    const first = server.exchange('ask', ask)
    await lives.clock.settle()
    await post(partner.url, 'yes')
    await lives.clock.advance('5s')
    expect(told).toEqual([])
    isDown = false
    await lives.clock.advance('2s')
    expect(told).toEqual(['reclaim'])
    const again = await server.exchange('ask', ask)
    expect([again.data, again.attempt]).toEqual(['yes', 1])
  })

  it('one without a key that may have begun, and whose time is over, is over as well', async () => {
    const { partner, lives } = begin(place)
    partner.status = 503
    let isLost = false
    const { server, post } = await lives.begin(async (name, run) => {
      const outcome = await run()
      if (isLost || name !== 'beginExchange') return outcome
      isLost = true
      throw new StoreUnavailableError('the reply was lost')
    })
    const late = server.exchange({ ...ask, timeout: '500ms', fallback: () => 'late' })
    await lives.clock.advance('600ms')
    expect(await late).toBe('late')
    await lives.clock.advance('1h')
    expect(partner.urls).toHaveLength(1)
    expect((await post(partner.url)).status).toBe(410)
  })

  it('one without a key that was asked for while the lease was lost begins under the next', async () => {
    const store = memoryStore()
    const shared: Place = () => () => ({ name: store.name, exclusive: false, open: () => store.open() })
    const { partner, lives } = begin(shared)
    let isDown = true
    const { server, post } = await lives.begin(async (name, run) => {
      if (isDown && name === 'renew') throw new StoreUnavailableError('down')
      return await run()
    })
    await lives.clock.advance('30s')
    const answer = server.exchange({ ...ask, timeout: '1h' })
    await lives.clock.advance('3s')
    expect(partner.urls).toEqual([])
    isDown = false
    await lives.clock.advance('10s')
    await post(partner.url, 'yes')
    expect((await answer).data).toBe('yes')
  })

  it('one without a key whose time is over is over: 410, and no further attempt', async () => {
    const { partner, lives } = begin(place)
    partner.status = 503
    const { server, post } = await lives.begin()
    await lives.clock.settle()
    const late = server.exchange({ ...ask, timeout: '1s' })
    await lives.clock.advance('1s')
    await expect(late).rejects.toThrow(TimeoutError)
    await lives.clock.advance('1h')
    expect(partner.urls).toHaveLength(1)
    expect((await post(partner.url)).status).toBe(410)
  })

  it('one without a key that was cancelled or aborted closes, and its message goes on', async () => {
    const { partner, lives } = begin(place)
    partner.status = 503
    const { server, post } = await lives.begin()
    const controller = new AbortController()
    const [given, aborted] = [server.exchange(ask), server.exchange({ ...ask, signal: controller.signal })]
    given.cancel() // before it is begun
    await lives.clock.settle()
    controller.abort(new Error('enough'))
    await expect(given).rejects.toThrow(CancelledError)
    await expect(aborted).rejects.toThrow('enough')
    await lives.clock.advance('10s')
    expect(partner.urls).toHaveLength(4)
    for (const url of partner.urls) expect((await post(url)).status).toBe(410)
  })

  it('fails as soon as its message is dead, and whoever asks again is told the same', async () => {
    const { partner, lives } = begin(place)
    partner.status = 404
    const { server, post } = await lives.begin()
    const answers = [server.exchange('ask', { ...ask, timeout: '7d' }), server.exchange(ask)]
    for (const answer of answers) await expect(answer).rejects.toThrow(DeliveryFailedError)
    for (const url of partner.urls) expect((await post(url)).status).toBe(410)
    const next = await lives.begin()
    await expect(next.server.exchange('ask', ask)).rejects.toMatchObject({ reason: 'rejected' })
  })

  it('an answer whose processes die again and again is set aside, and whoever asks is told that', async () => {
    const { partner, lives } = begin(place)
    const first = await lives.begin()
    const answer = first.server.exchange('ask', ask)
    await lives.clock.settle()
    await first.post(partner.url, 'yes')
    await answer
    let life = first
    let told: unknown
    for (let crashes = 1; crashes <= DEFAULTS.maxCrashes; crashes++) {
      life = await lives.begin()
      told = await life.server.exchange('ask', { ...ask, timeout: '1m' }).catch((error: unknown) => error)
    }
    expect(told).toBeInstanceOf(NonRetryableError)
    expect(String(told)).toContain('The answer to this exchange is set aside: 20 times')
    const line = expect.stringContaining('the answer to an exchange is set aside')
    const facts = { receiverId: expect.stringMatching(/^rcv/), callbackId: expect.any(String) }
    expect(life.logged).toEqual([{ level: 'error', message: line, facts }])
  })

  it('what nobody will read of one without a key is a line in the log', async () => {
    const { partner, lives } = begin(place)
    const { server, post, logged } = await lives.begin(async (name, run) => {
      const outcome = await run()
      if (name === 'takeAnswer' && (outcome as { type: string }).type === 'taken') answer.cancel()
      return outcome
    })
    const answer = server.exchange(ask)
    await lives.clock.settle()
    await post(partner.url, 'yes')
    await expect(answer).rejects.toThrow(CancelledError)
    await lives.clock.settle()
    const [{ id: receiverId } = { id: '' }] = await collect(server.receivers())
    const message = 'a receiver ended with callbacks that nobody has read'
    expect(logged).toEqual([{ level: 'warn', message, facts: { receiverId, unread: 1 } }])
  })

  it('whoever observes is told of the deliveries that end with their exchanges', async () => {
    const { partner, lives } = begin(place)
    partner.status = 503
    const { server, post, observed } = await lives.begin()
    const ended = () =>
      observed.flatMap(({ type, status, reason }) => (type === 'delivery.ended' ? [{ status, reason }] : []))
    const late = server.exchange({ ...ask, timeout: '1s', fallback: () => 'late' })
    await lives.clock.advance('1s')
    await late
    await lives.clock.settle()
    expect(ended()).toEqual([{ status: 'dead', reason: 'cancelled' }])
    const answer = server.exchange('ask', ask)
    await lives.clock.settle()
    await post(partner.urls[1] ?? '', 'yes')
    await (await answer).release()
    await lives.clock.advance('1s')
    await (await server.exchange('ask', ask)).ack()
    await lives.clock.settle()
    expect(ended()).toHaveLength(2)
  })

  it('ends with its receiver', async () => {
    const { lives } = begin(place)
    const { server } = await lives.begin()
    const answer = server.exchange('ask', { ...ask, ttl: '1m' })
    await lives.clock.advance('1m')
    await expect(answer).rejects.toMatchObject({ code: 'receiver_closed', reason: 'expired' })
    await expect(server.exchange('ask', ask)).rejects.toThrow(ReceiverClosedError)
  })

  it('what does not fit is refused at the door; where no schema was loaded there, when it is read', async () => {
    const { partner, lives } = begin(place)
    const first = await lives.begin()
    const schema = oneOf('yes')
    const early = first.server.exchange('ask', { ...ask, schema })
    await lives.clock.settle()
    expect((await first.post(partner.url, 'what?')).status).toBe(422)
    expect(await Promise.race([early, Promise.resolve('waiting')])).toBe('waiting')

    const second = await lives.begin()
    await second.post(partner.url, 'maybe')
    await expect(second.server.exchange('ask', { ...ask, schema })).rejects.toThrow(InvalidInputError)
    const fitting = await second.server.exchange('ask', { ...ask, schema: oneOf('yes', 'maybe') })
    expect([fitting.data, fitting.attempt]).toEqual(['maybe', 1])
  })

  it('keys of exchanges, receivers and messages do not meet; a key has one target', async () => {
    const { partner, lives } = begin(place)
    const { server, post } = await lives.begin()
    const receiver = await server.spawn('x')
    await server.send('x', { to: 'https://other.example', body: { url: '' } })
    const answer = server.exchange('x', ask)
    await lives.clock.settle()
    const url = partner.urls.find(one => one !== '') ?? ''
    expect(url).not.toBe(receiver.url)
    await post(url, 'yes')
    expect((await answer).data).toBe('yes')
    const other = server.exchange('x', { send: () => ({ to: 'https://other.example' }) })
    await expect(other).rejects.toThrow(KeyConflictError)
    await expect(other).rejects.toThrow("The key 'x' has an exchange with a URL at https://partner.example")
    expect(await collect(server.receivers({ key: 'x' }))).toHaveLength(1)
  })

  it('is not for scopes, with a key or without', async () => {
    const { lives } = begin(place)
    const { server, post } = await lives.begin()
    const errors: unknown[] = []
    const attempt = () => {
      for (const call of [() => server.exchange(ask), () => server.exchange('ask', ask)]) {
        try {
          void call()
        } catch (error) {
          errors.push(error)
        }
      }
    }
    await (await server.workflow('ask', async () => attempt()).start('1')).result()
    const orders = await server.spawn('orders')
    orders.consume(attempt)
    await post(orders.url)
    await lives.clock.settle()
    const looped = await server.spawn('looped')
    await post(looped.url)
    const callback = await looped.next()
    await callback.step('ask', attempt)
    expect(errors).toHaveLength(6)
    for (const error of errors) {
      expect(error).toBeInstanceOf(UnscopedCallError)
      expect(String(error)).toContain('use run.exchange, or exchange of the callback')
    }
    expect(await collect(server.receivers())).toHaveLength(2)
  })

  it('ends with the server, and leaves no timer behind', async () => {
    const { lives } = begin(place)
    const life = await lives.begin()
    const answers = [life.server.exchange('ask', { ...ask, timeout: '1h' }), life.server.exchange(ask)]
    await lives.clock.settle()
    await life.server.close({ grace: 0 })
    for (const answer of answers) await expect(answer).rejects.toThrow(ServerClosedError)
    await expect(life.server.exchange(ask)).rejects.toThrow(ServerClosedError)
    expect(lives.clock.timers).toBe(0)
  })
})

it('refuses what cannot be, before anything is stored', async () => {
  const [, place] = places[0] ?? []
  if (place === undefined) throw new Error('there is no place')
  const { server } = await begin(place).lives.begin()
  const wrong = (options: object) => () => server.exchange('ask', options as typeof ask)
  expect(wrong({})).toThrow('exchange needs send: url =>')
  expect(wrong({ ...ask, timeOut: '5s' })).toThrow("exchange has no option 'timeOut'")
  expect(wrong({ ...ask, verify: () => true })).toThrow("exchange has no option 'verify'")
  expect(wrong({ ...ask, timeout: 'soon' })).toThrow(InvalidOptionsError)
  expect(wrong({ send: () => ({ to: 'nobody' }) })).toThrow(InvalidOptionsError)
  expect(() => server.exchange('', ask)).toThrow('The key of an exchange')
  expect(await collect(server.receivers())).toEqual([])
})
