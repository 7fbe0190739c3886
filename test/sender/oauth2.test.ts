import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OAuth2Server } from 'oauth2-mock-server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/core/clock.js'
import { CallbackServer } from '../../src/index.js'
import type { OAuth2 } from '../../src/model/endpoint-options.js'
import { type Tried, tryOnce } from '../../src/sender/attempt.js'
import type { Carrier } from '../../src/sender/carrier.js'
import { Guard } from '../../src/sender/guard.js'
import { Tokens } from '../../src/sender/oauth2.js'
import { createTransport } from '../../src/sender/transport.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { recordingLogger } from '../support/server.js'
import { deferred } from './bench.js'

// Tokens come from an OAuth 2 server of its own, over a socket; what it cannot be brought to say, from one below it.

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface TokenRequest {
  readonly authorization: string
  readonly fields: Record<string, string>
}

/** The server of tokens, and what it was asked. */
let issuer: { tokenUrl: string; asked: TokenRequest[]; change: (answer: TokenAnswer) => void }
interface TokenAnswer {
  body: Record<string, unknown> | ''
  statusCode: number
}

beforeEach(async () => {
  const server = new OAuth2Server()
  await server.issuer.keys.generate('ES256')
  await server.start(0, '127.0.0.1')
  closing.push(() => server.stop())
  issuer = { tokenUrl: `${server.issuer.url}/token`, asked: [], change: () => {} }
  server.service.on('beforeResponse', (answer: TokenAnswer, request: IncomingMessage & { body: object }) => {
    issuer.asked.push({
      authorization: String(request.headers.authorization),
      fields: { ...request.body } as Record<string, string>,
    })
    issuer.change(answer)
  })
})

/** What an endpoint saw: the token of each request, and what it answers to it. */
async function servePartner(answer: (token: string, number: number) => number = () => 204) {
  const tokens: string[] = []
  const server = createServer((request, response) => {
    const token = request.headers.authorization ?? ''
    request.resume()
    response.writeHead(answer(token, tokens.push(token))).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  closing.push(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${port}/hooks`, tokens }
}

/** A server of tokens that says what a good one never would. */
async function serveTokens(answer: (number: number) => { status?: number; text: string; headers?: object }) {
  let count = 0
  const server = createServer((request, response) => {
    request.resume()
    const { status = 200, text, headers = {} } = answer(++count)
    response.writeHead(status, { ...headers }).end(text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  closing.push(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return { tokenUrl: `http://127.0.0.1:${port}/token`, count: () => count }
}

function open({ clock = systemClock, guard }: { clock?: Clock; guard?: Guard } = {}) {
  const carrier: Carrier = createTransport({
    guard: guard ?? new Guard({ allowPrivate: false, development: () => true }),
    clock,
    connectTimeoutMs: 5_000,
  })
  closing.push(() => carrier.close())
  const tokens = new Tokens({ clock, carrier })
  return (url: string, oauth2: Partial<OAuth2> = {}, stop = new AbortController().signal, own = {}) =>
    tryOnce(
      { method: 'POST', url: new URL(url), headers: Object.entries<string>(own), body: Buffer.from('{}') },
      {
        carrier: tokens.carrierFor({ ...client(), ...oauth2 }),
        clock,
        timeoutMs: 15_000,
        stop,
      },
    )
}

function client(): OAuth2 {
  return { tokenUrl: issuer.tokenUrl, clientId: 'ada', clientSecret: 'hunter2' }
}

function statusOf(tried: Tried | undefined): number | string | undefined {
  return tried?.type === 'answered' ? tried.answer.status : tried?.error
}

describe('a token', () => {
  it('is fetched with the credentials of the client, encoded as the specification says', async () => {
    const partner = await servePartner()
    const attempt = open()
    const oauth2 = { clientId: 'a:d a', clientSecret: 'h\u00fcnter+2%', scope: 'hooks read', audience: 'x' }
    expect(statusOf(await attempt(partner.url, oauth2))).toBe(204)

    const [{ authorization, fields } = { authorization: '', fields: {} }] = issuer.asked
    expect(Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString()).toBe(
      'a%3Ad+a:h%C3%BCnter%2B2%25',
    )
    expect(fields).toEqual({ grant_type: 'client_credentials', scope: 'hooks read', audience: 'x' })
    expect(partner.tokens).toEqual([expect.stringMatching(/^Bearer ey[\w-]+\.[\w-]+\.[\w-]+$/)])
  })

  it('is fetched once for all attempts at the same moment, and serves those that follow', async () => {
    const partner = await servePartner()
    const attempt = open()
    await Promise.all(Array.from({ length: 20 }, () => attempt(partner.url)))
    await attempt(partner.url)
    expect(issuer.asked).toHaveLength(1)
    expect(new Set(partner.tokens).size).toBe(1)
    expect(partner.tokens).toHaveLength(21)
  })

  it.each<[string, Partial<OAuth2>]>([
    ['scope', { scope: 'other' }],
    ['audience', { audience: 'other' }],
    ['client', { clientId: 'ben' }],
    ['secret, be it a wrong one', { clientSecret: 'guessed' }],
  ])('is not given to who has another %s', async (_, other) => {
    const partner = await servePartner()
    const attempt = open()
    await attempt(partner.url)
    await attempt(partner.url, other)
    await attempt(partner.url)
    await attempt(partner.url, other)
    expect(issuer.asked).toHaveLength(2)
  })

  it.each([
    ['says 600 s', 600, 570_000],
    ['says 600 s as a text', '600', 570_000],
    ['says 20 s: of a short life half is kept', 20, 10_000],
    ['says nothing: 5 min', undefined, 270_000],
    ['says nonsense: 5 min', 'soon', 270_000],
  ])('is used until shortly before its end where the server %s', async (_, expiresIn, usableMs) => {
    issuer.change = answer => {
      answer.body = { access_token: `t${issuer.asked.length}`, expires_in: expiresIn }
    }
    const partner = await servePartner()
    const clock = new ManualClock()
    const attempt = open({ clock })
    await attempt(partner.url)
    await clock.advance(usableMs - 1)
    await attempt(partner.url)
    expect(partner.tokens).toEqual(['Bearer t1', 'Bearer t1'])
    await clock.advance(1)
    await attempt(partner.url)
    expect(partner.tokens[2]).toBe('Bearer t2')
  })

  it('is not fetched where a message has credentials of its own', async () => {
    const partner = await servePartner()
    await open()(partner.url, {}, undefined, { authorization: 'Bearer own' })
    expect(partner.tokens).toEqual(['Bearer own'])
    expect(issuer.asked).toHaveLength(0)
  })
})

describe('an endpoint that answers 401', () => {
  it('is asked once more, within the attempt, with a new token', async () => {
    const partner = await servePartner((_, number) => (number === 2 ? 401 : 204))
    const attempt = open()
    expect(statusOf(await attempt(partner.url))).toBe(204)
    expect(statusOf(await attempt(partner.url))).toBe(204)
    const [first, second, third] = partner.tokens
    expect(second).toBe(first)
    expect(third).not.toBe(first)
    expect(issuer.asked).toHaveLength(2)
  })

  it('again has answered', async () => {
    const partner = await servePartner(() => 401)
    expect(statusOf(await open()(partner.url))).toBe(401)
    expect(partner.tokens).toHaveLength(2)
  })

  it('to many at once costs one new token, not one for each', async () => {
    let revoked = ''
    const partner = await servePartner(token => (token === revoked ? 401 : 204))
    const attempt = open()
    await attempt(partner.url)
    revoked = partner.tokens[0] ?? ''
    const tried = await Promise.all(Array.from({ length: 10 }, () => attempt(partner.url)))
    expect(tried.map(statusOf)).toEqual(Array(10).fill(204))
    expect(issuer.asked).toHaveLength(2)
  })

  it('and no new token to be had is a failure, and no answer: it may pass', async () => {
    const partner = await servePartner(() => 401)
    issuer.change = answer => {
      if (issuer.asked.length === 2) answer.statusCode = 503
    }
    expect(statusOf(await open()(partner.url))).toBe('no token: tokenUrl answered 503')
  })
})

describe('no token', () => {
  it.each<[string, { status?: number; text: string; headers?: object }, string]>([
    [
      'a client that is not known',
      { status: 401, text: '{"error":"invalid_client","error_description":"hunter2"}' },
      'no token: tokenUrl answered 401 (invalid_client)',
    ],
    ['a code of its own', { status: 400, text: '{"error":"hunter2"}' }, 'no token: tokenUrl answered 400'],
    ['no JSON', { status: 500, text: '<h1>hunter2</h1>' }, 'no token: tokenUrl answered 500'],
    [
      'a redirect, which is not followed',
      { status: 302, text: '', headers: { location: 'http://127.0.0.1/hunter2' } },
      'no token: tokenUrl answered 302',
    ],
    ['no token', { text: '{"id_token":"hunter2"}' }, 'no token: there is none in the answer of tokenUrl'],
    ['null', { text: 'null' }, 'no token: there is none in the answer of tokenUrl'],
    [
      'a token that no header can carry',
      { text: JSON.stringify({ access_token: 'hunter2\r\nx: y' }) },
      'no token: there is none in the answer of tokenUrl',
    ],
    [
      'a token of another type',
      { text: '{"access_token":"hunter2","token_type":"mac"}' },
      'no token: that of tokenUrl is not of the type Bearer',
    ],
    [
      'more than anybody reads',
      { text: JSON.stringify({ access_token: 'x'.repeat(20_000) }) },
      'no token: there is none in the answer of tokenUrl',
    ],
  ])('because of %s is a failed attempt in our words', async (_, answer, error) => {
    const partner = await servePartner()
    const { tokenUrl } = await serveTokens(() => answer)
    expect(await open()(partner.url, { tokenUrl })).toMatchObject({ type: 'failed', error })
    expect(partner.tokens).toEqual([])
  })

  it('because nobody is there says so', async () => {
    const partner = await servePartner()
    const oauth2 = { tokenUrl: 'http://127.0.0.1:1/token' }
    expect(statusOf(await open()(partner.url, oauth2))).toBe('no token: connection refused')
  })

  it('because of an address that nothing is sent to says so, and may pass', async () => {
    const partner = await servePartner()
    const attempt = open({ guard: new Guard({ allowPrivate: ['127.0.0.1/32'], development: () => false }) })
    const oauth2 = { tokenUrl: 'http://10.0.0.1/token' }
    expect(await attempt(partner.url, oauth2)).toMatchObject({
      type: 'failed',
      error: 'no token: address refused: 10.0.0.1 is a private address',
    })
  })

  it('is asked for again by the next attempt', async () => {
    const partner = await servePartner()
    const { tokenUrl, count } = await serveTokens(number =>
      number === 1 ? { status: 503, text: '' } : { text: '{"access_token":"good"}' },
    )
    const attempt = open()
    expect(statusOf(await attempt(partner.url, { tokenUrl }))).toBe('no token: tokenUrl answered 503')
    expect(statusOf(await attempt(partner.url, { tokenUrl }))).toBe(204)
    expect(count()).toBe(2)
  })
})

describe('a server of tokens that is slow', () => {
  /** It answers when it is told to. */
  async function slow() {
    const [arrived, gone, answer] = [deferred<void>(), deferred<void>(), deferred<void>()]
    let count = 0
    const server = createServer(async (request, response) => {
      request.resume()
      count++
      response.on('close', () => gone.resolve())
      arrived.resolve()
      await answer.promise
      response.end('{"access_token":"late"}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    closing.push(() => {
      server.closeAllConnections()
      return new Promise(resolve => server.close(resolve))
    })
    return { tokenUrl: `http://127.0.0.1:${port}/`, arrived, gone, answer, count: () => count }
  }

  it('costs the attempt its time, and no more', async () => {
    const partner = await servePartner()
    const server = await slow()
    const clock = new ManualClock()
    const tried = open({ clock })(partner.url, server)
    await server.arrived.promise
    await clock.advance('15s')
    expect(await tried).toMatchObject({ type: 'failed', error: 'timed out after 15s' })
    await server.gone.promise
    expect(clock.timers).toBe(0)
  })

  it('is waited for by who has time, whoever else gives up', async () => {
    const partner = await servePartner()
    const server = await slow()
    const attempt = open()
    const impatient = new AbortController()
    const first = attempt(partner.url, server, impatient.signal)
    const second = attempt(partner.url, server)
    await server.arrived.promise
    impatient.abort()
    expect(await first).toBeUndefined()
    server.answer.resolve()
    expect(statusOf(await second)).toBe(204)
    expect(partner.tokens).toEqual(['Bearer late'])
    expect(server.count()).toBe(1)
  })

  it('is let go when nobody waits for it any more', async () => {
    const partner = await servePartner()
    const server = await slow()
    const impatient = new AbortController()
    const tried = open()(partner.url, server, impatient.signal)
    await server.arrived.promise
    impatient.abort()
    expect(await tried).toBeUndefined()
    await server.gone.promise
  })
})

it('an endpoint with OAuth 2 gets its messages, and no log says by which token', async () => {
  const partner = await servePartner((_, number) => (number === 1 ? 401 : 204))
  const lines: Parameters<typeof recordingLogger>[0] = []
  await using server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    logger: recordingLogger(lines),
  })
  const endpoint = server.endpoint('partner', { url: partner.url, auth: { oauth2: client() } })
  const delivery = await endpoint.send({ body: { id: 7 } })
  expect(await delivery.done({ timeout: '10s' })).toBe('delivered')
  expect((await delivery.attempts()).map(({ status }) => status)).toEqual([204])
  expect(partner.tokens).toHaveLength(2)
  expect(JSON.stringify(lines)).not.toMatch(/Bearer|hunter2/)
})
