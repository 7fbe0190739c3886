import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  type CallbackServer,
  EndpointRefusedError,
  InvalidOptionsError,
  type SubscriptionOptions,
} from '../../src/index.js'
import { openBench } from '../../src/testing/testing.js'
import { handshakes } from '../../src/verify/handshakes.js'
import { until } from '../support/far-side.js'
import { collect, recordingLogger } from '../support/server.js'
import { everyStore, listen } from './support/every-store.js'
import { openPartner, type Seen } from './support/partner.js'

const logger = recordingLogger([])
const ok = () => new Response(null, { status: 204 })
const HOOK = { topic: 'book.*', url: 'https://shop.example/hooks' }

/** By which of the secrets a request is signed. */
async function signersOf(request: Request, secrets: readonly string[]): Promise<string[]> {
  const [id, time] = ['webhook-id', 'webhook-timestamp'].map(name => request.headers.get(name))
  const given = request.headers.get('webhook-signature')?.split(' ') ?? []
  const body = await request.clone().text()
  const sign = (secret: string) =>
    `v1,${createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`${id}.${time}.${body}`)
      .digest('base64')}`
  const signers = secrets.filter(secret => given.includes(sign(secret)))
  expect(given).toHaveLength(signers.length)
  return signers
}

const linkIn = async (request: Request | undefined) =>
  (await (request ?? expect.fail('nothing was sent')).clone().json()) as { url: string }

/** What the button of the page asks for. */
const confirmed = (url: string) => `${url}?confirm=yes`

const stateOf = async (server: CallbackServer, id: string) => (await server.subscriptions.get(id))?.state

describe('a subscription of a stranger', () => {
  it.each<[what: string, options: Partial<SubscriptionOptions>, words: RegExp]>([
    ['more at once than 64', { concurrency: 65 }, /concurrency of a subscription may be up to 64/],
    [
      'more than anybody can count',
      { rateLimit: { count: 1e20, per: 1_000 } },
      /whole number from 1 to 1000000/,
    ],
    ['an answer that takes longer than 2m', { timeout: '3m' }, /timeout of a subscription may be up to 2m/],
    ['attempts without end', { retry: { attempts: Number.POSITIVE_INFINITY } }, /attempts|from 1/],
    ['more than 100 attempts', { retry: { attempts: 101 } }, /up to 100 attempts/],
    ['attempts one after the other', { retry: { attempts: 5, delay: 0 } }, /not be sooner than after 1s/],
    ['a header that is ours', { headers: { 'webhook-signature': 'x' } }, /webhook-signature/],
    [
      'pages of options',
      { filter: { id: Array.from({ length: 9_000 }, (_, n) => `order-${n}`) } },
      /may take up 65536 bytes/,
    ],
  ])('may not ask for %s', async (_, options, words) => {
    await using bench = await openBench({ logger }, () => undefined)
    const put = bench.server.subscriptions.put({ ...HOOK, ...options })
    await expect(put).rejects.toThrow(words)
    await expect(put).rejects.toBeInstanceOf(InvalidOptionsError)
    expect(await collect(bench.server.subscriptions.list())).toEqual([])
  })

  it('may be tried for a time instead', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    await bench.server.subscriptions.put({ ...HOOK, retry: { giveUpAfter: '3d' } })
    await bench.server.publish({ topic: 'book.created' })
    await bench.settle()
    expect(bench.sent).toHaveLength(1)
  })

  it('with an id and a place of another says so, and does not try for ever', async () => {
    await using bench = await openBench({ logger }, () => undefined)
    await bench.server.subscriptions.put(HOOK)
    await expect(bench.server.subscriptions.put({ ...HOOK, id: 'mine' })).rejects.toThrow(
      /another one has them/,
    )
  })

  it('is not retired by what its old address answers, and proves nothing by it', async () => {
    const answers: ((response: Response) => void)[] = []
    const world = (request: Request) =>
      request.url === 'https://old.example/'
        ? new Promise<Response>(resolve => answers.push(resolve))
        : new Response(null, { status: 503 })
    await using bench = await openBench({ logger, world }, () => undefined)
    const { subscriptions } = bench.server
    const put = (url: string, proof?: 'echo') =>
      subscriptions.put({ id: 'shop', topic: 't', url, ...(proof === undefined ? {} : { proof }) })
    await put('https://old.example')
    await bench.server.publish({ topic: 't' })
    await bench.settle()
    await put('https://victim.example', 'echo')
    answers[0]?.(new Response(null, { status: 410 }))
    await bench.settle()
    expect(await stateOf(bench.server, 'shop')).toBe('unproven')
    await put('https://victim.example', 'echo')
    expect(await stateOf(bench.server, 'shop')).toBe('unproven')
  })

  it('that has moved is not retired by what its old address answers', async () => {
    const answers: ((response: Response) => void)[] = []
    const world = (request: Request) =>
      request.url === 'https://old.example/'
        ? new Promise<Response>(resolve => answers.push(resolve))
        : new Response(null, { status: 204 })
    await using bench = await openBench({ logger, world }, () => undefined)
    const put = (url: string) => bench.server.subscriptions.put({ id: 'shop', topic: 't', url })
    await put('https://old.example')
    await bench.server.publish({ topic: 't' })
    await bench.settle()
    await put('https://new.example')
    answers[0]?.(new Response(null, { status: 410 }))
    await bench.settle()
    expect(await stateOf(bench.server, 'shop')).toBe('active')
  })

  it('that has retired stays so when its secret is changed', async () => {
    const world = () => new Response(null, { status: 410 })
    await using bench = await openBench({ logger, world }, () => undefined)
    const { id } = await bench.server.subscriptions.put(HOOK)
    await bench.server.publish({ topic: 'book.created' })
    await bench.settle()
    await bench.server.subscriptions.rotateSecret(id)
    expect(await stateOf(bench.server, id)).toBe('retired')
    await bench.server.subscriptions.put(HOOK)
    expect(await stateOf(bench.server, id)).toBe('active')
  })

  it('under the id of one that was deleted gets nothing that waited for that', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { subscriptions } = bench.server
    await subscriptions.put({ id: 'shop', topic: 't', url: 'https://old.example' })
    await subscriptions.pause('shop')
    await bench.server.publish({ topic: 't', body: 'for the old one' })
    await bench.settle()
    await subscriptions.delete({ id: 'shop' })
    const put = () => subscriptions.put({ id: 'shop', topic: 't', url: 'https://new.example' })
    await expect(put()).rejects.toThrow(/is still being let go of/)
    await bench.advance('2m')
    await put()
    await bench.settle()
    expect(bench.sent).toEqual([])
  })

  it('is asked for one proof at a time, however often it is put', async () => {
    await using bench = await openBench(
      { logger, world: () => new Response(null, { status: 503 }) },
      () => undefined,
    )
    for (let put = 0; put < 20; put++) {
      await bench.server.subscriptions.put({ ...HOOK, proof: 'echo' })
      await bench.settle()
    }
    const before = bench.sent.length
    await bench.advance('10s')
    expect(bench.sent.length - before).toBeLessThanOrEqual(1)
  })
})

describe('putting a subscription', () => {
  it('again changes nothing: it is the same one, with the same secret', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { subscriptions } = bench.server
    const first = await subscriptions.put(HOOK)
    const info = await subscriptions.get(first.id)
    await bench.advance('1m')
    const again = await subscriptions.put({ ...HOOK, url: 'HTTPS://shop.example:443/hooks' })
    expect(again).toEqual({ ...first, created: false })
    expect(first).toMatchObject({ created: true, secret: expect.stringMatching(/^whsec_/) })
    expect(await collect(subscriptions.list())).toEqual([info])
    expect(info).toMatchObject({ ...HOOK, id: first.id, state: 'active' })
    await bench.restart()
    expect(await bench.server.subscriptions.put(HOOK)).toEqual({ ...first, created: false })
  })

  it('changes what its id has, URL and topic too', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const { secret } = await server.subscriptions.put({ ...HOOK, id: 'shop' })
    const moved = await server.subscriptions.put({ id: 'shop', topic: 'film', url: 'https://new.example' })
    expect(moved).toEqual({ id: 'shop', secret, created: false })
    await server.publish({ topic: 'book.created' })
    await server.publish({ topic: 'film' })
    await bench.settle()
    expect(bench.sent.map(({ url }) => url)).toEqual(['https://new.example/'])
    await server.subscriptions.put({ ...HOOK, id: 'other' })
    await expect(server.subscriptions.put({ ...HOOK, id: 'shop' })).rejects.toThrow(
      /'shop' cannot have this topic and URL: another one has them/,
    )
  })

  it('sends what waits by the options that it has now', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const { id } = await server.subscriptions.put({ ...HOOK, headers: { 'x-shop': 'old' } })
    await server.subscriptions.pause(id)
    await server.publish({ topic: 'book.created' })
    await server.subscriptions.put({ ...HOOK, headers: { 'x-shop': 'new' } })
    await server.subscriptions.resume(id)
    await bench.settle()
    expect(bench.sent.map(({ headers }) => headers.get('x-shop'))).toEqual(['new'])
  })

  it('anew under the id of one that was deleted sends nothing by what that one had', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const old = await server.subscriptions.put({ ...HOOK, id: 'shop' })
    await server.publish({ topic: 'book.created' })
    await bench.settle()
    await server.subscriptions.delete({ id: 'shop' })
    const next = await server.subscriptions.put({ ...HOOK, id: 'shop', url: 'https://next.example' })
    expect(next.secret).not.toBe(old.secret)
    await server.publish({ topic: 'book.created' })
    await bench.settle()
    const [, second] = bench.sent
    expect(second?.url).toBe('https://next.example/')
    expect(second && (await signersOf(second, [old.secret, next.secret]))).toEqual([next.secret])
  })

  it.each<readonly [string, object, RegExp]>([
    ['an unknown option', { path: '/x' }, /no option 'path'/],
    ['an unknown proof', { proof: 'sms' }, /'echo', 'visit', 'cloudevents'/],
    ['a filter without a path', { filter: {} }, /1 to 32 paths/],
    ['a filter for an object', { filter: { a: {} } }, /"a" must have a text, a number/],
    ['a topic with an empty word', { topic: 'book..x' }, /topic/],
    [
      'a secret that is undefined',
      { secret: undefined },
      /secret of a subscription is undefined; give a text such as 'whsec_…', or leave secret out and one is made/,
    ],
    ['a list without secrets', { secret: [] }, /leave secret out, and one is made/],
    [
      'a callback that is not declared',
      { callback: 'nobody' },
      /^No endpoint 'nobody' is declared on this server; a URL needs/,
    ],
    ['a dead letter that is none', { deadLetter: 7 }, /deadLetter of a subscription must be an endpoint/],
    ['a pattern with two stars', { topic: '*.*' }, /star as its last word only, and one: 'book.\*'/],
    ['an id that is empty', { id: '' }, /The id of a subscription/],
  ])('refuses %s, in words', async (_, wrong, words) => {
    await using bench = await openBench({ logger }, server => {
      server.endpoint('letters', { url: 'https://letters.example' })
    })
    const refused = bench.server.subscriptions.put({ ...HOOK, ...wrong } as SubscriptionOptions)
    await expect(refused).rejects.toThrow(InvalidOptionsError)
    await expect(refused).rejects.toThrow(words)
  })

  it('refuses an address that nothing is sent to', async () => {
    const server = await listen({ store: 'memory:' })
    await expect(server.subscriptions.put({ topic: 't', url: 'http://10.0.0.1/x' })).rejects.toThrow(
      EndpointRefusedError,
    )
  })

  it.each<readonly [object, string]>([
    [{ url: 'https://10.0.0.1/x' }, 'url of a subscription leads to 10.0.0.1, a private address'],
    [
      { url: 'http://shop.example' },
      'url of a subscription is http:, so anybody between could read and change it; use https:',
    ],
    [{ callback: 'https://10.0.0.1' }, 'callback of a subscription leads to 10.0.0.1, a private address'],
    [{ url: 'https://u:p@shop.example' }, 'url of a subscription holds credentials'],
  ])('tells whoever reads that of %j nothing of how the server is set up', async (wrong, message) => {
    const server = await listen({ store: 'memory:' })
    await expect(server.subscriptions.put({ ...HOOK, ...wrong })).rejects.toThrow(
      expect.objectContaining({ message }),
    )
  })

  it('shows what it has, so that it can be put back with something changed', async () => {
    await using bench = await openBench({ logger, world: ok }, server =>
      server.endpoint('letters', { url: 'https://letters.example' }),
    )
    const { subscriptions } = bench.server
    const shown = {
      filter: { 'order.country': ['DE', 'AT'], paid: true },
      proof: 'echo',
      callback: 'https://answers.example/',
      deadLetter: 'letters',
      timeout: '3s',
      success: [200],
      final: [404],
      retry: { attempts: 3, delay: '1m' },
      requireEmptyResponse: true,
      breaker: false,
      rateLimit: { count: 5, per: '1s' },
      concurrency: 2,
    } as const
    const hidden = { auth: { bearer: 'b-hidden' }, headers: { 'x-api-key': 'h-hidden' } }
    const { id, secret } = await subscriptions.put({
      ...{ ...HOOK, ...shown, ...hidden },
      deadLetter: bench.declared,
    })
    const info = await subscriptions.get(id)
    expect(info?.options).toEqual(shown)
    expect(info?.withheld).toEqual(['auth', 'headers'])
    expect(await collect(subscriptions.list())).toEqual([info])
    expect(JSON.stringify(info)).not.toMatch(new RegExp(`hidden|${secret.replaceAll('+', '.')}`))

    await subscriptions.put({ ...HOOK, ...info?.options, timeout: '5s' })
    const after = await subscriptions.get(id)
    expect(after?.options).toEqual({ ...shown, timeout: '5s' })
    expect(after?.withheld).toEqual([])

    await subscriptions.put(HOOK)
    expect(await subscriptions.get(id)).toMatchObject({ options: { proof: 'echo' }, withheld: [] })
  })
})

describe('a topic', () => {
  it('is listed when it was declared or is wanted, and is not deleted while it is wanted', async () => {
    await using bench = await openBench({ logger }, () => undefined)
    const { topics, subscriptions } = bench.server
    await topics.put({ id: 'film', name: 'A film' })
    await topics.put({ id: 'film', name: 'A new film' })
    const { id } = await subscriptions.put({ ...HOOK, topic: 'book.created' })
    await subscriptions.put({ ...HOOK, topic: 'book.*' })
    expect(await collect(topics.list())).toEqual([
      { id: 'book.created', declared: false, subscriptions: 1 },
      { id: 'film', name: 'A new film', declared: true, subscriptions: 0 },
    ])
    await expect(topics.delete('book.created')).rejects.toThrow(/'book.created' has 1 subscription: delete/)
    await subscriptions.delete({ id })
    expect(await topics.delete('book.created')).toBe(false)
    expect(await topics.delete('film')).toBe(true)
    expect(await collect(topics.list())).toEqual([])
  })
})

describe('what is listed', () => {
  it('is what has the topic, the URL, or both', async () => {
    await using bench = await openBench({ logger }, () => undefined)
    const { subscriptions } = bench.server
    const ids = new Map<string, string>()
    for (const topic of ['a', 'b'])
      for (const name of ['x', 'y']) {
        const { id } = await subscriptions.put({ topic, url: `https://${name}.example` })
        ids.set(`${topic}${name}`, id)
      }
    const list = async (filter: { topic?: string; url?: string }) =>
      (await collect(subscriptions.list(filter))).map(({ id }) => id)
    expect(await list({})).toEqual([...ids.values()].toSorted())
    expect(await list({ topic: 'a' })).toEqual([ids.get('ax'), ids.get('ay')])
    expect(await list({ url: 'https://x.example' })).toEqual([ids.get('ax'), ids.get('bx')])
    expect(await list({ topic: 'b', url: 'https://y.example/' })).toEqual([ids.get('by')])
  })
})

describe('a secret that is rotated', () => {
  it('signs beside the old one for as long as that is kept, then alone', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const old = await server.subscriptions.put(HOOK)
    const { secret } = await server.subscriptions.rotateSecret(old.id, { keepOldFor: '1h' })
    const publish = async () => {
      await server.publish({ topic: 'book.created', body: { id: 7 } })
      await bench.settle()
      const last = bench.sent.at(-1)
      return last === undefined ? [] : await signersOf(last, [secret, old.secret])
    }
    expect(await publish()).toEqual([secret, old.secret])
    await bench.advance('59m')
    expect(await publish()).toEqual([secret, old.secret])
    await bench.advance('1m')
    expect(await publish()).toEqual([secret])
    expect((await server.subscriptions.put(HOOK)).secret).toBe(secret)
  })

  it('twice keeps each for its own time, and is gone at once where nothing is kept', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const { id, secret: one } = await server.subscriptions.put(HOOK)
    const { secret: two } = await server.subscriptions.rotateSecret(id, { keepOldFor: '1h' })
    await bench.advance('30m')
    const { secret: three } = await server.subscriptions.rotateSecret(id, { keepOldFor: '1h' })
    const signers = async () => {
      await server.publish({ topic: 'book.created' })
      await bench.settle()
      const last = bench.sent.at(-1)
      return last === undefined ? [] : await signersOf(last, [three, two, one])
    }
    expect(await signers()).toEqual([three, two, one])
    await bench.advance('30m')
    expect(await signers()).toEqual([three, two])
    const { secret: four } = await server.subscriptions.rotateSecret(id, { keepOldFor: 0 })
    await server.publish({ topic: 'book.created' })
    await bench.settle()
    const last = bench.sent.at(-1)
    expect(last && (await signersOf(last, [four, three, two]))).toEqual([four])
  })
})

describe('a subscription that is paused', () => {
  it('gathers what is published, and drains it ten a second when it is resumed', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const { id } = await server.subscriptions.put(HOOK)
    expect(await server.subscriptions.resume(id)).toBe(false)
    expect(await server.subscriptions.pause(id)).toBe(true)
    expect(await server.subscriptions.pause(id)).toBe(false)
    expect(await stateOf(server, id)).toBe('paused')
    for (let n = 0; n < 30; n++) await server.publish({ topic: 'book.created', body: n })
    await bench.advance('1h')
    expect(bench.sent).toHaveLength(0)
    expect(await server.subscriptions.resume(id)).toBe(true)
    expect(await stateOf(server, id)).toBe('active')
    await bench.settle()
    expect(bench.sent).toHaveLength(1)
    await bench.advance('1s')
    expect(bench.sent).toHaveLength(11)
    await bench.advance('2s')
    expect(bench.sent).toHaveLength(30)
    // What comes after that is not held back.
    for (let n = 0; n < 10; n++) await server.publish({ topic: 'book.created', body: n })
    await bench.settle()
    expect(bench.sent).toHaveLength(40)
  })

  it('is paused after a restart, too', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { id } = await bench.server.subscriptions.put(HOOK)
    await bench.server.subscriptions.pause(id)
    await bench.server.publish({ topic: 'book.created' })
    await bench.restart()
    await bench.advance('1m')
    expect(bench.sent).toHaveLength(0)
    await bench.server.subscriptions.resume(id)
    await bench.advance('1s')
    expect(bench.sent).toHaveLength(1)
  })
})

describe('deleting', () => {
  it('by id takes one, by URL takes all of it from every topic', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const { subscriptions } = server
    const { id } = await subscriptions.put(HOOK)
    await subscriptions.put({ ...HOOK, topic: 'film' })
    await subscriptions.put({ ...HOOK, topic: '*' })
    await subscriptions.put({ ...HOOK, url: 'https://other.example' })
    expect(await subscriptions.delete({ id })).toBe(1)
    expect(await subscriptions.delete({ id })).toBe(0)
    expect(await subscriptions.get(id)).toBeUndefined()
    expect(await subscriptions.delete({ url: 'https://SHOP.example/hooks' })).toBe(2)
    await server.publish({ topic: 'book.created' })
    await bench.settle()
    expect(bench.sent.map(({ url }) => url)).toEqual(['https://other.example/'])
  })

  it('asks for one way to name them', async () => {
    await using bench = await openBench({ logger }, () => undefined)
    const { subscriptions } = bench.server
    for (const which of [{}, { id: 'a', url: 'https://a.example' }]) {
      await expect(subscriptions.delete(which as { id: string })).rejects.toThrow(
        /by its id, or all of a URL/,
      )
    }
  })
})

it('what is not there is said in words', async () => {
  await using bench = await openBench({ logger }, () => undefined)
  const { subscriptions } = bench.server
  expect(await subscriptions.get('sub_x')).toBeUndefined()
  for (const asked of [
    () => subscriptions.pause('sub_x'),
    () => subscriptions.resume('sub_x'),
    () => subscriptions.rotateSecret('sub_x'),
  ]) {
    await expect(asked()).rejects.toThrow("There is no subscription 'sub_x'")
    await expect(asked()).rejects.toThrow(InvalidOptionsError)
  }
})

describe('a proof', () => {
  interface Echo {
    readonly type: string
    readonly token: string
    readonly subscriptionId: string
    readonly topic: string
  }

  /** Answers proofs, and takes everything else. */
  const echoing = (answer: (proof: Echo) => Response) => async (request: Request) => {
    const body = (await request.json()) as Echo
    return body.type === 'subscription.proof' ? answer(body) : ok()
  }

  it.each<readonly [string, (proof: Echo) => Response]>([
    ['text', ({ token }) => new Response(`${token}\n`)],
    ['JSON', ({ token }) => Response.json({ token })],
    ['a JSON text', ({ token }) => Response.json(token)],
  ])('by echo in %s lets through what waited for it, and what comes', async (_, answer) => {
    let isReady = false
    await using bench = await openBench(
      {
        logger,
        world: echoing(proof => (isReady ? answer(proof) : new Response(null, { status: 503 }))),
      },
      () => undefined,
    )
    const { server } = bench
    const { id, secret } = await server.subscriptions.put({ ...HOOK, proof: 'echo' })
    await server.publish({ topic: 'book.created', body: { id: 7 } })
    await bench.settle()
    expect(await stateOf(server, id)).toBe('unproven')
    expect(await server.subscriptions.pause(id)).toBe(false)
    expect(await server.subscriptions.resume(id)).toBe(false)
    expect(bench.sent).toHaveLength(1)
    isReady = true
    await bench.advance('10s')
    expect(await stateOf(server, id)).toBe('active')
    await server.publish({ topic: 'book.created', body: { id: 8 } })
    await bench.settle()
    const [first, second, ...rest] = bench.sent
    expect(await first?.json()).toMatchObject({
      type: 'subscription.proof',
      subscriptionId: id,
      topic: 'book.*',
      token: expect.any(String),
    })
    expect(second && (await signersOf(second, [secret]))).toEqual([secret])
    expect(await Promise.all(rest.map(request => request.json()))).toEqual([{ id: 7 }, { id: 8 }])
  })

  it.each<readonly [string, (proof: Echo) => Response]>([
    ['another token', () => new Response('x'.repeat(24))],
    ['an empty answer', () => ok()],
    ['the whole request', proof => Response.json({ echo: proof })],
    ['the token, but not 2xx', ({ token }) => new Response(token, { status: 400 })],
  ])('by echo is not given by %s', async (_, answer) => {
    await using bench = await openBench({ logger, world: echoing(answer) }, () => undefined)
    const { server } = bench
    const { id } = await server.subscriptions.put({ ...HOOK, proof: 'echo' })
    await server.publish({ topic: 'book.created', body: { id: 7 } })
    await bench.advance('1m')
    expect(await stateOf(server, id)).toBe('unproven')
    expect(bench.sent.length).toBeGreaterThan(1)
    const bodies = await Promise.all(bench.sent.map(request => request.json()))
    expect(bodies.every(body => (body as Echo).type === 'subscription.proof')).toBe(true)
  })

  it('by echo has a body also where only empty answers are success', async () => {
    await using bench = await openBench(
      { logger, world: echoing(({ token }) => new Response(token)) },
      () => undefined,
    )
    const { id } = await bench.server.subscriptions.put({
      ...HOOK,
      proof: 'echo',
      requireEmptyResponse: true,
    })
    await bench.settle()
    expect(await stateOf(bench.server, id)).toBe('active')
  })

  it('is asked for again by every put until it is given, and an earlier one does not count then', async () => {
    const asked: Echo[] = []
    let proof: 'first' | 'last' = 'first'
    await using bench = await openBench(
      {
        logger,
        world: echoing(each => {
          asked.push(each)
          return new Response((proof === 'first' ? asked[0] : asked.at(-1))?.token)
        }),
      },
      () => undefined,
    )
    const { server } = bench
    proof = 'last'
    await server.subscriptions.pause((await server.subscriptions.put(HOOK)).id)
    const { id } = await server.subscriptions.put({ ...HOOK, topic: 'film', proof: 'echo' })
    await bench.settle()
    expect(await stateOf(server, id)).toBe('active')
    // Proven, it is not asked again.
    await server.subscriptions.put({ ...HOOK, topic: 'film', proof: 'echo' })
    await bench.settle()
    expect(asked).toHaveLength(1)
    // Another URL has proven nothing.
    proof = 'first'
    await server.subscriptions.put({ id, topic: 'film', url: 'https://moved.example', proof: 'echo' })
    await bench.settle()
    expect(await stateOf(server, id)).toBe('unproven')
    proof = 'last'
    await server.subscriptions.put({ id, topic: 'film', url: 'https://moved.example', proof: 'echo' })
    await bench.settle()
    expect(await stateOf(server, id)).toBe('active')
    expect(new Set(asked.map(({ token }) => token)).size).toBe(3)
  })

  it('is not got around by a put that leaves it out', async () => {
    await using bench = await openBench({ logger, world: () => ok() }, () => undefined)
    const { server } = bench
    const { id } = await server.subscriptions.put({ ...HOOK, proof: 'echo' })
    await server.subscriptions.put({ ...HOOK, headers: { 'x-shop': '1' } })
    await server.publish({ topic: 'book.created', body: { id: 7 } })
    await bench.advance('1m')
    expect(await stateOf(server, id)).toBe('unproven')
    const bodies = await Promise.all(bench.sent.map(async request => (await request.json()) as Echo))
    expect(bodies.every(({ type }) => type === 'subscription.proof')).toBe(true)
  })

  it('is asked for by the schedule, and given up in the end', async () => {
    await using bench = await openBench({ logger, world: () => ok() }, () => undefined)
    const { server } = bench
    const { id } = await server.subscriptions.put({ ...HOOK, proof: 'echo', retry: ['1s', '1s'] })
    await bench.advance('1h')
    expect(bench.sent).toHaveLength(3)
    expect(await stateOf(server, id)).toBe('unproven')
    await server.subscriptions.put({ ...HOOK, proof: 'echo', retry: ['1s', '1s'] })
    await bench.settle()
    expect(bench.sent).toHaveLength(4)
  })

  describe.each(everyStore)('over HTTP, in %s', (_, make) => {
    it('by a visit is given when somebody says yes, and again, and not after its time', async () => {
      const partner = await openPartner()
      const server = await listen({ store: await make() })
      const { id } = await server.subscriptions.put({
        topic: 't',
        url: `${partner.url}/hooks`,
        proof: 'visit',
      })
      const published = await server.publish({ topic: 't', body: { id: 7 } })
      await until(() => partner.seen.length === 1)
      expect(await stateOf(server, id)).toBe('unproven')
      const { url } = JSON.parse(String(partner.seen[0]?.body)) as { url: string }
      // What opens links by itself presses no buttons.
      for (const method of ['GET', 'HEAD']) expect((await fetch(url, { method })).status).toBe(200)
      expect((await fetch(confirmed(url), { method: 'HEAD' })).status).toBe(200)
      expect(await stateOf(server, id)).toBe('unproven')
      for (let visit = 0; visit < 2; visit++) {
        const page = await fetch(confirmed(url))
        expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('is confirmed')])
      }
      expect(await stateOf(server, id)).toBe('active')
      await until(async () => (await collect(published.deliveries())).length === 1)
      for (const delivery of await collect(published.deliveries()))
        expect(await delivery.done()).toBe('delivered')
      expect(String(partner.seen[1]?.body)).toBe('{"id":7}')
      await server.subscriptions.delete({ id })
      expect((await fetch(url)).status).toBe(410)
    })

    it('by echo and by CloudEvents is given over the socket', async () => {
      const partner = await openPartner(({ method, headers, body }) => {
        if (method === 'OPTIONS') {
          const origin = headers['webhook-request-origin']
          return { headers: { 'WebHook-Allowed-Origin': String(origin) } }
        }
        return { body: (JSON.parse(String(body)) as { token?: string }).token ?? '' }
      })
      const server = await listen({ store: await make() })
      const put = async (path: string, proof: 'echo' | 'cloudevents') =>
        await server.subscriptions.put({ topic: 't', url: `${partner.url}/${path}`, proof })
      const ids = [(await put('echo', 'echo')).id, (await put('events', 'cloudevents')).id]
      await until(async () =>
        (await Promise.all(ids.map(id => stateOf(server, id)))).every(s => s === 'active'),
      )
      const { messageId } = await server.publish({ topic: 't', body: { id: 7 } })
      await until(() => partner.seen.filter(isMessage(messageId)).length === 2)
      expect(partner.seen.find(({ method }) => method === 'OPTIONS')).toMatchObject({
        headers: { 'webhook-request-origin': '127.0.0.1' },
      })
    })

    it('by CloudEvents is given by a receiver whose handshake allows our origin, and by no other', async () => {
      const far = await listen({ store: 'memory:' })
      const spawn = (key: string, origins: string) =>
        far.spawn(key, { handshake: handshakes.cloudEvents({ origins, rate: 600 }) })
      const [willing, unwilling] = [
        await spawn('willing', '127.0.0.1'),
        await spawn('unwilling', 'a.example'),
      ]
      const server = await listen({ store: await make() })
      const put = async ({ url }: { url: string }) =>
        (await server.subscriptions.put({ topic: 't', url, proof: 'cloudevents' })).id
      const [proven, unproven] = [await put(willing), await put(unwilling)]
      await until(async () => (await stateOf(server, proven)) === 'active')
      await server.publish({ topic: 't', body: { id: 7 } })
      expect((await willing.next({ timeout: '10s' })).data).toEqual({ id: 7 })
      expect(await stateOf(server, unproven)).toBe('unproven')
      expect(await unwilling.close()).toEqual([])
    })

    it('two puts at the same moment make one subscription, with one secret that both were given', async () => {
      const server = await listen({ store: await make() })
      const puts = Array.from({ length: 8 }, () =>
        server.subscriptions.put({ topic: 't', url: 'https://shop.example' }),
      )
      const put = await Promise.all(puts)
      expect(new Set(put.map(({ id }) => id)).size).toBe(1)
      expect(new Set(put.map(({ secret }) => secret)).size).toBe(1)
      expect(put.filter(({ created }) => created)).toHaveLength(1)
      expect(await collect(server.subscriptions.list())).toHaveLength(1)
      expect((await server.subscriptions.put({ topic: 't', url: 'https://shop.example' })).secret).toBe(
        put[0]?.secret,
      )
    })
  })

  const isMessage = (id: string) => (seen: Seen) => seen.headers['webhook-id'] === id

  it('by a visit is not given after its time, until another put opens it again', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const put = () => bench.server.subscriptions.put({ ...HOOK, proof: 'visit' })
    const visit = (url: string) => bench.server.fetch(new Request(confirmed(url)))
    const { id } = await put()
    await bench.settle()
    const { url } = await linkIn(bench.sent[0])
    expect((await visit(url)).headers.get('cache-control')).toBe('no-store')
    expect(await stateOf(bench.server, id)).toBe('active')

    const moved = await bench.server.subscriptions.put({ ...HOOK, topic: 'film', proof: 'visit' })
    await bench.settle()
    const late = await linkIn(bench.sent[1])
    await bench.advance('8d')
    expect((await visit(late.url)).status).toBe(410)
    expect(await stateOf(bench.server, moved.id)).toBe('unproven')
    await bench.server.subscriptions.put({ ...HOOK, topic: 'film', proof: 'visit' })
    await bench.settle()
    expect((await visit(late.url)).status).toBe(200)
    expect(await stateOf(bench.server, moved.id)).toBe('active')
  })

  it('does not open a subscription that was paused before it moved: resume does', async () => {
    await using bench = await openBench(
      { logger, world: echoing(({ token }) => new Response(token)) },
      () => undefined,
    )
    const { server } = bench
    const { id } = await server.subscriptions.put(HOOK)
    expect(await server.subscriptions.pause(id)).toBe(true)
    await server.publish({ topic: 'book.lent' })
    await server.subscriptions.put({ ...HOOK, id, url: 'https://moved.example', proof: 'echo' })
    expect(await stateOf(server, id)).toBe('unproven')
    await bench.settle()
    expect(await stateOf(server, id)).toBe('paused')
    await server.publish({ topic: 'book.lent' })
    await bench.advance('1d')
    expect(bench.sent).toHaveLength(1)
    expect(await server.subscriptions.resume(id)).toBe(true)
    await bench.advance('1s')
    expect(bench.sent).toHaveLength(3)
  })

  it('of a subscription that was resumed before it is given opens it', async () => {
    let isReady = false
    const world = echoing(({ token }) => new Response(isReady ? token : null))
    await using bench = await openBench({ logger, world }, () => undefined)
    const { subscriptions } = bench.server
    const { id } = await subscriptions.put(HOOK)
    await subscriptions.pause(id)
    const moved = { ...HOOK, id, url: 'https://moved.example' }
    await subscriptions.put({ ...moved, proof: 'echo' })
    await bench.settle()
    await subscriptions.put(moved)
    await bench.settle()
    expect(bench.sent).toHaveLength(2)
    expect(await subscriptions.resume(id)).toBe(true)
    expect(await subscriptions.resume(id)).toBe(false)
    expect(await stateOf(bench.server, id)).toBe('unproven')
    isReady = true
    await subscriptions.put(moved)
    await bench.settle()
    expect(await stateOf(bench.server, id)).toBe('active')
  })

  it('by a visit leaves no receiver behind when its link has been over for as long as links are remembered', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    await bench.server.subscriptions.put({ ...HOOK, proof: 'visit' })
    await bench.settle()
    const { url } = await linkIn(bench.sent[0])
    const open = () => bench.server.fetch(new Request(url))
    await bench.advance('8d')
    expect((await open()).status).toBe(410)
    await bench.advance('30d')
    expect((await open()).status).toBe(404)
    expect(await collect(bench.server.receivers())).toEqual([])
  })

  it('by a visit is not given by the link that another URL was sent', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const put = (url: string) =>
      bench.server.subscriptions.put({ topic: 't', id: 'shop/1', url, proof: 'visit' })
    await put('https://old.example')
    await put('https://new.example')
    await bench.settle()
    const links = await Promise.all(
      bench.sent.map(
        async request => [request.url, ((await request.json()) as { url: string }).url] as const,
      ),
    )
    const visit = async (to: string) => {
      const url = links.findLast(([hook]) => hook === to)?.[1] ?? ''
      return (await bench.server.fetch(new Request(confirmed(url)))).status
    }
    await put('https://old.example')
    await bench.settle()
    expect(await visit('https://new.example/')).toBe(410)
    expect(await stateOf(bench.server, 'shop/1')).toBe('unproven')
  })

  it('by a visit is not given by what the endpoint answers, nor by a POST to the page', async () => {
    await using bench = await openBench(
      { logger, world: async request => new Response(await request.text()) },
      () => undefined,
    )
    const { id } = await bench.server.subscriptions.put({ ...HOOK, proof: 'visit' })
    await bench.settle()
    const { url } = await linkIn(bench.sent[0])
    await bench.post(url, '')
    await bench.settle()
    expect(await stateOf(bench.server, id)).toBe('unproven')
  })

  describe('of CloudEvents', () => {
    const open = (headers: Record<string, string>) =>
      openBench({ logger, world: () => new Response(null, { status: 200, headers }) }, () => undefined)

    it.each([
      ['our name', 'bench.example'],
      ['a star', '*'],
      ['our name in capitals', 'BENCH.example'],
    ])('is given by %s', async (_, allowed) => {
      await using bench = await open({ 'WebHook-Allowed-Origin': allowed })
      const { id } = await bench.server.subscriptions.put({ ...HOOK, proof: 'cloudevents' })
      await bench.settle()
      expect(
        bench.sent.map(({ method, url, headers }) => [method, url, headers.get('webhook-request-origin')]),
      ).toEqual([['OPTIONS', HOOK.url, 'bench.example']])
      expect(await stateOf(bench.server, id)).toBe('active')
    })

    it.each<readonly [string, Record<string, string>]>([
      ['another name', { 'WebHook-Allowed-Origin': 'other.example' }],
      ['no name', {}],
    ])('is not given by %s', async (_, headers) => {
      await using bench = await open(headers)
      const { id } = await bench.server.subscriptions.put({ ...HOOK, proof: 'cloudevents' })
      await bench.advance('1m')
      expect(await stateOf(bench.server, id)).toBe('unproven')
    })

    it.each([
      ['120', 3],
      ['*', 10],
      ['6000', 10],
      ['many', 10],
    ])('with an allowed rate of %s lets no more through in a second than both allow', async (rate, count) => {
      await using bench = await open({ 'WebHook-Allowed-Origin': '*', 'WebHook-Allowed-Rate': rate })
      const subscription: SubscriptionOptions = {
        ...HOOK,
        proof: 'cloudevents',
        rateLimit: { count: 10, per: '1s' },
      }
      await bench.server.subscriptions.put(subscription)
      await bench.settle()
      await bench.server.subscriptions.put(subscription) // it is proven: nothing is asked again, and what was allowed stands
      await bench.settle()
      for (let n = 0; n < 20; n++) await bench.server.publish({ topic: 'book.created', body: n })
      await bench.advance(999)
      expect(bench.sent.filter(({ method }) => method === 'POST').length).toBeLessThanOrEqual(count)
      expect(bench.sent.filter(({ method }) => method === 'POST').length).toBeGreaterThanOrEqual(count - 1)
      await bench.advance('1m')
      expect(bench.sent.filter(({ method }) => method === 'POST')).toHaveLength(20)
    })
  })
})
