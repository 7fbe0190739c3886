import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decodeHeaders } from '../../src/model/received.js'
import { openPort, Rig, toJsonInit, Wire } from './support/rig.js'

describe('mounted in Express', () => {
  it.each([
    ['at the root', '/', (token: string) => `/r/${token}`],
    ['under a path', '/webhooks', (token: string) => `/webhooks/r/${token}`],
    ['under the very prefix', '/r', (token: string) => `/r/${token}`],
  ])('%s, it accepts with what follows the URL kept', async (_, mount, toPath) => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const app = express()
    app.use(mount, rig.intake.node)
    const { url } = await openPort(app)
    const response = await fetch(`${url}${toPath(receiver.token)}/status?x=1`, {
      method: 'POST',
      ...toJsonInit(1),
    })
    expect(response.status).toBe(202)
    expect(await rig.unread(receiver)).toMatchObject([{ path: '/status', query: 'x=1' }])
  })

  it('behind middleware that rewrites the path, it goes by the rewritten one', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const app = express()
    app.use((request, _, next) => {
      request.url = request.url.replace('/cb/', '/r/')
      next()
    })
    app.use(rig.intake.node)
    const { url } = await openPort(app)
    expect((await fetch(`${url}/cb/${receiver.token}`, { method: 'POST' })).status).toBe(202)
  })

  it('hands on what is not ours, and what has no token of the right form', async () => {
    const rig = await Rig.open()
    const app = express()
    app.use(rig.intake.node)
    app.get(['/health', '/r/reports'], (_, response) => void response.send('theirs'))
    const { url } = await openPort(app)
    for (const path of ['/health', '/r/reports'])
      expect(await (await fetch(url + path)).text()).toBe('theirs')
  })

  it.each([
    ['of nobody', () => 'n'.repeat(24)],
    ['of theirs', () => 'quarterly-report-2030-q1'],
  ])('hands on a path that only looks like ours, with its body untouched: a token %s', async (_, toToken) => {
    const rig = await Rig.open()
    const app = express()
    app.use('/r', rig.intake.node)
    app.use(express.json())
    app.post('/r/:token', (request, response) => void response.send({ got: request.body, at: request.url }))
    const { url } = await openPort(app)
    const body = 'x'.repeat(50_000)
    const response = await fetch(`${url}/r/${toToken()}`, { method: 'POST', ...toJsonInit({ body }) })
    expect(await response.json()).toEqual({ got: { body }, at: `/r/${toToken()}` })
    expect(rig.observed).toEqual([])
    await rig.intake.drain()
  })

  it('says that a receiver is closed, instead of handing it on', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    await rig.close(receiver)
    const app = express()
    app.use(rig.intake.node)
    const { url } = await openPort(app)
    expect((await fetch(`${url}/r/${receiver.token}`, { method: 'POST' })).status).toBe(410)
  })

  it('leaves what was set on the response before, and loses none of several headers of a name', async () => {
    const rig = await Rig.open()
    const headers = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-theirs', 'ours'],
    ])
    const receiver = await rig.spawn({ respond: new Response('ok', { headers }) })
    const app = express()
    app.use((_, response, next) => {
      response.setHeader('x-request-id', '7').setHeader('x-theirs', 'theirs')
      next()
    })
    app.use(rig.intake.node)
    const { url } = await openPort(app)
    const response = await fetch(`${url}/r/${receiver.token}`, { method: 'POST' })
    expect(await response.text()).toBe('ok')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect([response.headers.get('x-request-id'), response.headers.get('x-theirs')]).toEqual(['7', 'ours'])
  })

  it('behind a body parser, it says what to do instead of storing an empty body', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const app = express()
    app.use(express.json(), rig.intake.node)
    const { url } = await openPort(app)
    const response = await fetch(`${url}/r/${receiver.token}`, { method: 'POST', ...toJsonInit({ n: 1 }) })
    expect(response.status).toBe(500)
    expect(rig.logsOf('error')[0]?.message).toContain('before any body parser')
    expect(rig.commands).not.toContain('accept')
  })
})

describe('alone behind a port', () => {
  it('answers 404 for a path that is not ours', async () => {
    const rig = await Rig.open()
    const { url } = await rig.listen((request, response) => rig.intake.node(request, response))
    const response = await fetch(`${url}/health`)
    expect([response.status, response.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
  })

  it('keeps a path as it was sent, dots and all', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const { port } = await rig.listen()
    const wire = new Wire(port)
    wire.write(
      `POST /r/${receiver.token}/../%2e%2e//admin?a=../b HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`,
    )
    await wire.until(/ 202 /)
    expect(await rig.unread(receiver)).toMatchObject([{ path: '/../%2e%2e//admin', query: 'a=../b' }])
  })

  it('takes requests of HTTP/1.0, and in absolute form', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const { port } = await rig.listen()
    for (const line of [
      `/r/${receiver.token} HTTP/1.0`,
      `http://proxied.example/r/${receiver.token} HTTP/1.1`,
    ]) {
      const wire = new Wire(port)
      wire.write(`POST ${line}\r\nhost: x\r\ncontent-length: 2\r\n\r\nok`)
      await wire.until(/ 202 /)
    }
    expect(await rig.unread(receiver)).toHaveLength(2)
  })

  it('takes requests of HTTP/2', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ maxBodyBytes: 10 })
    const server = createServer().on('request', rig.intake.node)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    const post = (body: string) =>
      new Promise<number>((resolve, reject) => {
        const stream = session.request({ ':method': 'POST', ':path': `/r/${receiver.token}` })
        stream.on('response', headers => resolve(Number(headers[':status'])))
        stream.on('error', reject)
        stream.end(body)
      })
    expect(await post('ok')).toBe(202)
    expect(await post('much too large')).toBe(413)
    // One connection carries all requests: one of them that is refused does not end it.
    expect(await post('ok')).toBe(202)
    const [callback] = await rig.unread(receiver)
    expect([...decodeHeaders(callback?.headers ?? '')].map(([name]) => name)).not.toContain(':path')
  })
})
