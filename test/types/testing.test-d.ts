import { describe, expectTypeOf, it } from 'vitest'
import type { CallbackServer, Receiver, RunHandle, ServerOptions, Workflow } from '../../src/index.js'
import { type Bench, type BenchOptions, openBench, type Post } from '../../src/testing/testing.js'

describe('a bench', () => {
  it('gives what was declared, also where that had to be awaited', async () => {
    const bench = await openBench({}, async server => ({ orders: await server.spawn<number>('orders') }))
    expectTypeOf(bench).toEqualTypeOf<Bench<{ orders: Receiver<number> }>>()
    expectTypeOf(bench.declared.orders).toEqualTypeOf<Receiver<number>>()
    expectTypeOf(bench.server).toEqualTypeOf<CallbackServer>()

    const { declared } = await openBench({}, server =>
      server.workflow('double', async (_, n: number) => n * 2),
    )
    expectTypeOf(declared).toEqualTypeOf<Workflow<number, number>>()
    expectTypeOf(declared.start('1', 21)).toEqualTypeOf<Promise<RunHandle<number>>>()
  })

  it('takes the options of a server, and a world that answers now or later', () => {
    expectTypeOf<ServerOptions>().toExtend<BenchOptions>()
    void openBench({ world: () => new Response(), interrupt: true }, () => undefined)
    void openBench({ parkAfter: '5s', world: async (request, post) => post(request.url, { a: 1 }) }, () => {})
    expectTypeOf<Post>().returns.toEqualTypeOf<Promise<Response>>()
  })

  it('is told what it declares, and how far time goes', async () => {
    // @ts-expect-error: without declarations it has nothing to restart
    void openBench({})
    const bench = await openBench({}, () => undefined)
    // @ts-expect-error: a unit that does not exist
    void bench.advance('5 seconds')
    // @ts-expect-error: what was sent is not for others to change
    bench.sent.push(new Request('https://shop.example'))
    // @ts-expect-error: the next server comes with a restart
    bench.server = (await openBench({}, () => undefined)).server
  })
})
