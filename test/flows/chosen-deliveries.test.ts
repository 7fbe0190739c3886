import { describe, expect, it } from 'vitest'
import { type CallbackServer, type DeliveryFilter, InvalidOptionsError } from '../../src/index.js'
import { openBench } from '../../src/testing/testing.js'
import { collect, recordingLogger } from '../support/server.js'

// The bug: a filter with a mistake in it finds what nobody meant, and all of that is sent again.

const logger = recordingLogger([])
const fails = () => new Response(null, { status: 500 })
type Read = (server: CallbackServer, filter: object) => Promise<unknown>

const redeliver: Read = ({ deliveries }, filter) => deliveries.redeliver(filter)
const list: Read = async ({ deliveries }, filter) => await collect(deliveries.list(filter))
const dead: Read = async ({ deliveries }, filter) => await collect(deliveries.dead(filter))
const attempts: Read = async ({ deliveries }, filter) => await collect(deliveries.attempts(filter))

async function openWithLetters(world = fails) {
  const bench = await openBench({ logger, world }, server => {
    server.endpoint('other', { url: 'https://other.example', retry: false })
    return server.endpoint('app', { url: 'https://app.example', retry: ['1s'] })
  })
  await bench.server.send({ to: 'app', body: 1 })
  await bench.server.send({ to: 'other', body: 2 })
  await bench.advance('1m')
  return bench
}

describe('a filter', () => {
  it('that says nothing sends nothing again: all is asked for in words', async () => {
    await using bench = await openWithLetters()
    const { deliveries } = bench.server
    const refused = deliveries.redeliver({})
    await expect(refused).rejects.toThrow(InvalidOptionsError)
    await expect(refused).rejects.toThrow("if that is meant, write redeliver({ status: 'dead' })")
    expect(await deliveries.redeliver({ status: 'dead' })).toEqual({ redelivered: 2 })
  })

  it.each<readonly [string, Read, readonly string[]]>([
    ['redeliver', redeliver, ['status', 'reason', 'topic', 'endpoint', 'subscription', 'messageId', 'since']],
    ['list', list, ['status', 'reason', 'topic', 'endpoint', 'subscription', 'messageId', 'until']],
    ['dead', dead, ['topic', 'endpoint', 'subscription']],
    ['attempts', attempts, ['topic', 'endpoint', 'subscription', 'deliveryId']],
  ])('of %s with something undefined in it is no filter for everything', async (_, read, names) => {
    await using bench = await openWithLetters()
    for (const name of names) {
      const refused = read(bench.server, { [name]: undefined })
      await expect(refused).rejects.toThrow(InvalidOptionsError)
      await expect(refused).rejects.toThrow(
        new RegExp(`^${name} of .* is undefined; give its value, or leave`),
      )
    }
    expect(await bench.server.deliveries.redeliver({ status: 'dead' })).toEqual({ redelivered: 2 })
  })

  it('may leave where to begin to a variable that has nothing yet', async () => {
    await using bench = await openWithLetters()
    let seen: string | undefined
    for (const read of [list, dead, attempts]) {
      expect(await read(bench.server, { after: seen })).not.toEqual([])
    }
    const all = await collect(bench.server.deliveries.dead({ after: seen }))
    seen = all[0]?.cursor
    expect(await collect(bench.server.deliveries.dead({ after: seen }))).toEqual(all.slice(1))
  })

  it.each<readonly [object, string | RegExp]>([
    [{ status: 'failed' }, "status must be one of 'due', 'sending', 'delivered', 'dead'"],
    [{ status: ['dead'] }, "status must be one of 'due'"],
    [{ status: 'toString' }, 'status must be one of'],
    [
      { reason: 'timeout' },
      "reason must be one of 'exhausted', 'rejected', 'refused', 'cancelled', 'expired'",
    ],
    [{ reason: null }, 'reason must be one of'],
    [{ endpoint: 7 }, "endpoint must be an endpoint, an endpoint's name, or a URL"],
    [{ endpoint: '' }, 'endpoint must be an endpoint'],
    [{ endpoint: null }, 'endpoint must be an endpoint'],
    [{ subscription: { id: 'sub_1' } }, 'subscription must be a text'],
    [{ subscription: '' }, 'subscription must not be empty'],
    [{ messageId: 7 }, 'messageId must be a text'],
    [{ topic: 'book.*' }, "topic must be a topic such as 'book.created', without a star"],
    [{ since: '1d' }, 'since must be a Date, such as new Date('],
    [{ until: 1_767_225_600_000 }, 'until must be a Date'],
    [{ since: new Date('tomorrow') }, 'since must be a Date'],
  ])('with %j says what is wrong with it', async (filter, words) => {
    await using bench = await openWithLetters()
    for (const read of [list, redeliver]) {
      const refused = read(bench.server, filter)
      await expect(refused).rejects.toThrow(InvalidOptionsError)
      await expect(refused).rejects.toThrow(words)
    }
  })

  it.each<readonly [string, Read, object, string]>([
    [
      'list',
      list,
      { after: 'tomorrow' },
      "after must be the cursor of a delivery that list gave, such as 'dlv_…'",
    ],
    ['list', list, { after: '7' }, 'dead and attempts have cursors of their own'],
    ['list', list, { after: 7 }, 'after must be the cursor'],
    ['list', list, { newest: 'yes' }, 'newest must be true or false'],
    ['dead', dead, { follow: 'no' }, 'follow must be true or false'],
    ['dead', dead, { after: 7 }, 'after must be the cursor of something that dead gave'],
    ['dead', dead, { deliveryId: 'dlv_1' }, "no option 'deliveryId'"],
    ['attempts', attempts, { follow: 1 }, 'follow must be true or false'],
    ['attempts', attempts, { deliveryId: 7 }, 'deliveryId must be a text'],
  ])('of %s that nothing can fit is refused', async (_, read, options, words) => {
    await using bench = await openWithLetters()
    const refused = read(bench.server, options)
    await expect(refused).rejects.toThrow(InvalidOptionsError)
    await expect(refused).rejects.toThrow(words)
  })

  it('takes an endpoint for its name', async () => {
    await using bench = await openWithLetters()
    const { server, declared: app } = bench
    for (const endpoint of [app, 'app', { name: 'app' }]) {
      const filter: DeliveryFilter = { endpoint }
      expect(await collect(server.deliveries.list(filter))).toMatchObject([{ endpoint: 'app' }])
      expect(await collect(server.deliveries.dead({ endpoint }))).toMatchObject([{ endpoint: 'app' }])
    }
    expect(await collect(server.deliveries.list({ endpoint: new URL('https://app.example/x') }))).toEqual([])
    await expect(server.deliveries.get(7 as never)).rejects.toThrow('The id of a delivery must be a text')
  })

  it('leads from a dead letter to what came of each attempt', async () => {
    await using bench = await openWithLetters()
    const { server } = bench
    await server.subscriptions.put({ topic: 'book.*', url: 'https://shop.example', retry: false })
    const { messageId } = await server.publish({ topic: 'book.lent' })
    await bench.settle()
    const [letter] = await collect(server.deliveries.list({ messageId }))
    expect(letter).toMatchObject({ topic: 'book.lent', createdAt: letter?.endedAt, attempts: 1 })
    const [first] = await collect(server.deliveries.dead({ endpoint: 'app' }))
    expect(first).not.toHaveProperty('topic')
    const deliveryId = first?.id ?? ''
    const attempted = await collect(server.deliveries.attempts({ deliveryId }))
    expect(attempted.map(({ number, status }) => [number, status])).toEqual([
      [1, 500],
      [2, 500],
    ])
    expect(new Set(attempted.map(each => each.deliveryId))).toEqual(new Set([deliveryId]))
    const [one] = attempted
    const later = await collect(server.deliveries.attempts({ deliveryId, after: one?.cursor }))
    expect(later.map(({ number }) => number)).toEqual([2])
  })
})

describe('what belongs to a subscription that gets nothing any more', () => {
  const gone = () => new Response(null, { status: 410 })
  const HOOK = { topic: 't', url: 'https://shop.example', retry: false } as const

  it.each<readonly ['deleted' | 'retired', RegExp]>([
    ['deleted', /^Delivery dlv_\w+ would die again: subscription 'shop' was deleted/],
    [
      'retired',
      /would die again: subscription 'shop' has retired, for it answered 410; resume it, or put it/,
    ],
  ])('is not sent again while that is %s', async (state, words) => {
    let world = state === 'retired' ? gone : fails
    await using bench = await openBench({ logger, world: () => world() }, server => {
      server.endpoint('app', { url: 'https://app.example', retry: false })
    })
    const { server } = bench
    const { deliveries, subscriptions } = server
    await subscriptions.put({ ...HOOK, id: 'shop' })
    await server.publish({ topic: 't' })
    await server.send({ to: 'app' })
    await bench.advance('1m')
    if (state === 'deleted') await subscriptions.delete({ id: 'shop' })
    await bench.advance('2m')
    const [letter] = await collect(deliveries.list({ status: 'dead', subscription: 'shop' }))
    expect(letter).toBeDefined()

    world = () => new Response(null, { status: 204 })
    await expect(deliveries.redeliver(letter?.id ?? '')).rejects.toThrow(words)
    await expect(deliveries.redeliver(letter?.id ?? '')).rejects.toThrow(InvalidOptionsError)
    expect(await deliveries.redeliver({ status: 'dead' })).toEqual({ redelivered: 1 })
    expect(await deliveries.redeliver({ subscription: 'shop', reason: letter?.reason ?? 'expired' })).toEqual(
      {
        redelivered: 0,
      },
    )
    expect(await deliveries.get(letter?.id ?? '')).not.toHaveProperty('redeliveredAs')

    await subscriptions.put({ ...HOOK, id: 'shop' })
    const again = await deliveries.redeliver(letter?.id ?? '')
    await bench.settle()
    expect(await again.done()).toBe('delivered')
    await subscriptions.delete({ id: 'shop' })
    expect((await deliveries.redeliver(letter?.id ?? '')).id).toBe(again.id)
  })
})
