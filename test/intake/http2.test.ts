// Over HTTP/2 one connection carries many requests: each begins, ends and is refused on a stream of its own.

import { type ClientHttp2Stream, connect, constants, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import type { RawRequest } from '../../src/model/received.js'
import type { ReceiverRecord } from '../../src/model/receiver.js'
import { eventually, PUBLIC_URL, Rig } from './support/rig.js'

interface Answer {
  readonly status: number
  readonly cookies: readonly string[]
  readonly body: string
}

async function openSession(rig: Rig) {
  const streams: ServerHttp2Stream[] = []
  const server = createServer()
    .on('stream', stream => void streams.push(stream))
    .on('request', rig.intake.node)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  const open = ({ token }: Pick<ReceiverRecord, 'token'>, method = 'POST', path = '') => {
    const headers = { ':method': method, ':path': `/r/${token}${path}` }
    return session.request(headers, { endStream: method !== 'POST' })
  }
  return { session, streams, open }
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let status = 0
    let cookies: readonly string[] = []
    let body = ''
    stream.setEncoding('utf8')
    stream.on('response', headers => {
      status = Number(headers[':status'])
      cookies = headers['set-cookie'] ?? []
    })
    stream.on('data', (text: string) => {
      body += text
    })
    stream.on('end', () => resolve({ status, cookies, body }))
    stream.on('error', reject)
  })
}

it('a sender that hangs up while it waits is counted once: closing is over when the next one has its answer', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ respond: 'manual' })
  const { session, open } = await openSession(rig)
  const [leaving, staying] = [open(receiver).end('1'), open(receiver).end('2')]
  leaving.on('error', () => {})
  await eventually(async () => (await rig.unread(receiver)).length === 2)
  await eventually(() => rig.clock.timers > 1)
  const before = rig.clock.timers
  leaving.close(constants.NGHTTP2_CANCEL)
  await eventually(() => rig.clock.timers < before)

  let drained = false
  const answer = answerOf(staying)
  // The 202 of the one that stays is held back, so that somebody is still under way.
  let record = () => {}
  const { answer: recorded } = rig.session
  rig.faults.answer = async input => {
    await new Promise<void>(resolve => {
      record = resolve
    })
    return recorded(input)
  }
  rig.intake.refuse()
  const draining = rig.intake.drain().then(() => {
    drained = true
  })
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  expect(drained).toBe(false)
  record()
  expect((await answer).status).toBe(202)
  await draining
  session.close()
})

it('large answers to several senders are each waited for, and each once', async () => {
  const rig = await Rig.open()
  const size = 3_000_000
  const receiver = await rig.spawn({ respond: { body: 'x'.repeat(size) } })
  const { open } = await openSession(rig)
  const [read, unread] = [open(receiver).end(), open(receiver).end()]
  await eventually(async () => (await rig.unread(receiver)).length === 2)
  await eventually(() => rig.observed.length === 2)
  rig.intake.refuse()
  let drained = false
  const draining = rig.intake.drain().then(() => {
    drained = true
  })
  expect((await answerOf(read)).body).toHaveLength(size)
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  expect(drained).toBe(false)
  expect((await answerOf(unread)).body).toHaveLength(size)
  await draining
})

it('a body that is too large costs its stream, not the connection, and nothing stays behind', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ maxBodyBytes: 10 })
  const { open, streams } = await openSession(rig)
  const large = open(receiver)
  large.write('much too large')
  expect((await answerOf(large)).status).toBe(413)
  expect(streams[0]?.destroyed).toBe(false)
  await rig.clock.advance('1s')
  await eventually(() => streams[0]?.destroyed === true)
  expect(large.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
  expect(rig.clock.timers).toBe(0)
  expect((await answerOf(open(receiver).end('ok'))).status).toBe(202)
})

it('a body that does not come in time costs its stream, too', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn()
  const { open, streams } = await openSession(rig)
  const slow = open(receiver)
  const answer = answerOf(slow)
  slow.write('x')
  await eventually(() => rig.clock.timers > 0)
  await rig.clock.advance('30s')
  expect((await answer).status).toBe(408)
  await rig.clock.advance('1s')
  await eventually(() => streams[0]?.destroyed === true)
})

it('an endless body that nobody receives ends with the answer', async () => {
  const rig = await Rig.open()
  const { open, streams } = await openSession(rig)
  const stream = open({ token: 'n'.repeat(24) })
  stream.write('x'.repeat(100_000))
  expect((await answerOf(stream)).status).toBe(404)
  await eventually(() => streams[0]?.destroyed === true)
})

it('HEAD, and every header of an answer, go through', async () => {
  const rig = await Rig.open()
  const headers = new Headers([
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ])
  const receiver = await rig.spawn({ respond: new Response('ok', { headers }) })
  const { open } = await openSession(rig)
  expect(await answerOf(open(receiver).end('x'))).toEqual({
    status: 200,
    cookies: ['a=1', 'b=2'],
    body: 'ok',
  })
  expect(await answerOf(open(receiver, 'HEAD'))).toMatchObject({ status: 405, body: '' })
})

it('a question is answered, and a verifier sees who sends and when it came, also once the sender has left', async () => {
  const rig = await Rig.open()
  const seen: RawRequest[] = []
  const receiver = await rig.spawn({
    handshake: ({ query }) => (query.has('ask') ? { body: query.get('ask') ?? '' } : undefined),
    verify: request => {
      seen.push(request)
      return true
    },
  })
  const { open, session } = await openSession(rig)
  for (const method of ['GET', 'OPTIONS']) {
    expect(await answerOf(open(receiver, method, '?ask=1'))).toMatchObject({ status: 200, body: '1' })
  }
  expect(seen).toEqual([])
  await rig.clock.advance('1h')
  expect((await answerOf(open(receiver).end('x'))).status).toBe(202)
  session.destroy()
  expect(seen).toHaveLength(1)
  expect(seen[0]).toMatchObject({
    remoteAddress: '127.0.0.1',
    receivedAt: new Date(rig.clock.now()),
    url: `${PUBLIC_URL}/r/${receiver.token}`,
  })
  expect(await rig.unread(receiver)).toHaveLength(1)
})
