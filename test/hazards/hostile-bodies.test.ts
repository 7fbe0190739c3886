import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { CallbackServer, type Receiver } from '../../src/index.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { recordingLogger } from '../support/server.js'

// The bugs: a body without a length is refused or read as empty; one that lies about its length is stored cut off; one
// that trickles in, or never ends, holds a connection and its memory for ever.

it('a chunked body without Content-Length is accepted', async () => {
  await using bench = await listen()
  const { receiver, open } = bench
  const socket = await open()
  socket.write(`${head(receiver)}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n5\r\n done\r\n0\r\n\r\n`)

  expect(await statusFrom(socket)).toBe(202)
  expect((await receiver.next()).text()).toBe('half done')
})

it('a body shorter than its Content-Length stores nothing', async () => {
  await using bench = await listen()
  const { receiver, open } = bench
  const socket = await open()
  socket.write(`${head(receiver)}content-length: 100\r\n\r\nshort`)
  socket.end()
  await ended(socket)

  expect(await receiver.close()).toEqual([])
})

it('a body longer than its Content-Length is cut there, and the rest is no second callback', async () => {
  await using bench = await listen()
  const { receiver, open } = bench
  const socket = await open()
  socket.on('error', () => {}) // what follows is no request, so the connection is cut
  socket.write(`${head(receiver)}content-length: 4\r\n\r\nfour and a lot more\r\n\r\n`)
  await ended(socket)

  const texts = (await receiver.close()).map(callback => callback.text())
  expect(texts.filter(text => text !== 'four')).toEqual([])
  expect(texts.length).toBeLessThanOrEqual(1)
})

it('a Content-Length over the limit is refused before any of it is read', async () => {
  await using bench = await listen()
  const { receiver, open, clock } = bench
  const socket = await open()
  socket.write(`${head(receiver)}content-length: 1000000000\r\n\r\n`)

  expect(await statusFrom(socket)).toBe(413)
  await clock.advance('10s') // a sender that is still writing gets a moment to read its answer
  await ended(socket)
})

it('a body that never ends is cut off at the limit', async () => {
  await using bench = await listen()
  const { receiver, open, clock } = bench
  const socket = await open()
  socket.write(`${head(receiver)}transfer-encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  let sent = 0
  socket.on('error', () => {}) // the other side hangs up while we are still talking
  const status = statusFrom(socket)
  const more = () => {
    while (!socket.destroyed && socket.writable && sent < 1_000) {
      sent++
      if (!socket.write(chunk)) return void socket.once('drain', more)
    }
  }
  more()

  expect(await status).toBe(413)
  await clock.advance('10s')
  await ended(socket)
  expect(sent).toBeLessThan(1_000)
  expect(await receiver.close()).toEqual([])
})

it('a body that trickles in is cut off in time', async () => {
  await using bench = await listen()
  const { receiver, open, clock } = bench
  const socket = await open()
  const asked = bench.requests()
  socket.write(`${head(receiver)}content-length: 1000\r\n\r\nx`)
  await asked
  socket.on('error', () => {})
  const over = ended(socket)
  for (let second = 0; second < 40 && !socket.destroyed; second++) {
    socket.write('x')
    await clock.advance('1s')
  }
  await over

  expect(await receiver.close()).toEqual([])
})

async function listen() {
  const clock = new ManualClock()
  const server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    clock,
    logger: recordingLogger([]),
  })
  const receiver = await server.spawn('hostile')
  const sockets: Socket[] = []
  return {
    clock,
    receiver,
    async open() {
      const { hostname, port } = new URL(server.url)
      const socket = connect(Number(port), hostname)
      sockets.push(socket)
      await once(socket, 'connect')
      return socket
    },
    /** Resolves when another request has gone through, so that what was sent before it is being read. */
    async requests() {
      await fetch(`${server.url}/health`)
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await server.close({ grace: 0 })
    },
  }
}

function head(receiver: Receiver<unknown>): string {
  const { pathname, host } = new URL(receiver.url)
  return `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: text/plain\r\n`
}

function statusFrom(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)
      if (status !== null) resolve(Number(status[1]))
    })
    socket.once('close', () => reject(new Error(`hung up without an answer; got '${text}'`)))
  })
}

function ended(socket: Socket): Promise<void> {
  socket.resume()
  return new Promise(resolve => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}
