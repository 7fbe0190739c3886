import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { recordingLogger } from '../support/server.js'

// A server mounted below /hooks of an application that has pages and a body parser of its own.

interface Mounted {
  readonly origin: string
  close(): Promise<unknown>
}

const mounts: Record<string, (server: CallbackServer) => Promise<Mounted>> = {
  async Hono(server) {
    const app = new Hono()
    app.get('/page', c => c.text('mine'))
    app.all('/hooks/*', c => server.fetch(c.req.raw))
    return await listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server)
  },
  async Express(server) {
    const app = express()
    app.use('/hooks', server.node)
    app.use(express.json())
    app.get('/page', (_, response) => void response.send('mine'))
    return await listening(app.listen(0, '127.0.0.1'))
  },
  async Fastify(server) {
    const app = fastify()
    app.get('/page', async () => 'mine')
    app.addHook('onRequest', (request, reply, done) => {
      if (request.url.startsWith('/hooks/')) {
        reply.hijack()
        server.node(request.raw, reply.raw)
      } else done()
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin: originOf(app.server), close: () => app.close() }
  },
  async 'node:http'(server) {
    return await listening(
      createServer((request, response) => {
        if (request.url === '/page') return void response.end('mine')
        server.node(request, response, () => void response.writeHead(404).end('not mine either'))
      }).listen(0, '127.0.0.1'),
    )
  },
}

describe.each(Object.entries(mounts))('mounted in %s below a path', (_, mount) => {
  it('accepts callbacks at its URLs and leaves the other pages alone', async () => {
    let origin = ''
    await using server = await CallbackServer.open({
      store: 'memory:',
      publicUrl: () => `${origin}/hooks`,
      logger: recordingLogger([]),
    })
    const mounted = await mount(server)
    origin = mounted.origin
    const receiver = await server.spawn<{ paid: boolean }>('payment/7')
    expect(receiver.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/hooks\/r\/[\w-]{24}$/)

    const answer = await fetch(`${receiver.url}/status?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ paid: true }),
    })
    const callback = await receiver.next({ timeout: '5s' })
    const unknown = await fetch(`${origin}/hooks/r/${'x'.repeat(24)}`, { method: 'POST' })
    const page = await fetch(`${origin}/page`)

    expect(answer.status).toBe(202)
    expect([callback.data, callback.path, callback.query.get('x')]).toEqual([{ paid: true }, '/status', '1'])
    expect(unknown.status).toBe(404)
    expect(await page.text()).toBe('mine')
    await mounted.close()
  })

  it('answers large bodies and streams with 413 without reading them to the end', async () => {
    let origin = ''
    await using server = await CallbackServer.open({
      store: 'memory:',
      publicUrl: () => `${origin}/hooks`,
      logger: recordingLogger([]),
    })
    const mounted = await mount(server)
    origin = mounted.origin
    const receiver = await server.spawn('small', { maxBodyBytes: 100 })

    const answer = await fetch(receiver.url, { method: 'POST', body: 'x'.repeat(101) })

    expect(answer.status).toBe(413)
    await mounted.close()
  })
})

async function listening(server: Server): Promise<Mounted> {
  if (!server.listening) await once(server, 'listening')
  return {
    origin: originOf(server),
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(resolve))
    },
  }
}

function originOf(server: { address(): AddressInfo | string | null }): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `http://127.0.0.1:${address.port}`
}
