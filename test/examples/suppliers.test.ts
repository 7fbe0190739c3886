import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/suppliers.mjs'
import { openExample, runOf, ways } from './ways.js'

const suppliers = ['acme', 'bolts', 'nuts']

describe.each(ways)('a quote of three suppliers, $way', way => {
  async function open(refusing: readonly string[] = []) {
    const said: string[] = []
    const callbacks: Record<string, string> = {}
    const bench = await openExample(
      way,
      {
        world: async request => {
          const { callback } = (await request.json()) as { callback: string }
          const [name = ''] = new URL(request.url).host.split('.')
          callbacks[name] = callback
          return new Response(null, { status: refusing.includes(name) ? 422 : 200 })
        },
      },
      server => declare(server, line => void said.push(line)),
    )
    await bench.declared.start('7', 'screws')
    await bench.pass(60_000)
    const answer = (name: string, price: number) => bench.post(callbacks[name] ?? '', { price })
    const result = async () => (await runOf(bench.declared, '7')).result()
    const failure = () =>
      result().then(
        () => undefined,
        (error: Error) => error.cause,
      )
    return { bench, said, answer, result, failure }
  }

  it('asks each of them once', async () => {
    const { bench } = await open()
    await using _ = bench
    await bench.pass(60_000)
    expect(bench.sent.map(({ url }) => new URL(url).host).sort()).toEqual(
      suppliers.map(name => `${name}.example`),
    )
  })

  it('is won by the first answer, and the others come too late', async () => {
    const { bench, said, answer, result } = await open()
    await using _ = bench
    expect((await answer('bolts', 8)).status).toBe(202)
    await bench.pass(60_000)
    expect(await result()).toBe('bolts')
    expect((await answer('nuts', 7)).status).toBe(410)
    await bench.pass(60_000)
    expect(said).toEqual(['ordered at bolts for 8'])
  })

  it('passes over who refuses', async () => {
    const { bench, said, answer, result } = await open(['acme', 'nuts'])
    await using _ = bench
    expect(said).toEqual([])
    await answer('bolts', 8)
    await bench.pass(60_000)
    expect(await result()).toBe('bolts')
    expect(said).toEqual(['ordered at bolts for 8'])
  })

  it('fails when all refuse', async () => {
    const { bench, said, failure } = await open(suppliers)
    await using _ = bench
    expect(await failure()).toBeInstanceOf(AggregateError)
    expect(said).toEqual([])
  })

  it('fails when nobody answers within the hour', async () => {
    const { bench, said, failure } = await open(['acme'])
    await using _ = bench
    await bench.pass(3_600_000)
    expect(((await failure()) as AggregateError).errors.map(({ name }) => name)).toEqual([
      'DeliveryFailedError',
      'TimeoutError',
      'TimeoutError',
    ])
    expect(said).toEqual([])
  })
})
