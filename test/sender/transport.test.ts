import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { type Tried, tryOnce } from '../../src/sender/attempt.js'
import { type Carrier, LONGEST_ANSWER } from '../../src/sender/carrier.js'
import { createFetchCarrier } from '../../src/sender/fetch-carrier.js'
import { Guard } from '../../src/sender/guard.js'
import { createTransport, type TransportParts } from '../../src/sender/transport.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { deferred, never } from './bench.js'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const developing = new Guard({ allowPrivate: false, development: () => true })
const strict = new Guard({ allowPrivate: false, development: () => false })

function open(parts: Partial<TransportParts> = {}): Carrier {
  const transport = createTransport({
    guard: developing,
    clock: systemClock,
    connectTimeoutMs: 5_000,
    ...parts,
  })
  closing.push(() => transport.close())
  return transport
}

interface RawServer {
  readonly url: string
  readonly port: number
  readonly connections: Socket[]
  /** What arrived on all connections together. */
  received(): string
  /** Resolves when the first connection is over. */
  readonly gone: Promise<unknown>
}

/** A server below HTTP: `answer` is called with the socket once a whole header has arrived. */
async function serveRaw(answer: (socket: Socket) => void): Promise<RawServer> {
  const connections: Socket[] = []
  const gone = deferred<unknown>()
  let received = ''
  const server = createServer(socket => {
    connections.push(socket)
    socket.on('error', () => {})
    socket.on('close', () => gone.resolve(undefined))
    let seen = ''
    socket.on('data', data => {
      received += data.toString('latin1')
      seen += data.toString('latin1')
      if (!seen.includes('\r\n\r\n')) return
      seen = ''
      answer(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  closing.push(() => {
    for (const socket of connections) socket.destroy()
    return new Promise(resolve => server.close(() => resolve()))
  })
  return { url: `http://127.0.0.1:${port}/`, port, connections, received: () => received, gone: gone.promise }
}

async function serve(
  listener: RequestListener,
): Promise<{ url: string; port: number; connections(): number }> {
  let connections = 0
  const server = createHttpServer(listener).on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  closing.push(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(() => resolve()))
  })
  return { url: `http://127.0.0.1:${port}/`, port, connections: () => connections }
}

interface Try {
  carrier?: Carrier
  clock?: ManualClock | typeof systemClock
  stop?: AbortSignal
  body?: Uint8Array
}

function attempt(
  url: string,
  { carrier = open(), clock = systemClock, stop, body = Buffer.from('{}') }: Try = {},
) {
  return tryOnce(
    { method: 'POST', url: new URL(url), headers: [['webhook-id', 'msg_1']], body },
    { carrier, clock, timeoutMs: 15_000, stop: stop ?? new AbortController().signal },
  )
}

function answered(tried: Tried | undefined) {
  if (tried?.type !== 'answered') throw new Error(`not answered: ${JSON.stringify(tried)}`)
  return tried.answer
}

const head = (lines: string) => `HTTP/1.1 ${lines.trim().replaceAll('\n', '\r\n')}\r\n\r\n`

describe('an attempt', () => {
  it('writes method, path, headers and bytes as they are, and adds only what the connection needs', async () => {
    const server = await serveRaw(socket => socket.end(head('204 No Content')))
    const carrier = open()
    await tryOnce(
      {
        method: 'PATCH',
        url: new URL('a%20b/%7Bc%7D?x=%C3%A4&y', server.url),
        headers: [
          ['webhook-id', 'msg_1'],
          ['x-name', 'M\u00fcller'],
          ['content-type', 'application/json'],
        ],
        body: Buffer.from('{"a": 1}'),
      },
      { carrier, clock: systemClock, timeoutMs: 15_000, stop: new AbortController().signal },
    )
    const [headPart = '', body] = server.received().split('\r\n\r\n')
    const [line, ...headers] = headPart.split('\r\n')
    expect(line).toBe('PATCH /a%20b/%7Bc%7D?x=%C3%A4&y HTTP/1.1')
    expect(headers.sort()).toEqual([
      'connection: keep-alive',
      'content-length: 8',
      'content-type: application/json',
      `host: 127.0.0.1:${server.port}`,
      'webhook-id: msg_1',
      'x-name: M\u00fcller',
    ])
    expect(body).toBe('{"a": 1}')
  })

  it('brings back status, headers and body', async () => {
    const server = await serve((_, response) => {
      response.writeHead(
        201,
        [
          ['x-one', '1'],
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ].flat(),
      )
      response.end('created')
    })
    const { status, headers, body, truncated } = answered(await attempt(server.url))
    expect([status, Buffer.from(body).toString(), truncated]).toEqual([201, 'created', false])
    expect(headers).toEqual(
      expect.arrayContaining([
        ['x-one', '1'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ]),
    )
  })

  it('uses connections again', async () => {
    const server = await serve((_, response) => void response.end('ok'))
    const carrier = open()
    for (let n = 0; n < 20; n++) answered(await attempt(server.url, { carrier }))
    expect(server.connections()).toBeLessThanOrEqual(2)
  })

  it('leaves a compressed body as it is', async () => {
    const zipped = gzipSync('x'.repeat(100_000))
    const server = await serve(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped),
    )
    expect(Buffer.from(answered(await attempt(server.url)).body)).toEqual(zipped)
  })

  it('takes a redirect for an answer and follows it nowhere', async () => {
    let hits = 0
    const other = await serve((_, response) => {
      hits++
      response.end()
    })
    for (const location of [
      other.url,
      'http://169.254.169.254/latest/meta-data',
      'http://10.0.0.1/',
      '/elsewhere',
    ]) {
      let asked = 0
      const server = await serve((_, response) => {
        asked++
        response.writeHead(307, { location }).end()
      })
      expect(answered(await attempt(server.url)).status).toBe(307)
      expect(asked).toBe(1)
    }
    expect(hits).toBe(0)
  })
})

describe('an answer', () => {
  it.each([
    [0, false],
    [LONGEST_ANSWER - 1, false],
    [LONGEST_ANSWER, false],
    [LONGEST_ANSWER + 1, true],
    [1_000_000, true],
  ])('of %i bytes is cut at 16 KiB: %s', async (length, cut) => {
    const whole = Buffer.alloc(length, 'abc')
    const server = await serve((_, response) => void response.end(whole))
    const { body, truncated } = answered(await attempt(server.url))
    expect(truncated).toBe(cut)
    expect(Buffer.compare(body, whole.subarray(0, LONGEST_ANSWER))).toBe(0)
  })

  it('that never ends is read to 16 KiB, and its connection let go', async () => {
    const server = await serveRaw(socket => {
      socket.write(head('200 OK\ntransfer-encoding: chunked'))
      const pour = () => {
        while (socket.writable && socket.write(`1000\r\n${'x'.repeat(4096)}\r\n`));
      }
      socket.on('drain', pour)
      pour()
    })
    const { status, body, truncated } = answered(await attempt(server.url))
    expect([status, body.length, truncated]).toEqual([200, LONGEST_ANSWER, true])
    await server.gone
  })

  it.each([
    ['no answer at all', ''],
    ['a header that does not end', 'HTTP/1.1 200 OK\r\nx-a: '],
    ['nothing but 1xx', head('102 Processing')],
  ])('that is %s costs the time of the attempt, and no more', async (_, text) => {
    const clock = new ManualClock()
    const arrived = deferred<void>()
    const server = await serveRaw(socket => {
      socket.write(text)
      arrived.resolve()
    })
    const tried = attempt(server.url, { clock })
    await arrived.promise
    await clock.advance('14999ms')
    expect(await Promise.race([tried, 'pending'])).toBe('pending')
    await clock.advance('1ms')
    expect(await tried).toMatchObject({ type: 'failed', error: 'timed out after 15s' })
    await server.gone
    expect(clock.timers).toBe(0)
  })

  it.each([
    ['a connection that is closed', 'connection reset', (socket: Socket) => socket.end()],
    ['a connection that is reset', 'connection reset', (socket: Socket) => socket.resetAndDestroy()],
    [
      'reset in the middle of its header',
      'connection reset',
      (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nx-a: ', () => socket.resetAndDestroy()),
    ],
    ['garbage', 'answer is not HTTP', (socket: Socket) => socket.end('SSH-2.0-secret\r\n\r\n')],
    [
      'a status that is no number',
      'answer is not HTTP',
      (socket: Socket) => socket.end('HTTP/1.1 secret OK\r\n\r\n'),
    ],
    [
      'a huge header',
      'header of the answer is too large',
      (socket: Socket) => socket.end(head(`200 OK\nx-secret: ${'x'.repeat(100_000)}`)),
    ],
  ])('that is %s is a failure in words: %s', async (_, error, answer) => {
    const server = await serveRaw(answer)
    expect(await attempt(server.url)).toMatchObject({ type: 'failed', error })
  })
})

describe('an answer whose status has come', () => {
  it.each([
    ['is shorter than it says', '200 OK\ncontent-length: 100', 'begun'],
    ['breaks off between its chunks', '200 OK\ntransfer-encoding: chunked', '5\r\nbegun\r\n'],
    ['is not what was announced', '200 OK\ntransfer-encoding: chunked', '5\r\nbegun\r\nsecret\r\n'],
  ])('counts by it when its body %s', async (_, lines, text) => {
    const server = await serveRaw(socket => socket.end(head(lines) + text))
    const { status, body, truncated } = answered(await attempt(server.url))
    expect([status, Buffer.from(body).toString(), truncated]).toEqual([200, 'begun', true])
  })

  it.each([200, 500])('counts by it when its body takes too long: %i', async code => {
    const clock = new ManualClock()
    const server = await serveRaw(socket => socket.write(`${head(`${code} x\ncontent-length: 100`)}begun`))
    const headCame = deferred<void>()
    const carrier = told(open(), headCame.resolve)
    const tried = attempt(server.url, { clock, carrier })
    await headCame.promise
    await clock.advance('14999ms')
    expect(await Promise.race([tried, 'pending'])).toBe('pending')
    await clock.advance('1ms')
    expect(answered(await tried)).toMatchObject({ status: code, truncated: true })
    await server.gone
    expect(clock.timers).toBe(0)
  })

  it('counts by it when the attempt is called off while its body comes', async () => {
    const stop = new AbortController()
    const server = await serveRaw(socket => socket.write(`${head('200 OK\ncontent-length: 100')}begun`))
    const headCame = deferred<void>()
    const carrier = told(open(), headCame.resolve)
    const tried = attempt(server.url, { stop: stop.signal, carrier })
    await headCame.promise
    await new Promise(setImmediate)
    stop.abort()
    expect(answered(await tried)).toMatchObject({ status: 200, truncated: true })
    await server.gone
  })

  it('is let go of in time when it comes of a fetch that is deaf to its signal', async () => {
    const clock = new ManualClock()
    const cancelled = deferred<void>()
    const headCame = deferred<void>()
    const stream = new ReadableStream({
      start: controller => controller.enqueue(Buffer.from('begun')),
      cancel: () => cancelled.resolve(),
    })
    const carrier = told(
      createFetchCarrier(async () => new Response(stream)),
      headCame.resolve,
    )
    const tried = attempt('http://a.example/', { clock, carrier })
    await headCame.promise
    await clock.advance('15s')
    const { status, body, truncated } = answered(await tried)
    expect([status, Buffer.from(body).toString(), truncated]).toEqual([200, 'begun', true])
    await cancelled.promise
  })

  it('is let go of when it comes after its time', async () => {
    const clock = new ManualClock()
    const late = deferred<Response>()
    const cancelled = deferred<void>()
    const tried = attempt('http://a.example/', { clock, carrier: createFetchCarrier(() => late.promise) })
    await clock.advance('15s')
    expect(await tried).toMatchObject({ type: 'failed', error: 'timed out after 15s' })
    late.resolve(new Response(new ReadableStream({ cancel: () => cancelled.resolve() })))
    await cancelled.promise
  })
})

/** The same carrier, which tells when the head of an answer has come. */
function told(carrier: Carrier, onHead: () => void): Carrier {
  return {
    carry: async (request, signal) => {
      const answer = await carrier.carry(request, signal)
      onHead()
      return answer
    },
    close: () => carrier.close(),
  }
}

describe('a connection', () => {
  it('that is refused says so', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise(resolve => server.close(resolve))
    expect(await attempt(`http://127.0.0.1:${port}/`)).toMatchObject({
      type: 'failed',
      error: 'connection refused',
    })
  })

  it('to a name that nobody has says so', async () => {
    const carrier = open({
      resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })),
    })
    expect(await attempt('http://nobody.example/', { carrier })).toMatchObject({
      type: 'failed',
      error: 'name not found',
    })
    const empty = open({ resolve: () => Promise.resolve([]) })
    expect(await attempt('http://nobody.example/', { carrier: empty })).toMatchObject({
      type: 'failed',
      error: 'name not found',
    })
  })

  it('to a name that nobody answers for has a time-out of its own', async () => {
    const clock = new ManualClock()
    const carrier = open({ clock, resolve: () => new Promise(() => {}) })
    const tried = attempt('http://slow.example/', { carrier })
    await clock.advance('4999ms')
    expect(await Promise.race([tried, 'pending'])).toBe('pending')
    await clock.advance('1ms')
    expect(await tried).toMatchObject({ type: 'failed', error: 'timed out looking up the name' })
  })

  it('does not lose its time while its name waits for a turn', async () => {
    const server = await serve((_, response) => void response.end('ok'))
    const clock = new ManualClock()
    const [early, late] = [deferred<void>(), deferred<void>()]
    const carrier = open({
      clock,
      resolve: async name => {
        await (name.startsWith('last') ? late : early).promise
        return [{ address: '127.0.0.1', family: 4 }]
      },
    })
    const [one, two, last] = ['one', 'two', 'last'].map(name =>
      attempt(`http://${name}.example:${server.port}/`, { carrier }),
    )
    await clock.advance('4s')
    early.resolve()
    expect([answered(await one).status, answered(await two).status]).toEqual([200, 200])
    await clock.advance('4s')
    late.resolve()
    expect(answered(await last).status).toBe(200)
  })

  it('whose addresses cannot be judged is a failure, and not the end of the process', async () => {
    const carrier = open({
      guard: {
        judge: () => {
          throw new RangeError('secret')
        },
      },
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    const failed = { type: 'failed', error: 'failed: RangeError' }
    expect(await attempt('http://partner.example/', { carrier })).toMatchObject(failed)
    expect(await attempt('http://127.0.0.1/', { carrier })).toMatchObject(failed)
  })

  it('that cannot be judged once it is there is closed before a byte is written', async () => {
    const server = await serveRaw(() => {})
    let judgements = 0
    const carrier = open({
      guard: {
        judge: () => {
          if (judgements++ > 0) throw new RangeError('secret')
          return undefined
        },
      },
    })
    expect(await attempt(server.url, { carrier })).toMatchObject({
      type: 'failed',
      error: 'failed: RangeError',
    })
    await server.gone
    expect(server.received()).toBe('')
  })

  it('by TLS to what does not speak it says so', async () => {
    const server = await serveRaw(() => {})
    server.connections.length = 0
    const tried = attempt(server.url.replace('http:', 'https:'))
    while (server.connections.length === 0) await new Promise(setImmediate)
    server.connections[0]?.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    expect(await tried).toMatchObject({ type: 'failed', error: expect.stringMatching(/^TLS: /) })
  })

  it('is let go when the attempt is called off', async () => {
    const stop = new AbortController()
    const arrived = deferred<void>()
    const server = await serveRaw(() => arrived.resolve())
    const tried = attempt(server.url, { stop: stop.signal })
    await arrived.promise
    stop.abort()
    expect(await tried).toBeUndefined()
    await server.gone
  })

  it('is not made at all once the attempt is called off', async () => {
    const server = await serveRaw(() => {})
    expect(await attempt(server.url, { stop: AbortSignal.abort() })).toBeUndefined()
    expect(server.connections).toHaveLength(0)
  })
})

describe('an address that nothing is sent to', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f000001',
    '2130706433',
    '[::ffff:127.0.0.1]',
    '[::1]',
    '[::ffff:7f00:1]',
  ])('is refused for good before anything connects to it: %s', async host => {
    const server = await serveRaw(() => {})
    expect(await attempt(`http://${host}:${server.port}/`, { carrier: open({ guard: strict }) })).toEqual({
      type: 'refused',
      error: expect.stringMatching(/^address refused: .* is a loopback address$/),
    })
    expect(server.connections).toHaveLength(0)
  })

  it.each([
    ['127.0.0.1', 4, 'a loopback address'],
    ['10.0.0.1', 4, 'a private address'],
    ['169.254.169.254', 4, 'the address of a metadata service'],
    ['fd00:ec2::254', 6, 'the address of a metadata service'],
    ['::ffff:127.0.0.1', 6, 'a loopback address'],
    ['0.0.0.0', 4, 'an unspecified address'],
  ])('is refused when a name leads to it: %s', async (address, family, words) => {
    const server = await serveRaw(() => {})
    const carrier = open({ guard: strict, resolve: async () => [{ address, family }] })
    expect(await attempt(`http://partner.example:${server.port}/`, { carrier })).toEqual({
      type: 'refused',
      error: `address refused: partner.example leads to ${address}, ${words}`,
    })
    expect(server.connections).toHaveLength(0)
  })

  it('is passed over when the name has others', async () => {
    const server = await serve((_, response) => void response.end('ok'))
    const carrier = open({
      resolve: async () => [
        { address: '10.255.255.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    })
    expect(answered(await attempt(`http://partner.example:${server.port}/`, { carrier })).status).toBe(200)
  })

  it('is refused by https too', async () => {
    const server = await serveRaw(() => {})
    const carrier = open({ guard: strict })
    expect(await attempt(`https://127.0.0.1:${server.port}/`, { carrier })).toMatchObject({ type: 'refused' })
    expect(server.connections).toHaveLength(0)
  })
})

describe('a name that changes', () => {
  it('between look-up and connect changes nothing: it is resolved once, and what was judged is connected to', async () => {
    const server = await serve((_, response) => void response.end('ok'))
    const judged: string[] = []
    let lookUps = 0
    const carrier = open({
      guard: {
        judge: address => {
          judged.push(address)
          return developing.judge(address)
        },
      },
      resolve: async () => [{ address: lookUps++ === 0 ? '127.0.0.1' : '10.0.0.1', family: 4 }],
    })
    expect(answered(await attempt(`http://rebind.example:${server.port}/`, { carrier })).status).toBe(200)
    expect(lookUps).toBe(1)
    expect(new Set(judged)).toEqual(new Set(['127.0.0.1']))
  })

  it('is judged anew for each connection', async () => {
    const server = await serve(
      (_, response) => void response.writeHead(200, { connection: 'close' }).end('ok'),
    )
    let lookUps = 0
    const carrier = open({
      resolve: async () => [{ address: lookUps++ === 0 ? '127.0.0.1' : '10.0.0.1', family: 4 }],
    })
    const url = `http://rebind.example:${server.port}/`
    expect(await attempt(url, { carrier })).toMatchObject({ type: 'answered' })
    expect(await attempt(url, { carrier })).toMatchObject({ type: 'refused' })
  })

  it('is caught where it ended: a socket connected to a bad address is closed before a byte is written', async () => {
    const server = await serveRaw(() => {})
    let judgements = 0
    const carrier = open({
      guard: { judge: () => (judgements++ === 0 ? undefined : 'a private address') },
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    expect(await attempt(`http://rebind.example:${server.port}/`, { carrier })).toEqual({
      type: 'refused',
      error: 'address refused: rebind.example leads to 127.0.0.1, a private address',
    })
    await server.gone
    expect(server.received()).toBe('')
  })
})

describe("a fetch of the caller's", () => {
  it('gets the whole request, and is asked not to follow redirects', async () => {
    const seen: Request[] = []
    const carrier = createFetchCarrier(async request => {
      seen.push(request)
      return new Response('far', { status: 302, headers: { location: 'http://10.0.0.1/' } })
    })
    const { status, body } = answered(await attempt('http://partner.example/x?y=1', { carrier }))
    expect([status, Buffer.from(body).toString()]).toEqual([302, 'far'])
    expect(seen).toMatchObject([{ url: 'http://partner.example/x?y=1', method: 'POST', redirect: 'manual' }])
    expect(seen[0]?.headers.get('webhook-id')).toBe('msg_1')
  })

  it('may be the one of the platform: a redirect is an answer there too', async () => {
    const server = await serve(
      (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
    )
    expect(answered(await attempt(server.url, { carrier: createFetchCarrier(fetch) })).status).toBe(302)
  })

  it('may be deaf to its signal: the attempt is over in time all the same', async () => {
    const clock = new ManualClock()
    const tried = attempt('http://partner.example/', { clock, carrier: createFetchCarrier(never) })
    await clock.advance('15s')
    expect(await tried).toMatchObject({ type: 'failed', error: 'timed out after 15s' })
  })

  it('whose error has a reason is reported by that reason alone', async () => {
    const failing = (error: unknown) => createFetchCarrier(() => Promise.reject(error))
    const refused = new TypeError('fetch failed: secret', {
      cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }),
    })
    expect(await attempt('http://a.example/', { carrier: failing(refused) })).toMatchObject({
      type: 'failed',
      error: 'connection refused',
    })
    expect(await attempt('http://a.example/', { carrier: failing(new TypeError('secret')) })).toMatchObject({
      type: 'failed',
      error: 'failed: TypeError',
    })
    expect(await attempt('http://a.example/', { carrier: failing('secret') })).toMatchObject({
      type: 'failed',
      error: 'failed',
    })
  })

  it('has its endless answers let go of', async () => {
    let cancelled = false
    const carrier = createFetchCarrier(async () => {
      const stream = new ReadableStream({
        pull: controller => controller.enqueue(new Uint8Array(1000)),
        cancel: () => {
          cancelled = true
        },
      })
      return new Response(stream)
    })
    expect(answered(await attempt('http://a.example/', { carrier }))).toMatchObject({ truncated: true })
    expect(cancelled).toBe(true)
  })
})
