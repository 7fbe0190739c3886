import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Attempt, CallbackServer, type Delivery } from '../../src/index.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { serveHttp, serveSocket, until } from '../support/far-side.js'
import { recordingLogger } from '../support/server.js'

// The bugs: one endpoint that never answers takes every worker, and the messages of all others wait; an answer without an
// end is read until the memory is full; a connection that is cut, or speaks something else, ends the process.

const head = (lines: string) => `HTTP/1.1 ${lines.replaceAll('\n', '\r\n')}\r\n\r\n`

/** What the sockets of both sides hold besides what is read. */
const BUFFERS = 16 * 1024 * 1024

interface Hostile {
  readonly answers: (socket: Socket) => void
  /** What came of it: a status, or an error in our words. */
  readonly comes: Partial<Attempt>
  readonly takes: 'no time' | 'its time-out'
}

const hostile: Readonly<Record<string, Hostile>> = {
  never: { answers: () => {}, comes: { error: 'timed out after 15s' }, takes: 'its time-out' },
  'with a header that does not end': {
    answers: socket => socket.write('HTTP/1.1 200 OK\r\nx-a: '),
    comes: { error: 'timed out after 15s' },
    takes: 'its time-out',
  },
  'slowly, a byte at a time': {
    answers: socket => socket.write(`${head('200 OK\ncontent-length: 100')}x`),
    comes: { status: 200 },
    takes: 'its time-out',
  },
  endlessly: { answers: pour, comes: { status: 200 }, takes: 'no time' },
  'with less than it promised': {
    answers: socket => socket.end(`${head('200 OK\ncontent-length: 100')}x`),
    comes: { status: 200 },
    takes: 'no time',
  },
  'by cutting the connection': {
    answers: socket => socket.resetAndDestroy(),
    comes: { error: 'connection reset' },
    takes: 'no time',
  },
  'with garbage': {
    answers: socket => socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n'),
    comes: { error: 'answer is not HTTP' },
    takes: 'no time',
  },
  'with a header without an end': {
    answers: socket => socket.end(head(`200 OK\nx-a: ${'x'.repeat(100_000)}`)),
    comes: { error: 'header of the answer is too large' },
    takes: 'no time',
  },
}

/** More than an endpoint has room for at once, so that some wait behind those that wait. */
const MESSAGES = 20

describe.each(Object.entries(hostile))('%s', (_, { answers, comes, takes }) => {
  it("an endpoint that answers slowly, never, endlessly or with garbage costs its own time-out and nobody else's", async () => {
    let arrived = 0
    await using bad = await serveSocket(socket => {
      arrived++
      answers(socket)
    })
    await using good = await serveHttp((request, response) => void request.resume().pipe(response))
    const clock = new ManualClock()
    await using server = await CallbackServer.listen({
      port: 0,
      store: 'memory:',
      clock,
      logger: recordingLogger([]),
    })
    server.endpoint('hostile', { url: bad.url, retry: false })
    server.endpoint('prompt', { url: good.url, retry: false })

    const costly: Delivery[] = []
    for (let n = 0; n < MESSAGES; n++) costly.push(await server.send({ to: 'hostile', body: 'x' }))
    await until(() => arrived > 0)
    const prompt = await server.send({ to: 'prompt', body: 'x' })
    expect(await prompt.done()).toBe('delivered') // and no time has passed

    const first = await ended(costly[0], clock, takes)
    expect(first).toMatchObject({ ...comes, durationMs: takes === 'no time' ? 0 : 15_000 })
    for (const delivery of costly) expect(await ended(delivery, clock, takes)).toMatchObject(comes)
    expect((await prompt.attempts())[0]?.durationMs).toBe(0)
  })
})

it('only the first N bytes of an answer are read', async () => {
  const counts: number[] = []
  await using endless = await serveSocket(socket => {
    socket.on('close', () => counts.push(socket.bytesWritten))
    pour(socket)
  })
  await using server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    logger: recordingLogger([]),
  })
  const delivery = await server.send({ to: endless.url, body: 'x' })
  const answer = await delivery.response({ timeout: '20s' })
  expect([answer.truncated, answer.bytes().length]).toEqual([true, 16 * 1024])
  await until(() => counts.length > 0)
  expect(counts[0]).toBeLessThan(BUFFERS)
})

/** The one attempt of a delivery, once it is over; where it takes time, that is given to it. */
async function ended(
  delivery: Delivery | undefined,
  clock: ManualClock,
  takes: Hostile['takes'],
): Promise<Attempt | undefined> {
  if (delivery === undefined) return undefined
  await until(async () => {
    if (takes === 'its time-out') await clock.advance('1s') // in small steps: what came over sockets is read meanwhile
    return (await delivery.attempts()).length > 0
  })
  const [attempt] = await delivery.attempts()
  return attempt
}

/** As fast as it is read, for as long as it is. */
function pour(socket: Socket): void {
  socket.write(head('200 OK\ntransfer-encoding: chunked'))
  const more = () => {
    while (socket.writable && socket.write(`1000\r\n${'x'.repeat(4_096)}\r\n`));
  }
  socket.on('drain', more)
  more()
}
