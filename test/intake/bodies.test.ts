// Bodies as the network brings them: in pieces, without a length, with a wrong one, too slowly, without an end.

import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { ReceiverRecord } from '../../src/model/receiver.js'
import { eventually, PUBLIC_URL, Rig, Wire } from './support/rig.js'

async function openWire(options: Parameters<Rig['spawn']>[0] = {}) {
  const rig = await Rig.open()
  const receiver = await rig.spawn(options)
  const { port } = await rig.listen()
  return { rig, receiver, wire: new Wire(port) }
}

const head = ({ token }: ReceiverRecord, ...lines: string[]) =>
  [`POST /r/${token} HTTP/1.1`, 'host: localhost', ...lines, '', ''].join('\r\n')

const bodyOf = async (rig: Rig, receiver: ReceiverRecord) =>
  (await rig.unread(receiver)).map(({ body }) => Buffer.from(body).toString('latin1'))

describe('a body over node:http', () => {
  it('may come in chunks, without a length', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(head(receiver, 'transfer-encoding: chunked'))
    wire.write('5\r\nhello\r\n')
    await turn()
    wire.write('6\r\n world\r\n0\r\n\r\n')
    await wire.until(/ 202 /)
    expect(await bodyOf(rig, receiver)).toEqual(['hello world'])
  })

  it('may come byte by byte', async () => {
    const { rig, receiver, wire } = await openWire()
    for (const letter of `${head(receiver, 'content-length: 5')}hello`) {
      wire.write(letter)
      await turn()
    }
    await wire.until(/ 202 /)
    expect(await bodyOf(rig, receiver)).toEqual(['hello'])
  })

  it('of 1 MiB comes out as it went in', async () => {
    const { rig, receiver, wire } = await openWire()
    const body = Buffer.alloc(
      1024 * 1024,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    )
    wire.write(head(receiver, `content-length: ${body.length}`)).write(body)
    await wire.until(/ 202 /)
    const [callback] = await rig.unread(receiver)
    expect(Buffer.compare(callback?.body ?? new Uint8Array(), body)).toBe(0)
  })

  it('that says it is too large is refused before any of it is read', async () => {
    const { rig, receiver, wire } = await openWire({ maxBodyBytes: 10 })
    wire.write(head(receiver, 'content-length: 1000000000'))
    const answer = await wire.until(/urn:longline:problem:body-too-large/)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(rig.commands).not.toContain('accept')
  })

  it('that turns out too large is refused where it does, and not read on', async () => {
    const { rig, receiver, wire } = await openWire({ maxBodyBytes: 100_000 })
    wire.write(head(receiver, 'transfer-encoding: chunked'))
    const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
    const flooding = wire.flood(chunk)
    expect(await wire.until(/\r\n\r\n.*body-too-large/s)).toMatch(/^HTTP\/1.1 413 /)
    await wire.stalled()
    expect(wire.open).toBe(true)
    // The sender has its answer while its connection is open, so that it can read it; then the connection is cut.
    await rig.clock.advance('1s')
    await wire.closed
    await flooding
    expect(await rig.unread(receiver)).toEqual([])
    expect(rig.clock.timers).toBe(0)
  })

  it('that is too large leaves nothing behind when its sender goes at once', async () => {
    const { rig, receiver, wire } = await openWire({ maxBodyBytes: 10 })
    wire.write(head(receiver, 'content-length: 20'))
    await wire.until(/ 413 /)
    expect(rig.clock.timers).toBe(1)
    wire.cut()
    await eventually(() => rig.clock.timers === 0)
  })

  it('that is too large ends its connection: what was pipelined behind it is not read', async () => {
    const { rig, receiver, wire } = await openWire({ maxBodyBytes: 10 })
    wire.write(head(receiver, 'content-length: 20'))
    await wire.until(/ 413 /)
    wire.write(`${'x'.repeat(20)}${head(receiver, 'content-length: 2')}ok`)
    await rig.clock.advance('1s')
    const answers = await wire.closed
    expect(answers.match(/HTTP\/1.1 /g)).toHaveLength(1)
    expect(await rig.unread(receiver)).toEqual([])
  })

  it.each([
    ['nobody receives', (rig: Rig) => ({ rig, path: `/r/${'n'.repeat(24)}`, method: 'POST', status: 404 })],
    ['goes to no receiver at all', (rig: Rig) => ({ rig, path: '/health', method: 'POST', status: 404 })],
    [
      'comes with a method that is not taken',
      async (rig: Rig) => ({ rig, path: `/r/${(await rig.spawn()).token}`, method: 'PUT', status: 405 }),
    ],
    [
      'comes while the server closes',
      (rig: Rig) => {
        rig.intake.refuse()
        return { rig, path: `/r/${'n'.repeat(24)}`, method: 'POST', status: 503 }
      },
    ],
  ])('that %s and never ends is answered, not read, and its connection cut', async (_, prepare) => {
    const { rig, path, method, status } = await prepare(await Rig.open())
    const { port } = await rig.listen((request, response) => rig.intake.node(request, response))
    const wire = new Wire(port)
    wire.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`)
    const flooding = wire.flood(Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`))
    expect(await wire.until(/\r\n\r\n.*problem/s)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    await wire.stalled()
    await rig.clock.advance('1s')
    expect((await wire.closed).toLowerCase()).toContain('connection: close')
    expect(await flooding).toBeLessThan(50_000_000)
    expect(rig.clock.timers).toBe(0)
  })

  it.each([
    ['announced as short', 'content-length: 4096', false],
    ['announced as long', 'content-length: 4097', true],
    ['not there', 'x-a: 1', false],
  ])('that nobody wants, %s, decides whether its connection goes on', async (_, line, cut) => {
    const rig = await Rig.open()
    const { port } = await rig.listen((request, response) => rig.intake.node(request, response))
    const wire = new Wire(port)
    wire.write(`POST /health HTTP/1.1\r\nhost: x\r\n${line}\r\n\r\n`)
    const answer = await wire.until(/problem:not-found/)
    expect(answer.toLowerCase().includes('connection: close')).toBe(cut)
  })

  it('that is in order lets its connection be used again', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(`${head(receiver, 'content-length: 3')}one${head(receiver, 'content-length: 3')}two`)
    await wire.until(/ 202 .* 202 /s)
    expect(await bodyOf(rig, receiver)).toEqual(['one', 'two'])
  })

  it('shorter than its length is cut off in time', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(`${head(receiver, 'content-length: 10')}short`)
    await eventually(() => rig.clock.timers > 0)
    await rig.clock.advance('29s')
    expect(rig.clock.timers).toBe(1)
    await rig.clock.advance('1s')
    expect(await wire.until(/body-too-slow/)).toMatch(/^HTTP\/1.1 408 /)
    await rig.clock.advance('1s')
    await wire.closed
    expect(await rig.unread(receiver)).toEqual([])
    expect(rig.clock.timers).toBe(0)
  })

  it('that drips is cut off in time, however regularly it drips', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(head(receiver, 'content-length: 1000'))
    await eventually(() => rig.clock.timers > 0)
    for (let second = 0; second < 30; second++) {
      wire.write('x')
      await rig.clock.advance('1s')
    }
    expect(await wire.until(/body-too-slow/)).toMatch(/^HTTP\/1.1 408 /)
  })

  it('that never ends is cut off in time, and does not delay the one beside it', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(`${head(receiver, 'transfer-encoding: chunked')}5\r\nhello\r\n`)
    await eventually(() => rig.clock.timers > 0)
    expect((await rig.json(receiver, { n: 1 })).status).toBe(202)
    await rig.clock.advance('30s')
    await wire.until(/ 408 /)
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it.each([
    ['is cut', (wire: Wire) => wire.cut()],
    ['ends', (wire: Wire) => wire.end()],
  ])('whose connection %s stores nothing, and leaves no timer', async (_, leave) => {
    const { rig, receiver, wire } = await openWire()
    wire.write(`${head(receiver, 'content-length: 10')}short`)
    await eventually(() => rig.clock.timers > 0)
    leave(wire)
    await eventually(() => rig.clock.timers === 0)
    rig.intake.refuse()
    await rig.intake.drain()
    expect(rig.commands).not.toContain('accept')
  })

  it('whose connection is cut while its receiver is looked up stores nothing', async () => {
    const { rig, receiver, wire } = await openWire()
    let find = () => {}
    rig.faults.findReceiver = async () => {
      await new Promise<void>(resolve => {
        find = resolve
      })
      return receiver
    }
    wire.write(`${head(receiver, 'content-length: 10')}short`)
    await eventually(() => rig.commands.includes('findReceiver'))
    const seen = rig.connectionsLost
    wire.cut()
    await eventually(() => rig.connectionsLost > seen)
    find()
    rig.intake.refuse()
    await rig.intake.drain()
    expect(rig.commands).not.toContain('accept')
    expect(rig.clock.timers).toBe(0)
  })

  it('longer than its length is not accepted as a longer one', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(`${head(receiver, 'content-length: 5')}hello`)
    await wire.until(/ 202 /)
    wire.write(' world')
    expect(await wire.closed).toMatch(/HTTP\/1.1 400 /)
    expect(await bodyOf(rig, receiver)).toEqual(['hello'])
  })

  it('of several deadlines each keeps its own', async () => {
    const { rig, receiver, wire } = await openWire()
    const { port } = await rig.listen()
    wire.write(`${head(receiver, 'content-length: 10')}a`)
    await eventually(() => rig.clock.timers > 0)
    await rig.clock.advance('20s')
    const later = new Wire(port)
    later.write(`${head(receiver, 'content-length: 3')}b`)
    await eventually(() => rig.commands.filter(name => name === 'findReceiver').length > 0)
    const last = new Wire(port)
    last.write(`${head(receiver, 'content-length: 3')}c`)
    await eventually(() => rig.requests === 3)
    await rig.clock.advance('10s')
    await wire.until(/ 408 /)
    later.write('cd')
    await later.until(/ 202 /)
    await rig.clock.advance('19s')
    expect(rig.clock.timers).toBe(1)
    await rig.clock.advance('1s')
    await last.until(/ 408 /)
    await rig.clock.advance('1s')
    expect(rig.clock.timers).toBe(0)
  })

  it('that was read by a body parser is a fault of the server, told to whoever runs it', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const { url } = await rig.listen(async (request, response) => {
      for await (const _ of request);
      rig.intake.node(request, response)
    })
    const response = await fetch(`${url}/r/${receiver.token}`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('before any body parser')
    expect(rig.logsOf('error')[0]?.message).toContain('before any body parser')
    // Where there was nothing to read, nothing is missing.
    const empty = await fetch(`${url}/r/${receiver.token}`, { method: 'POST' })
    expect(empty.status).toBe(202)
  })

  it('keeps repeated headers, in their order and as they were written', async () => {
    const { rig, receiver, wire } = await openWire()
    wire.write(`${head(receiver, 'X-Twice: 1', 'x-twice: 2', 'content-length: 0')}`)
    await wire.until(/ 202 /)
    const [callback] = await rig.unread(receiver)
    expect(JSON.parse(callback?.headers ?? '')).toEqual([
      'host',
      'localhost',
      'X-Twice',
      '1',
      'x-twice',
      '2',
      'content-length',
      '0',
    ])
  })
})

describe('a body over fetch', () => {
  const send = (
    rig: Rig,
    { token }: ReceiverRecord,
    body: ReadableStream<Uint8Array>,
    signal?: AbortSignal,
  ) =>
    rig.intake.fetch(
      new Request(`${PUBLIC_URL}/r/${token}`, {
        method: 'POST',
        body,
        duplex: 'half',
        ...(signal === undefined ? {} : { signal }),
      }),
    )

  it('may come in chunks', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const stream = ReadableStream.from(['he', 'llo'].map(text => new TextEncoder().encode(text)))
    expect((await send(rig, receiver, stream)).status).toBe(202)
    expect(await bodyOf(rig, receiver)).toEqual(['hello'])
  })

  it('that turns out too large is let go of where it does', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ maxBodyBytes: 1_000 })
    let pulled = 0
    let cancelled = false
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: controller => {
          pulled++
          controller.enqueue(new Uint8Array(600))
        },
        cancel: () => {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    expect((await send(rig, receiver, stream)).status).toBe(413)
    expect([pulled, cancelled]).toEqual([2, true])
  })

  it('that never ends is cut off in time', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const pending = send(rig, receiver, new ReadableStream())
    await eventually(() => rig.clock.timers > 0)
    await rig.clock.advance('30s')
    expect((await pending).status).toBe(408)
    expect(rig.clock.timers).toBe(0)
  })

  it('whose sender leaves, or whose stream fails, stores nothing', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const controller = new AbortController()
    const left = send(rig, receiver, new ReadableStream(), controller.signal)
    await eventually(() => rig.clock.timers > 0)
    controller.abort()
    expect((await left).status).toBe(400)
    const failing = new ReadableStream<Uint8Array>({
      pull: stream => stream.error(new Error('connection lost')),
    })
    expect((await send(rig, receiver, failing)).status).toBe(400)
    expect(rig.commands).not.toContain('accept')
    expect(rig.clock.timers).toBe(0)
  })

  it('that was read before is a fault of the server', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const request = new Request(`${PUBLIC_URL}/r/${receiver.token}`, { method: 'POST', body: 'x' })
    await request.text()
    expect((await rig.intake.fetch(request)).status).toBe(500)
    expect(rig.logsOf('error')[0]?.message).toContain('before any body parser')
  })
})
