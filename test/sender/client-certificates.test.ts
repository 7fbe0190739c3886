import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { InvalidOptionsError } from '../../src/errors.js'
import { CallbackServer } from '../../src/index.js'
import { tryOnce } from '../../src/sender/attempt.js'
import { Guard } from '../../src/sender/guard.js'
import { type TlsSettings, toTlsSettings } from '../../src/sender/tls.js'
import { createTransport } from '../../src/sender/transport.js'
import { type Authority, createAuthority, type Identity } from '../support/certificates.js'
import { recordingLogger } from '../support/server.js'

let [authority, stranger]: Authority[] = []
let [ours, theirs, foreign]: Identity[] = []

beforeAll(async () => {
  authority = await createAuthority('the partner')
  stranger = await createAuthority('nobody')
  ours = await authority.issue('longline')
  theirs = await authority.issue('127.0.0.1')
  foreign = await stranger.issue('longline')
})

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it was not made')
  return value
}

interface Partner {
  readonly url: string
  /** The name in the certificate of each request, `''` where there was none. */
  readonly names: string[]
  readonly connections: () => number
}

/** An endpoint that speaks to nobody without a certificate of its authority, or asks for one at least. */
async function servePartner({ insists = true } = {}): Promise<Partner> {
  const names: string[] = []
  let connections = 0
  const options = {
    ...there(theirs),
    ca: there(authority).ca,
    requestCert: true,
    rejectUnauthorized: insists,
  }
  const server = createServer(options, (request: IncomingMessage, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate()
    names.push(String(subject?.CN ?? ''))
    response.end('ok')
  }).on('connection', () => connections++)
  server.on('tlsClientError', () => {})
  server.keepAliveTimeout = 600_000 // no connection goes for being idle on a slow machine
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  closing.push(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return { url: `https://127.0.0.1:${port}/`, names, connections: () => connections }
}

function open() {
  const guard = new Guard({ allowPrivate: false, development: () => true })
  const carrier = createTransport({ guard, clock: systemClock, connectTimeoutMs: 5_000 })
  closing.push(() => carrier.close())
  return (url: string, tls?: TlsSettings) =>
    tryOnce(
      {
        method: 'POST',
        url: new URL(url),
        headers: [],
        body: Buffer.from('{}'),
        ...(tls === undefined ? {} : { tls }),
      },
      { carrier, clock: systemClock, timeoutMs: 15_000, stop: new AbortController().signal },
    )
}

describe('a client certificate', () => {
  it('is shown to an endpoint that asks for one, and its authority is believed', async () => {
    const partner = await servePartner()
    await using server = await CallbackServer.listen({
      port: 0,
      store: 'memory:',
      logger: recordingLogger([]),
    })
    const { ca } = there(authority)
    const endpoint = server.endpoint('partner', { url: partner.url, tls: { ...there(ours), ca } })
    const delivery = await endpoint.send({ body: { id: 7 } })
    expect(await delivery.done({ timeout: '10s' })).toBe('delivered')
    expect(partner.names).toEqual(['longline'])
  })

  it('that the endpoint does not believe is a failed attempt in words', async () => {
    const partner = await servePartner()
    const attempt = open()
    const { ca } = there(authority)
    const failed = { type: 'failed', error: expect.stringMatching(/^(TLS: |connection reset)/) }
    expect(await attempt(partner.url, toTlsSettings({ ...there(foreign), ca }, 'tls'))).toMatchObject(failed)
    expect(partner.names).toEqual([])
  })

  it('does not make an endpoint believed that another authority has issued', async () => {
    const partner = await servePartner()
    const attempt = open()
    const { ca } = there(stranger)
    const failed = { type: 'failed', error: expect.stringMatching(/^TLS: /) }
    expect(await attempt(partner.url, toTlsSettings({ ...there(ours), ca }, 'tls'))).toMatchObject(failed)
    expect(await attempt(partner.url, toTlsSettings(there(ours), 'tls'))).toMatchObject(failed)
    expect(await attempt(partner.url)).toMatchObject(failed)
    expect(partner.names).toEqual([])
  })

  it('has connections of its own: nobody is taken for somebody else on one that is open', async () => {
    const partner = await servePartner({ insists: false })
    const { ca } = there(authority)
    const attempt = open()
    const other = await there(authority).issue('another')
    const one = () => toTlsSettings({ ...there(ours), ca }, 'tls')
    const two = toTlsSettings({ ...other, ca }, 'tls')
    for (const tls of [one(), two, one(), two]) {
      expect(await attempt(partner.url, tls)).toMatchObject({ type: 'answered' })
    }
    expect(partner.names).toEqual(['longline', 'another', 'longline', 'another'])
    expect(partner.connections()).toBe(2)
  })

  it('is one of at most a hundred whose connections are kept', { timeout: 30_000 }, async () => {
    const partner = await servePartner({ insists: false })
    const { ca } = there(authority)
    const attempt = open()
    // Equal but for a line that means nothing: other settings, to whoever keeps connections by them.
    const nth = (n: number) => toTlsSettings({ ...there(ours), ca: `${n}\n${ca}` }, 'tls')
    for (let n = 0; n <= 100; n++) await attempt(partner.url, nth(n))
    expect(partner.connections()).toBe(101)
    await new Promise(setImmediate) // a connection is free a little after its answer has been read
    await attempt(partner.url, nth(100))
    expect(partner.connections()).toBe(101)
    expect(await attempt(partner.url, nth(0))).toMatchObject({ type: 'answered' })
    expect(partner.connections()).toBe(102)
  })
})

describe('tls', () => {
  it.each<[string, () => object, RegExp]>([
    ['no object', () => [] as object, /must be/],
    ['without a key', () => ({ cert: there(ours).cert }), /tls\.key must be a private key in PEM/],
    ['without a certificate', () => ({ key: there(ours).key }), /tls\.cert must be a certificate in PEM/],
    ['with a file name', () => ({ ...there(ours), cert: '/etc/hunter2.pem' }), /tls\.cert must be/],
    [
      'with a certificate that is none',
      () => ({
        ...there(ours),
        cert: '-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----',
      }),
      /tls\.cert must be/,
    ],
    [
      'with a key that is none',
      () => ({ ...there(ours), key: '-----BEGIN PRIVATE KEY-----\nhunter2' }),
      /tls\.key must be/,
    ],
    [
      'with an encrypted key',
      () => ({ ...there(ours), key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2' }),
      /encrypted/,
    ],
    [
      'with the key of another',
      () => ({ ...there(ours), key: there(theirs).key }),
      /not the key of tls\.cert/,
    ],
    ['with an authority that is none', () => ({ ...there(ours), ca: 'hunter2' }), /tls\.ca must be/],
    [
      'with an option that it has not',
      () => ({ ...there(ours), passphrase: 'hunter2' }),
      /no option 'passphrase'/,
    ],
  ])('%s is an error that says so, and quotes nothing of it', (_, make, why) => {
    const check = () => toTlsSettings(make() as never, 'tls')
    expect(check).toThrow(InvalidOptionsError)
    expect(check).toThrow(why)
    expect(check).not.toThrow(/hunter2|aHVudGVy/)
  })

  it('takes a chain, and one that ends where a file does', () => {
    const { cert, key } = there(ours)
    const chain = `${cert}\n${there(authority).ca}\n`
    expect(toTlsSettings({ cert: chain, key }, 'tls')).toMatchObject({ cert: chain, key })
  })
})
