import { afterEach, describe, expect, it, vi } from 'vitest'
import { CallbackServer, InvalidOptionsError, KeyConflictError } from '../../src/index.js'
import { type LogLine, openTestServer, recordingLogger } from '../support/server.js'
import { stores } from '../support/stores.js'

// What would be wrong without it: a call that nearly is one is answered with a sentence about something else.

afterEach(() => vi.unstubAllEnvs())

describe('a call that nearly is one shows how it is to be written', () => {
  it('spawn with a number for a key', async () => {
    await using bench = await openTestServer()
    const spawn = bench.server.spawn(7 as unknown as string)
    await expect(spawn).rejects.toThrow(InvalidOptionsError)
    await expect(spawn).rejects.toThrow("must be a text, such as spawn('orders/7'); got a number")
  })

  it('send with a URL for a key, whatever follows', async () => {
    await using bench = await openTestServer()
    for (const message of [{ body: 1 }, { order: 7 }]) {
      const sent = bench.server.send('https://shop.example/secret', message as unknown as { to: string })
      await expect(sent).rejects.toThrow("send({ to: 'https://…', body: … })")
      await expect(sent).rejects.not.toThrow('secret')
    }
    const keyed = await bench.server.send('https://shop.example/7', { to: 'https://shop.example', body: 1 })
    expect(keyed.id).toMatch(/^dlv_/)
  })

  it('start of a workflow without a key', async () => {
    await using bench = await openTestServer()
    const order = bench.server.workflow('order', async (_run, input: { id: number }) => input.id)
    const started = order.start({ id: 7 } as unknown as string, { id: 7 })
    await expect(started).rejects.toThrow(InvalidOptionsError)
    await expect(started).rejects.toThrow("start of workflow 'order' needs a key first")
  })
})

describe('options that nearly are', () => {
  it('a port that is a text, as it is in the environment', async () => {
    const listening = CallbackServer.listen({ port: '3000' as unknown as number, store: 'memory:' })
    await expect(listening).rejects.toThrow(InvalidOptionsError)
    await expect(listening).rejects.toThrow('got the text "3000", of which Number(…) makes one')
    await expect(CallbackServer.listen({ port: 1.5, store: 'memory:' })).rejects.toThrow('65535; got 1.5')
  })

  it('none at all for open', async () => {
    const opening = CallbackServer.open(...([] as unknown as Parameters<typeof CallbackServer.open>))
    await expect(opening).rejects.toThrow(InvalidOptionsError)
    await expect(opening).rejects.toThrow('CallbackServer.open needs a publicUrl')
  })

  it('a text where an object belongs is said in a sentence', async () => {
    await using bench = await openTestServer()
    const put = bench.server.subscriptions.put('book.*' as unknown as { topic: string; url: string })
    await expect(put).rejects.toThrow('The options of a subscription must be an object')
  })
})

it.each(stores)('two URLs at one host under one key are told apart (%s)', async (_, place) => {
  await using bench = await openTestServer({ store: place(), fetch: async () => new Response() })
  await bench.server.send('order/7', { to: 'https://shop.example/a', body: 1 })
  const second = bench.server.send('order/7', { to: 'https://shop.example/b', body: 1 })
  await expect(second).rejects.toThrow(KeyConflictError)
  await expect(second).rejects.toThrow(
    'a URL at https://shop.example already, so it cannot have one to another path there;',
  )
})

describe('listening without a publicUrl', () => {
  async function listen(options: { publicUrl?: string }): Promise<readonly LogLine[]> {
    const logged: LogLine[] = []
    const server = await CallbackServer.listen({
      port: 0,
      host: '127.0.0.1',
      store: 'memory:',
      logger: recordingLogger(logged),
      ...options,
    })
    await server.close({ grace: 0 })
    return logged
  }

  it('is a warning in production, and nowhere else', async () => {
    expect(await listen({})).toEqual([])
    vi.stubEnv('NODE_ENV', 'production')
    expect(await listen({ publicUrl: 'https://hooks.example.com' })).toEqual([])
    expect(await listen({})).toEqual([
      {
        level: 'warn',
        facts: { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
        message: expect.stringContaining('without a publicUrl only this machine reaches the server'),
      },
    ])
  })
})
