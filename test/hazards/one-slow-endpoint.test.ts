import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { ManualClock, openBench } from '../../src/testing/testing.js'
import { serveHttp, serveSocket, until } from '../support/far-side.js'
import { collect, recordingLogger } from '../support/server.js'

// The bugs: one worker pool for all, in which a dead endpoint has every place; one queue for all, in which whoever publishes a
// hundred thousand messages to one subscriber delays the one message of all others.

const logger = recordingLogger([])
const ok = () => new Response(null, { status: 204 })

describe.each<readonly [string, (socket: Socket) => void]>([
  ['never answers', () => {}],
  ['answers without an end', socket => pour(socket)],
  ['answers a byte at a time', socket => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx')],
])('a subscriber that %s', (_, answer) => {
  it('does not delay the others', async () => {
    await using bad = await serveSocket(answer)
    let good = 0
    await using well = await serveHttp((request, response) => {
      good++
      request.resume()
      response.writeHead(204).end()
    })
    const clock = new ManualClock()
    const server = await CallbackServer.listen({ port: 0, store: 'memory:', clock, logger })
    onTestFinished(() => server.close({ grace: 0 }))
    await server.subscriptions.put({ topic: '*', url: bad.url })
    for (let n = 0; n < 20; n++) await server.subscriptions.put({ topic: '*', url: `${well.url}${n}` })
    for (let n = 0; n < 30; n++) await server.publish({ topic: 't', body: n })
    await until(() => good === 600) // without any time having passed
    expect(clock.monotonic()).toBe(0)
  })
})

describe('a large backlog in one lane', () => {
  it('does not delay a message in another, sent after it', async () => {
    const clock = new ManualClock()
    const takesMs = 10
    let heavy = 0
    let light = -1
    await using bench = await openBench(
      {
        logger,
        clock,
        world: async ({ url }) => {
          await new Promise<void>(resolve => void clock.setTimer(clock.monotonic() + takesMs, resolve))
          if (url.includes('light')) light = heavy
          else heavy++
          return ok()
        },
      },
      server => {
        server.endpoint('heavy', { url: 'https://heavy.example' })
        server.endpoint('light', { url: 'https://light.example' })
      },
    )
    for (let n = 0; n < 1_000; n++) await bench.server.send({ to: 'heavy' })
    await bench.advance(takesMs)
    await bench.server.send({ to: 'light' })
    await bench.advance(2 * takesMs)
    expect(light).toBeGreaterThanOrEqual(0)
    expect(light).toBeLessThan(100)
  })

  it('in many lanes is worked off in turns: each has its share at each moment', async () => {
    const served = new Map<string, number>()
    const seen: string[] = []
    await using bench = await openBench(
      {
        logger,
        work: false,
        world: ({ url }) => {
          seen.push(url)
          served.set(url, (served.get(url) ?? 0) + 1)
          return ok()
        },
      },
      () => undefined,
    )
    const { server } = bench
    const volumes = [500, 50, 5]
    for (const [n, volume] of volumes.entries()) {
      await server.subscriptions.put({ topic: `t${n}`, url: `https://s${n}.example`, concurrency: 4 })
      for (let m = 0; m < volume; m++) await server.publish({ topic: `t${n}` })
    }
    await server.processDue({ limit: 1_000 }) // fan-outs, and the attempts that follow
    while ((await server.processDue({ limit: 1_000 })).processed > 0);
    expect([...served.values()].toSorted((a, b) => b - a)).toEqual(volumes)
    // The five are done when each lane has had little more than five.
    expect(seen.lastIndexOf('https://s2.example/')).toBeLessThan(30)
    expect(seen.lastIndexOf('https://s1.example/')).toBeLessThan(150)
  })
})

it('a fan-out to very many delays one to few by no more than a batch', async () => {
  await using bench = await openBench({ logger, work: false, world: ok }, () => undefined)
  const { server } = bench
  for (let n = 0; n < 1_600; n++) {
    await server.subscriptions.put({ topic: 'popular', url: `https://p${n}.example` })
  }
  await server.subscriptions.put({ topic: 'rare', url: 'https://rare.example' })
  const popular = await server.publish({ topic: 'popular' })
  const rare = await server.publish({ topic: 'rare' })
  for (let batch = 0; batch < 2; batch++) {
    await bench.advance(1) // a batch takes time
    await server.processDue({ limit: 1 })
  }
  expect(await collect(popular.deliveries())).toHaveLength(500)
  expect(await collect(rare.deliveries())).toHaveLength(1)
  while ((await server.processDue({ limit: 1_000 })).processed > 0);
  expect(new Set(bench.sent.map(({ url }) => url)).size).toBe(1_601)
  expect(bench.sent).toHaveLength(1_601)
  expect(bench.sent.findIndex(({ url }) => url === 'https://rare.example/')).toBeLessThanOrEqual(502)
})

/** As much as the other side takes. */
function pour(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}
