import { describe, expectTypeOf, it } from 'vitest'
import type { Clock } from '../../src/core/clock.js'
import { race, type Winner } from '../../src/core/race.js'
import { createWait, type PendingWait, type Wait, type WaitOptions } from '../../src/core/wait.js'

declare const clock: Clock
declare function next<T, F = never>(options?: WaitOptions<F>): Wait<T | NoInfer<F>>
interface Order {
  id: string
}

describe('a wait', () => {
  it('is a promise that can be cancelled', () => {
    expectTypeOf<Wait<Order>>().toExtend<Promise<Order>>()
    expectTypeOf<Awaited<Wait<Order>>>().toEqualTypeOf<Order>()
    expectTypeOf<Promise<Order>>().not.toExtend<Wait<Order>>()
    expectTypeOf(next<Order>().then(order => order.id)).toEqualTypeOf<Promise<string>>()
  })

  it('is not widened without a fallback', () => {
    expectTypeOf(createWait<Order>({ clock, what: 'an order', timeout: '5s' })).toEqualTypeOf<
      PendingWait<Order>
    >()
    expectTypeOf(createWait<Order>({ clock, what: 'an order' }).wait).toEqualTypeOf<Wait<Order>>()
    expectTypeOf(next<Order>({ timeout: 5000 })).toEqualTypeOf<Wait<Order>>()
  })

  it('is widened by what the fallback gives', () => {
    expectTypeOf(
      createWait<Order, null>({ clock, what: 'an order', fallback: () => null }).wait,
    ).toEqualTypeOf<Wait<Order | null>>()
    expectTypeOf(next<Order, null>({ fallback: () => null })).toEqualTypeOf<Wait<Order | null>>()
    // @ts-expect-error a fallback that the wait does not speak of
    next<Order>({ fallback: () => null })
  })

  it('is widened by what the fallback gives when that is inferred', () => {
    const receiver = {
      next: <F = never>(options?: WaitOptions<F>): Wait<Order | NoInfer<F>> => next<Order, F>(options),
    }
    expectTypeOf(receiver.next()).toEqualTypeOf<Wait<Order>>()
    expectTypeOf(receiver.next({ timeout: '5s' })).toEqualTypeOf<Wait<Order>>()
    expectTypeOf(receiver.next({ timeout: '5s', fallback: () => null })).toEqualTypeOf<Wait<Order | null>>()
    const order: Promise<Order> = receiver.next()
    expectTypeOf(order).toEqualTypeOf<Promise<Order>>()
    // @ts-expect-error what is awaited must not decide what the fallback gives
    const wrong: Wait<Order> = receiver.next({ fallback: () => null })
    expectTypeOf(wrong).toEqualTypeOf<Wait<Order>>()
  })

  it('takes durations, not just any text', () => {
    next({ timeout: '1.5h', until: new Date() })
    // @ts-expect-error a unit that does not exist
    next({ timeout: '5 seconds' })
    // @ts-expect-error an instant is a Date
    next({ until: 5000 })
  })
})

describe('a race', () => {
  it('knows which value belongs to which name', async () => {
    const winner = race({ paid: () => next<Order>(), late: () => next<boolean>() })
    type Expected =
      | { readonly name: 'paid'; readonly value: Order }
      | { readonly name: 'late'; readonly value: boolean }
    expectTypeOf(winner).toEqualTypeOf<Wait<Expected>>()

    const first = await winner
    if (first.name === 'paid') expectTypeOf(first.value).toEqualTypeOf<Order>()
    else expectTypeOf(first.value).toEqualTypeOf<boolean>()
  })

  it('knows the winner of a race inside', () => {
    const winner = race({ inner: () => race({ a: () => next<1>() }), b: () => next<2>() })
    type Inner = Winner<{ a: () => Wait<1> }>
    expectTypeOf(winner).toEqualTypeOf<
      Wait<{ readonly name: 'inner'; readonly value: Inner } | { readonly name: 'b'; readonly value: 2 }>
    >()
  })

  it('takes neither plain promises nor waits that were made before', () => {
    // @ts-expect-error a plain promise cannot be cancelled
    race({ a: async () => 1 })
    // @ts-expect-error a branch is a function
    race({ a: next<Order>() })
  })
})
