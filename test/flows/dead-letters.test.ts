import { describe, expect, it } from 'vitest'
import { DeliveryFailedError, InvalidOptionsError } from '../../src/index.js'
import { type Bench, type BenchOptions, openBench } from '../../src/testing/testing.js'
import { until } from '../support/far-side.js'
import { collect, type LogLine, recordingLogger } from '../support/server.js'
import { everyStore, listen } from './support/every-store.js'
import { openPartner } from './support/partner.js'

const logger = recordingLogger([])
const LETTERS = 'https://letters.example/'
const ok = () => new Response(null, { status: 204 })

/** Answers each host in its own way, and `204` where nothing is said. */
const hosts =
  (answers: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>) =>
  (request: Request) =>
    (answers[new URL(request.url).hostname] ?? ok)(request)

const fails = () => new Response('down', { status: 500 })

/** What arrived at one host, as JSON. */
const lettersAt = async ({ sent }: Bench<unknown>, url = LETTERS): Promise<unknown[]> =>
  await Promise.all(sent.filter(request => request.url === url).map(request => request.clone().json()))

describe('return to sender', () => {
  it('has the letter of the contract', async () => {
    const partner = await openPartner()
    const server = await listen({ store: 'memory:' })
    server.endpoint('letters', { url: `${partner.url}/letters` })
    const dead = await openPartner(() => ({ status: 400, body: 'no' }))
    server.endpoint('app', { url: dead.url, deadLetter: 'letters' })
    const delivery = await server.send({ to: 'app', type: 'order.created', body: { id: 7, items: ['ä'] } })
    expect(await delivery.done()).toBe('dead')
    await until(() => partner.seen.length === 1)
    const [letter] = partner.seen
    expect(letter?.headers['content-type']).toBe('application/json')
    expect(letter?.headers['webhook-id']).not.toBe(delivery.messageId)
    expect(String(letter?.body).replace(delivery.messageId, 'msg_x')).toMatchInlineSnapshot(
      `"{"Payload":{"id":7,"items":["ä"]},"MessageId":"msg_x","EventType":"order.created","StatusCode":400,"StatusUri":null,"CallbackType":1}"`,
    )
  })

  it.each<readonly [string, number | null, BenchOptions, string]>([
    ['exhausted', 500, { world: hosts({ 'app.example': fails }) }, '30d'],
    [
      'exhausted',
      null,
      { world: hosts({ 'app.example': () => Promise.reject(new TypeError('reset')) }) },
      '30d',
    ],
    ['rejected', 400, { world: hosts({ 'app.example': () => new Response(null, { status: 400 }) }) }, '1m'],
  ])('is told of a message that is %s, with its last status, %s', async (reason, status, options, time) => {
    await using bench = await openBench({ logger, ...options }, server => {
      server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS })
    })
    const { messageId, id } = await bench.server.send({ to: 'app', body: 'text' })
    await bench.advance(time as '1m')
    expect(await lettersAt(bench)).toEqual([
      {
        Payload: 'text',
        MessageId: messageId,
        EventType: null,
        StatusCode: status,
        StatusUri: null,
        CallbackType: 1,
      },
    ])
    expect(await bench.server.deliveries.get(id)).toMatchObject({ status: 'dead', reason })
  })

  it('tells of the last status that there was, where the last attempt had none', async () => {
    let attempt = 0
    await using bench = await openBench(
      {
        logger,
        world: hosts({
          'app.example': () => (++attempt === 1 ? fails() : Promise.reject(new TypeError('reset'))),
        }),
      },
      server => {
        server.endpoint('app', { url: 'https://app.example', retry: ['1s'], deadLetter: LETTERS })
      },
    )
    await bench.server.send({ to: 'app' })
    await bench.advance('10s')
    expect(await lettersAt(bench)).toMatchObject([{ Payload: null, StatusCode: 500 }])
  })

  it('is told of a message that is refused', async () => {
    const letters = await openPartner()
    const server = await listen({
      store: 'memory:',
      publicUrl: 'https://hooks.example',
      allowPrivate: ['127.0.0.0/8'],
      allowInsecure: true,
    })
    // A name that leads to an address that is not called is refused at the attempt.
    server.endpoint('local', { url: 'http://localhost:1', deadLetter: letters.url, retry: false })
    const delivery = await server.send({ to: 'local', body: { id: 7 } })
    expect(await delivery.done()).toBe('dead')
    await until(() => letters.seen.length === 1)
    expect(JSON.parse(String(letters.seen[0]?.body))).toMatchObject({ Payload: { id: 7 }, StatusCode: null })
  })

  it('is told of a message whose deadline has passed while its endpoint was paused', async () => {
    await using bench = await openBench({ logger, world: ok }, server =>
      server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS }),
    )
    await bench.declared.pause()
    const { messageId, id } = await bench.server.send({ to: 'app', body: { id: 7 } })
    await bench.advance('31d')
    expect(await lettersAt(bench)).toMatchObject([
      { MessageId: messageId, StatusCode: null, Payload: { id: 7 } },
    ])
    expect(await bench.server.deliveries.get(id)).toMatchObject({ reason: 'expired', attempts: 0 })
  })

  it.each<readonly [string, (bench: Bench<unknown>, id: string) => Promise<unknown>, number]>([
    ['it was exhausted', async bench => await bench.advance('1m'), 500],
    [
      'its deadline has passed',
      async (bench, id) => {
        await bench.server.subscriptions.pause(id)
        await bench.advance('31d')
      },
      500,
    ],
  ])('is told of what a subscription did not get: %s', async (_, end, status) => {
    await using bench = await openBench({ logger, world: hosts({ 'shop.example': fails }) }, () => undefined)
    const { id } = await bench.server.subscriptions.put({
      topic: 'book.*',
      url: 'https://shop.example',
      deadLetter: LETTERS,
      retry: ['10s'],
    })
    const { messageId } = await bench.server.publish({ topic: 'book.created', body: { id: 7 } })
    await bench.settle()
    await end(bench, id)
    expect(await lettersAt(bench)).toEqual([
      {
        Payload: { id: 7 },
        MessageId: messageId,
        EventType: 'book.created',
        StatusCode: status,
        StatusUri: null,
        CallbackType: 1,
      },
    ])
  })

  it('is not told of what was cancelled', async () => {
    await using bench = await openBench({ logger, world: ok }, server => {
      server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS })
    })
    const delivery = await bench.server.send({ to: 'app', after: '1h' })
    await delivery.cancel()
    await bench.advance('1d')
    expect(bench.sent).toHaveLength(0)
  })

  it('is told once, also when the process dies at any moment in between', async () => {
    const options = { logger, world: hosts({ 'app.example': fails }), work: false }
    await using bench = await openBench(options, server => {
      server.endpoint('app', { url: 'https://app.example', retry: false, deadLetter: LETTERS })
    })
    for (let n = 0; n < 5; n++) await bench.server.send({ to: 'app', body: n })
    for (let life = 0; life < 6; life++) {
      await bench.server.processDue({ limit: 2 })
      await bench.restart()
      await bench.advance('6s')
    }
    for (let pass = 0; pass < 10; pass++) await bench.server.processDue()
    const letters = (await lettersAt(bench)) as { Payload: number }[]
    expect(letters.map(({ Payload }) => Payload).toSorted()).toEqual([0, 1, 2, 3, 4])
  })

  it('goes in no circle when whoever is told of it cannot be reached either', async () => {
    await using bench = await openBench({ logger, world: fails }, server => {
      server.endpoint('app', { url: 'https://app.example', retry: false, deadLetter: 'letters' })
      server.endpoint('letters', { url: LETTERS, retry: ['1s'], deadLetter: 'app' })
    })
    await bench.server.send({ to: 'app' })
    await bench.advance('10d')
    expect(bench.sent.map(({ url }) => url)).toEqual(['https://app.example/', LETTERS, LETTERS])
    expect(await collect(bench.server.deliveries.list({ status: 'dead' }))).toMatchObject([
      { endpoint: 'app' },
      { endpoint: 'letters' },
    ])
  })

  it('goes in no circle when its deadline passes', async () => {
    await using bench = await openBench({ logger, world: hosts({ 'app.example': fails }) }, server => {
      server.endpoint('app', { url: 'https://app.example', retry: false, deadLetter: 'letters' })
      return server.endpoint('letters', { url: LETTERS, deadLetter: LETTERS })
    })
    await bench.declared.pause()
    await bench.server.send({ to: 'app' })
    await bench.advance('40d')
    expect(bench.sent.map(({ url }) => url)).toEqual(['https://app.example/'])
  })

  it('waits for whoever is to be told to be declared again, and does not fill the log meanwhile', async () => {
    const lines: LogLine[] = []
    let declares = true
    await using bench = await openBench(
      {
        logger: recordingLogger(lines),
        world: hosts({ 'shop.example': () => new Response(null, { status: 410 }) }),
      },
      server => {
        if (declares) server.endpoint('letters', { url: LETTERS })
      },
    )
    await bench.server.subscriptions.put({ topic: 't', url: 'https://shop.example', deadLetter: 'letters' })
    declares = false
    await bench.restart()
    await bench.server.publish({ topic: 't', body: 1 })
    await bench.advance('1h')
    const untold = lines.filter(({ message }) => message.startsWith('nobody can be told'))
    expect(untold).toHaveLength(1)
    bench.server.endpoint('letters', { url: LETTERS })
    await bench.advance('5m')
    expect(await lettersAt(bench)).toMatchObject([{ Payload: 1, StatusCode: 410 }])
  })

  it('has the body also when whoever is to be told is declared after bodies are kept', async () => {
    await using bench = await openBench(
      { logger, world: hosts({ 'app.example': () => new Response('no', { status: 400 }) }) },
      server => server.endpoint('app', { url: 'https://app.example', deadLetter: 'letters' }),
    )
    const { messageId, id } = await bench.server.send({ to: 'app', body: { id: 7 } })
    await bench.advance('20d')
    expect(await lettersAt(bench)).toEqual([])
    bench.server.endpoint('letters', { url: LETTERS })
    await bench.advance('6m')
    expect(await lettersAt(bench)).toMatchObject([{ Payload: { id: 7 }, MessageId: messageId }])
    await bench.advance('1m')
    await expect(bench.server.deliveries.redeliver(id)).rejects.toThrow(/not kept any more/)
  })
})

describe('a callback with response', () => {
  it.each<readonly [string, () => Response, number, unknown]>([
    ['JSON', () => Response.json({ took: [1] }, { status: 201 }), 201, { took: [1] }],
    [
      'text',
      () => new Response('thank you', { headers: { 'content-type': 'text/plain' } }),
      200,
      'thank you',
    ],
    ['nothing', () => new Response(null, { status: 204 }), 204, null],
    [
      'bytes',
      () => new Response(Uint8Array.of(0, 255), { headers: { 'content-type': 'application/octet-stream' } }),
      200,
      'AP8=',
    ],
    [
      'JSON that is none',
      () => new Response('{', { headers: { 'content-type': 'application/json' } }),
      200,
      '{',
    ],
    ['a form', () => new Response(new URLSearchParams({ a: '1' })), 200, { a: '1' }],
  ])('tells what was answered: %s', async (_, answer, status, payload) => {
    await using bench = await openBench({ logger, world: hosts({ 'shop.example': answer }) }, server => {
      server.endpoint('app', { url: 'https://app.example', auth: { bearer: 'ours' } })
    })
    await bench.server.subscriptions.put({ topic: 't', url: 'https://shop.example', callback: 'app' })
    const published = await bench.server.publish({ topic: 't', type: 'named', body: { id: 7 } })
    await bench.settle()
    expect(await lettersAt(bench, 'https://app.example/')).toEqual([
      {
        Payload: payload,
        MessageId: published.messageId,
        EventType: 'named',
        StatusCode: status,
        StatusUri: null,
        CallbackType: 0,
      },
    ])
    expect(bench.sent.at(-1)?.headers.get('authorization')).toBe('Bearer ours')
    const [delivery] = await collect(published.deliveries())
    const response = await delivery?.response()
    expect(response?.status).toBe(status)
    expect(Buffer.from(response?.bytes() ?? [])).toEqual(Buffer.from(await answer().arrayBuffer()))
  })

  it('is for what was delivered; of what was not, the dead letter tells', async () => {
    await using bench = await openBench(
      { logger, world: hosts({ 'shop.example': () => new Response('gone', { status: 410 }) }) },
      () => undefined,
    )
    await bench.server.subscriptions.put({
      topic: 't',
      url: 'https://shop.example',
      callback: 'https://app.example',
      deadLetter: LETTERS,
    })
    const published = await bench.server.publish({ topic: 't', body: { id: 7 } })
    await bench.settle()
    expect(await lettersAt(bench, 'https://app.example/')).toEqual([])
    expect(await lettersAt(bench)).toMatchObject([{ CallbackType: 1, StatusCode: 410, Payload: { id: 7 } }])
    const [delivery] = await collect(published.deliveries())
    await expect(delivery?.response()).rejects.toThrow(DeliveryFailedError)
  })
})

describe.each(everyStore)('over HTTP, in %s', (_, make) => {
  it('who is to be told of ends is told, and what has died is sent again', async () => {
    let isUp = false
    const partner = await openPartner(({ path }) => ({
      status: path.startsWith('/dead') && !isUp ? 400 : 200,
      headers: { 'content-type': 'application/json', 'x-path': path },
      body: '{"took":true}',
    }))
    const server = await listen({ store: await make() })
    server.endpoint('dead', {
      url: `${partner.url}/dead?token=secret`,
      deadLetter: `${partner.url}/letters`,
      auth: { bearer: 'hidden' },
    })
    await server.subscriptions.put({
      topic: 't',
      url: `${partner.url}/shop`,
      callback: `${partner.url}/callback`,
    })
    const delivery = await server.send({ to: 'dead', body: { id: 7 } })
    expect(await delivery.done()).toBe('dead')
    await server.publish({ topic: 't', body: { id: 8 } })
    const at = (path: string) =>
      partner.seen.filter(each => each.path === path).map(({ body }) => JSON.parse(String(body)) as object)
    await until(() => at('/letters').length === 1 && at('/callback').length === 1)
    expect(at('/letters')).toMatchObject([{ Payload: { id: 7 }, StatusCode: 400, CallbackType: 1 }])
    expect(at('/callback')).toMatchObject([{ Payload: { took: true }, StatusCode: 200, CallbackType: 0 }])

    expect(await collect(server.deliveries.dead())).toMatchObject([
      { id: delivery.id, reason: 'rejected', endpoint: 'dead' },
    ])
    const [attempt] = await collect(server.deliveries.attempts({ endpoint: 'dead' }))
    expect(attempt).toMatchObject({ deliveryId: delivery.id, number: 1, status: 400 })
    expect(attempt?.answer?.json()).toEqual({ took: true })
    expect(attempt?.request?.url).toMatch(/\/dead/)
    expect(JSON.stringify([attempt?.request, [...(attempt?.request?.headers ?? [])]])).not.toMatch(
      /hidden|secret/,
    )

    isUp = true
    const again = await server.deliveries.redeliver(delivery.id)
    expect(await again.done()).toBe('delivered')
    expect((await server.deliveries.redeliver(delivery.id)).id).toBe(again.id)
    expect(again.messageId).toBe(delivery.messageId)
    expect(await server.deliveries.get(delivery.id)).toMatchObject({
      status: 'dead',
      redeliveredAs: again.id,
    })
    const stream = await collect(server.deliveries.attempts())
    expect(stream.length).toBeGreaterThanOrEqual(4)
    expect(await collect(server.deliveries.attempts({ after: stream[1]?.cursor ?? '' }))).toHaveLength(
      stream.length - 2,
    )
  })
})

describe('sending again', () => {
  const open = (world: NonNullable<BenchOptions['world']>, options: BenchOptions = {}) =>
    openBench({ logger, world, ...options }, server => {
      server.endpoint('app', { url: 'https://app.example', retry: false, breaker: false })
      server.endpoint('other', { url: 'https://other.example', retry: false })
    })

  it('by filter is ten a second, the oldest first, and once for each', async () => {
    let isUp = false
    await using bench = await open(() => (isUp ? ok() : fails()))
    const { deliveries } = bench.server
    for (let n = 0; n < 25; n++) await bench.server.send({ to: 'app', body: String(n) })
    await bench.server.send({ to: 'other', body: 'other' })
    await bench.advance('10m')
    isUp = true
    const before = bench.sent.length
    expect(await deliveries.redeliver({ endpoint: 'app' })).toEqual({ redelivered: 25 })
    expect(await deliveries.redeliver({ endpoint: 'app' })).toEqual({ redelivered: 0 })
    await bench.settle()
    expect(bench.sent.length - before).toBe(1)
    await bench.advance(999)
    expect(bench.sent.length - before).toBe(10)
    await bench.advance('2s')
    const bodies = await Promise.all(bench.sent.slice(before).map(request => request.text()))
    expect(bodies).toEqual(Array.from({ length: 25 }, (_, n) => String(n)))
  })

  it('by filter does not send again what it has just sent again in vain', async () => {
    await using bench = await open(fails)
    const { server } = bench
    for (let n = 0; n < 150; n++) await server.send({ to: 'app', body: n })
    await bench.advance('1h')
    const dead = await collect(server.deliveries.list({ status: 'dead' }))
    expect(dead).toHaveLength(150)
    // What is sent again dies between two pages.
    const redelivering = server.deliveries.redeliver({ status: 'dead' })
    await bench.advance('1m')
    expect(await redelivering).toEqual({ redelivered: 150 })
    await bench.advance('1h')
    expect(await collect(server.deliveries.list({ status: 'dead' }))).toHaveLength(300)
  })

  it('takes delivered ones when it is asked to, and refuses what has not ended, in words', async () => {
    await using bench = await open(ok)
    const { deliveries } = bench.server
    const done = await bench.server.send({ to: 'app', body: 1 })
    const held = await bench.server.send({ to: 'app', body: 2, after: '1h' })
    await bench.settle()
    expect(await deliveries.redeliver({ endpoint: 'app' })).toEqual({ redelivered: 0 })
    expect(await deliveries.redeliver({ endpoint: 'app', status: 'delivered' })).toEqual({ redelivered: 1 })
    await bench.settle()
    expect(await Promise.all(bench.sent.map(request => request.text()))).toEqual(['1', '1'])
    expect(new Set(bench.sent.map(({ headers }) => headers.get('webhook-id')))).toEqual(
      new Set([done.messageId]),
    )
    await expect(deliveries.redeliver(held.id)).rejects.toThrow(/has not ended, so it is not sent again/)
    await expect(deliveries.redeliver('dlv_x')).rejects.toThrow(/There is no delivery dlv_x/)
    await expect(deliveries.redeliver({ status: 'due' })).rejects.toThrow(/'dead' or 'delivered'/)
    await expect(deliveries.redeliver({ path: 'x' } as never)).rejects.toThrow(InvalidOptionsError)
  })

  it('is not possible once the body is not kept, and that is said; the record is kept longer', async () => {
    await using bench = await open(() => new Response('big answer', { status: 400 }))
    const { deliveries } = bench.server
    const { id, messageId } = await bench.server.send({ to: 'app', body: 'big' })
    await bench.advance('8d')
    await expect(deliveries.redeliver(id)).rejects.toThrow(/body of delivery .* not kept any more/)
    expect(await deliveries.redeliver({ messageId })).toEqual({ redelivered: 0 })
    expect(await deliveries.get(id)).toMatchObject({ status: 'dead', reason: 'rejected', attempts: 1 })
    const [attempt] = await collect(deliveries.attempts())
    expect(attempt).toMatchObject({ deliveryId: id, status: 400 })
    expect(attempt?.answer?.text() ?? '').toBe('')
    await bench.advance('23d')
    expect(await deliveries.get(id)).toBeUndefined()
    expect(await collect(deliveries.attempts())).toEqual([])
    await expect(deliveries.redeliver(id)).rejects.toThrow(/There is no delivery/)
  })
})

describe('the history', () => {
  const cursorsOf = (items: readonly { readonly cursor: string }[]) => items.map(({ cursor }) => cursor)

  it('is listed by each filter, from either end, and goes on behind a cursor', async () => {
    await using bench = await openBench({ logger, world: hosts({ 'app.example': fails }) }, server => {
      server.endpoint('app', { url: 'https://app.example', retry: false })
      server.endpoint('fine', { url: 'https://fine.example' })
    })
    const { server } = bench
    const { id: shop } = await server.subscriptions.put({ topic: 'book.*', url: 'https://shop.example' })
    const a = await server.send({ to: 'app' })
    const f = await server.send({ to: 'fine' })
    const u = await server.send({ to: 'https://url.example/x?y=1' })
    await bench.advance('1m')
    const published = await server.publish({ topic: 'book.created' })
    const held = await server.send({ to: 'fine', after: '1h' })
    await bench.settle()
    const [p] = await collect(published.deliveries())
    const all = [a.id, f.id, u.id, p?.id, held.id].toSorted()
    const noon = new Date((await server.deliveries.get(held.id))?.dueAt?.getTime() ?? 0)
    const from = new Date(noon.getTime() - 3_600_000)
    const list = async (filter: Parameters<typeof server.deliveries.list>[0]) =>
      (await collect(server.deliveries.list(filter))).map(({ id }) => id)
    expect(await list({})).toEqual(all)
    expect(await list({ newest: true })).toEqual(all.toReversed())
    expect(await list({ after: all[1] ?? '' })).toEqual(all.slice(2))
    expect(await list({ after: all[2] ?? '', newest: true })).toEqual([all[1], all[0]])
    expect(await list({ status: 'dead' })).toEqual([a.id])
    expect(await list({ reason: 'exhausted' })).toEqual([a.id])
    expect(await list({ reason: 'expired' })).toEqual([])
    expect(await list({ topic: 'book.created' })).toEqual([p?.id])
    expect(await list({ endpoint: 'fine', status: 'due' })).toEqual([held.id])
    expect(await list({ endpoint: 'https://url.example/other' })).toEqual([u.id])
    expect(await list({ subscription: shop })).toEqual([p?.id])
    expect(await list({ messageId: f.messageId })).toEqual([f.id])
    expect((await list({ since: from })).toSorted()).toEqual([p?.id, held.id].toSorted())
    expect((await list({ until: from })).toSorted()).toEqual([a.id, f.id, u.id].toSorted())
    expect(await server.deliveries.get(u.id)).toMatchObject({
      status: 'delivered',
      origin: 'https://url.example',
    })
    await expect(list({ endpoint: 'a', subscription: 'b' })).rejects.toThrow(/give one of them/)
    await expect(list({ page: 2 } as never)).rejects.toThrow(/no option 'page'/)
  })

  it('of attempts shows what left without what is secret, and what was answered', async () => {
    await using bench = await openBench(
      { logger, world: () => new Response('no', { status: 404, headers: { 'x-a': '1' } }) },
      server => {
        server.endpoint('app', {
          url: 'https://app.example/hooks?api_key=verysecret',
          auth: { bearer: 'verysecret' },
          secret: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
          headers: { 'x-shop': 'visible' },
        })
      },
    )
    const { id, messageId } = await bench.server.send({ to: 'app', path: 'x', body: 'verysecret' })
    await bench.settle()
    const [attempt] = await collect(bench.server.deliveries.attempts())
    expect(attempt).toMatchObject({
      deliveryId: id,
      messageId,
      endpoint: 'app',
      number: 1,
      status: 404,
      durationMs: 0,
    })
    const { method, url, headers } = attempt?.request ?? expect.fail('no request')
    expect([method, headers.get('webhook-id'), headers.get('x-shop')]).toEqual(['POST', messageId, 'visible'])
    expect(url).toMatch(/^https:\/\/app\.example\/hooks\/x/)
    const shown = JSON.stringify([url, [...headers]])
    expect(shown).not.toContain('verysecret')
    expect(shown).not.toContain(bench.sent[0]?.headers.get('webhook-signature'))
    expect([attempt?.answer?.text(), attempt?.answer?.headers.get('x-a')]).toEqual(['no', '1'])
  })

  it.each(['dead', 'attempts'] as const)(
    'as a stream of %s goes on from a cursor, also after a restart, and misses none',
    async what => {
      await using bench = await openBench({ logger, world: fails }, server => {
        server.endpoint('app', { url: 'https://app.example', retry: false })
        server.endpoint('other', { url: 'https://other.example', retry: false })
      })
      const send = async (to: string, count: number) => {
        for (let n = 0; n < count; n++) await bench.server.send({ to, body: n })
        await bench.settle()
      }
      await send('app', 6)
      await send('other', 2)
      await bench.advance('10m')
      const read = (options: { after?: string; endpoint?: string } = {}) =>
        collect<{ readonly cursor: string }>(bench.server.deliveries[what](options))
      const all = await read()
      expect(all).toHaveLength(8)
      expect(cursorsOf(await read({ endpoint: 'other' }))).toEqual(cursorsOf(all).slice(6))
      const after = all[2]?.cursor ?? ''
      await bench.restart()
      expect(cursorsOf(await read({ after }))).toEqual(cursorsOf(all).slice(3))
      await send('app', 1)
      await bench.advance('10m')
      expect((await read({ after: all.at(-1)?.cursor ?? '' })).length).toBe(1)
    },
  )

  it.each(['dead', 'attempts'] as const)(
    'as a stream of %s follows what comes, until it is aborted',
    async what => {
      await using bench = await openBench({ logger, world: fails }, server => {
        server.endpoint('app', { url: 'https://app.example', retry: false })
      })
      const stop = new AbortController()
      const seen: string[] = []
      const following = (async () => {
        const options = { follow: true, signal: stop.signal }
        for await (const item of bench.server.deliveries[what](options))
          seen.push('id' in item ? item.id : item.deliveryId)
      })()
      const ids: string[] = []
      for (let n = 0; n < 3; n++) {
        ids.push((await bench.server.send({ to: 'app', body: n })).id)
        await bench.advance('2s')
        expect(seen).toEqual(ids)
      }
      stop.abort()
      await following
      const aborted = bench.server.deliveries[what]({ follow: true, signal: stop.signal })
      expect(await collect<unknown>(aborted)).toEqual([])
    },
  )
})
