import { CompiledQuery, type Kysely } from 'kysely'
import type pg from 'pg'
import { describe, expectTypeOf, it } from 'vitest'
import type {
  CallbackServer,
  Delivery,
  Endpoint,
  JoinOptions,
  RunHandle,
  StartOptions,
  Workflow,
} from '../../src/index.js'

declare const server: CallbackServer
declare const endpoint: Endpoint
declare const invoice: Workflow<number, string>
declare const idle: Workflow<undefined, void>
declare const client: pg.PoolClient
declare const db: Kysely<object>

describe('a transaction of the caller', () => {
  it('is a client of pg, or whatever can be asked as one', () => {
    expectTypeOf(client).toExtend<NonNullable<JoinOptions['within']>>()
    const query = (text: string, values: unknown[]) => db.executeQuery(CompiledQuery.raw(text, values))
    expectTypeOf({ query }).toExtend<NonNullable<JoinOptions['within']>>()
    // @ts-expect-error it has no rows
    const odd: JoinOptions = { within: { query: async () => 7 } }
    expectTypeOf(odd).toEqualTypeOf<JoinOptions>()
  })

  it('goes with a key, and changes nothing of what is returned', () => {
    const within = client
    expectTypeOf(server.send('order/7', { to: 'app' }, { within })).toEqualTypeOf<Promise<Delivery>>()
    expectTypeOf(endpoint.send('order/7', {}, { within })).toEqualTypeOf<Promise<Delivery>>()
    expectTypeOf(invoice.start('order/7', 7, { within })).toEqualTypeOf<Promise<RunHandle<string>>>()
    expectTypeOf(idle.start('order/7', undefined, { within, after: '1h' })).toEqualTypeOf<
      Promise<RunHandle<void>>
    >()
    expectTypeOf<StartOptions>().toExtend<JoinOptions>()
  })

  it('does not compile without a key, or as undefined', () => {
    // @ts-expect-error the key is what makes it one message
    server.send({ to: 'app' }, { within: client })
    // @ts-expect-error the same
    endpoint.send({}, { within: client })
    // @ts-expect-error without a transaction it is left out
    server.send('order/7', { to: 'app' }, { within: undefined })
  })
})
