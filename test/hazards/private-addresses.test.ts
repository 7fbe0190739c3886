import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { CallbackServer, EndpointRefusedError, type ServerOptions } from '../../src/index.js'
import { readBeginning } from '../../src/sender/carrier.js'
import { Guard } from '../../src/sender/guard.js'
import type { Resolved } from '../../src/sender/look-ups.js'
import { createTransport } from '../../src/sender/transport.js'
import { serveHttp } from '../support/far-side.js'
import { recordingLogger } from '../support/server.js'

// The bugs: a check of what an address looks like, which a spelling gets around; a check of what a name resolved to, when
// it is resolved again to connect; an answer that leads where the check would not have. Whoever may name a URL then reads
// the metadata of the machine.

const title = `a host name that resolves to a private address, a literal one, a redirect to one, and a name that changes between look-up and connect are all refused, in words, when the endpoint is declared if possible, else as a permanent failure`

function open(options: ServerOptions = {}) {
  return CallbackServer.open({
    publicUrl: 'https://hooks.example.com',
    store: 'memory:',
    logger: recordingLogger([]),
    allowInsecure: true,
    ...options,
  })
}

describe(title, () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f000001/',
    'http://2130706433/',
    'http://017700000001/',
    'http://0/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[64:ff9b::a00:1]/',
    'http://10.0.0.1/',
    'http://192.168.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'http://localhost/',
    'http://metadata.localhost/',
  ])('a literal one, and what always means this machine, when it is declared: %s', async url => {
    await using server = await open()
    for (const declare of [
      () => server.endpoint('partner', { url }),
      () =>
        server.endpoint('partner', {
          url: 'https://partner.example',
          auth: { oauth2: { tokenUrl: url, clientId: 'ada', clientSecret: 'hunter2' } },
        }),
    ]) {
      expect(declare).toThrow(EndpointRefusedError)
      expect(declare).toThrow(/leads to .*, (an?|the) [\w -]*(address|service)/)
    }
    await expect(server.send({ to: url })).rejects.toThrow(EndpointRefusedError)
  })

  /** Requests go out by sockets, and names are resolved by the test. */
  function resolvedBy(resolve: () => readonly Resolved[], allowPrivate: readonly string[] = []) {
    const guard = new Guard({ allowPrivate, development: () => false })
    const carrier = createTransport({
      guard,
      clock: systemClock,
      connectTimeoutMs: 5_000,
      resolve: async () => resolve(),
    })
    return {
      close: () => carrier.close(),
      fetch: async ({ method, url, headers }: Request) => {
        const { signal } = new AbortController()
        const request = { method, url: new URL(url), headers: [...headers], body: new Uint8Array() }
        const { status, body } = await carrier.carry(request, signal)
        await readBeginning(body, signal)
        return new Response(null, { status })
      },
    }
  }

  it('a name that resolves to one, as a permanent failure', async () => {
    let hits = 0
    await using inside = await serveHttp((_, response) => void response.writeHead(200).end(String(hits++)))
    const { fetch, close } = resolvedBy(() => [{ address: '127.0.0.1', family: 4 }])
    await using server = await open({ fetch })
    const delivery = await server.send({ to: `http://partner.example:${inside.port}/`, body: 'x' })
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'refused' })
    expect(await delivery.attempts()).toMatchObject([
      { error: 'address refused: partner.example leads to 127.0.0.1, a loopback address' },
    ])
    expect(hits).toBe(0)
    await close()
  })

  it('a name that changes: what was judged is connected to, and judged anew for each connection', async () => {
    const paths: string[] = []
    await using inside = await serveHttp((request, response) => {
      paths.push(request.url ?? '')
      response.writeHead(200, { connection: 'close' }).end()
    })
    let lookUps = 0
    const resolve = () => [{ address: lookUps++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    const { fetch, close } = resolvedBy(resolve, ['127.0.0.1/32'])
    await using server = await open({ fetch })
    const first = await server.send({ to: `http://rebind.example:${inside.port}/first`, body: 'x' })
    expect(await first.done()).toBe('delivered')
    expect(lookUps).toBe(1)
    const second = await server.send({ to: `http://rebind.example:${inside.port}/second`, body: 'x' })
    await expect(second.response()).rejects.toMatchObject({ reason: 'refused' })
    expect(paths).toEqual(['/first'])
    await close()
  })

  it('a redirect to one: it is an answer, and nobody goes there', async () => {
    const paths: string[] = []
    await using inside = await serveHttp((request, response) => {
      paths.push(request.url ?? '')
      response.writeHead(302, { location: '/secret' }).end()
    })
    await using server = await open({ allowPrivate: ['127.0.0.1/32'] })
    server.endpoint('partner', { url: `${inside.url}hooks`, retry: false })
    const delivery = await server.send({ to: 'partner', body: 'x' })
    expect(await delivery.done()).toBe('dead')
    expect((await delivery.attempts()).map(({ status }) => status)).toEqual([302])
    expect(paths).toEqual(['/hooks'])
  })
})
