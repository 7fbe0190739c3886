import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import * as z from 'zod'
import {
  type Callback,
  type CallbackServer,
  type Received,
  race,
  type Source,
  type Wait,
} from '../../src/index.js'

declare const server: CallbackServer

const Order = z.object({ id: z.string(), price: z.number() })
type Order = z.infer<typeof Order>

describe('the type of data', () => {
  it('comes from a zod schema', async () => {
    const orders = await server.spawn('orders', { schema: Order })
    expectTypeOf(orders.next()).toEqualTypeOf<Wait<Callback<Order>>>()
    for await (const order of orders) expectTypeOf(order.data).toEqualTypeOf<Order>()
    orders.consume(order => void expectTypeOf(order.data).toEqualTypeOf<Order>())
    orders.consume(
      { orderBy: order => order.data.id },
      order => void expectTypeOf(order.data.price).toBeNumber(),
    )
    expectTypeOf(await orders.close()).toEqualTypeOf<Received<Order>[]>()
  })

  it('comes from a valibot schema, after its transformation', async () => {
    const schema = v.pipe(
      v.object({ at: v.string() }),
      v.transform(({ at }) => new Date(at)),
    )
    const receiver = await server.spawn({ schema })
    expectTypeOf((await receiver.next()).data).toEqualTypeOf<Date>()
  })

  it('comes from a source', async () => {
    const shop = server.source('shop', {
      schema: Order,
      respond: order => ({ body: { seen: order.data.id } }),
    })
    expectTypeOf(shop).toEqualTypeOf<Source<Order>>()
    const orders = await server.spawn('orders', { from: shop })
    expectTypeOf((await orders.next()).data).toEqualTypeOf<Order>()
  })

  it('is your word without a schema, and unknown without a word', async () => {
    expectTypeOf((await (await server.spawn<Order>()).next()).data).toEqualTypeOf<Order>()
    expectTypeOf((await (await server.spawn()).next()).data).toBeUnknown()
  })
})

describe('a fallback', () => {
  it('widens what a wait gives, and only when it is there', async () => {
    const receiver = await server.spawn<Order>()
    expectTypeOf(receiver.next({ timeout: '5s', fallback: () => null })).toEqualTypeOf<
      Wait<Callback<Order> | null>
    >()
    expectTypeOf(receiver.next({ timeout: '5s' })).toEqualTypeOf<Wait<Callback<Order>>>()
  })
})

describe('a race', () => {
  it('gives the winner a name by which its value is narrowed', async () => {
    const [paid, failed] = [await server.spawn<Order>(), await server.spawn<{ why: string }>()]
    const first = await race({ paid: () => paid.next(), failed: () => failed.next() })
    expectTypeOf(first.name).toEqualTypeOf<'paid' | 'failed'>()
    if (first.name === 'paid') expectTypeOf(first.value.data).toEqualTypeOf<Order>()
    else expectTypeOf(first.value.data.why).toBeString()
  })
})

describe('what does not compile', () => {
  it('a receiver that is awaited for its callback', async () => {
    const receiver = await server.spawn<Order>()
    // @ts-expect-error: a receiver is no promise of a callback
    void receiver.then
    // @ts-expect-error: awaiting it gives the receiver, which has no data
    void (await receiver).data
  })

  it('a race of plain promises, durations in words, a method nobody sends', async () => {
    // @ts-expect-error: a plain promise cannot be cancelled
    race({ plain: () => Promise.resolve(1) })
    const receiver = await server.spawn()
    // @ts-expect-error: a unit that does not exist
    receiver.next({ timeout: '5 seconds' })
    // @ts-expect-error: OPTIONS never consumes anything
    server.spawn({ methods: ['OPTIONS'] })
    // @ts-expect-error: reopening needs a key
    server.spawn({ reopen: true })
    // @ts-expect-error: a source is declared, not named
    server.spawn('orders', { from: 'shop' })
  })
})
