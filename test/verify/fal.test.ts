import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { VerificationError, VerificationUnavailableError } from '../../src/errors.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { type FalOptions, fal } from '../../src/verify/fal.js'
import { refusalOf } from './support/refusal.js'
import { NOW, NOW_S, toRequest } from './support/request.js'

const HOUR = 3_600_000
const [first, second] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
const body = '{"request_id":"764cabcf","status":"OK"}'
const requestId = '764cabcf-b745-4b3e-ae38-1200304cf45b'
const passed = { deliveryId: requestId }

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Where the keys are published, on loopback; it tells how often it was asked. */
async function publisher(answer: RequestListener) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json` }
}

const answering =
  (content: unknown, status = 200): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof content === 'string' ? content : JSON.stringify(content))
  }

function jwks(...keys: readonly KeyObject[]) {
  return { keys: keys.map(key => ({ ...key.export({ format: 'jwk' }), kid: 'x', use: 'sig' })) }
}

function signed(
  key: KeyObject,
  given: { body?: string; at?: number; timestamp?: string; headers?: Record<string, string> } = {},
) {
  const { timestamp = String(NOW_S) } = given
  const hash = createHash('sha256').update(body).digest('hex')
  const content = `${requestId}\nuser\n${timestamp}\n${hash}`
  return toRequest({
    body: given.body ?? body,
    at: given.at ?? NOW,
    headers: {
      'X-Fal-Webhook-Request-Id': requestId,
      'X-Fal-Webhook-User-Id': 'user',
      'X-Fal-Webhook-Timestamp': timestamp,
      'X-Fal-Webhook-Signature': sign(null, Buffer.from(content), key).toString('hex'),
      ...given.headers,
    },
  })
}

const mismatch = 'fal: its signature does not match: it was not signed by fal, or changed on the way'

async function unavailable(options: FalOptions): Promise<string> {
  try {
    await fal(options)(await signed(first.privateKey))
  } catch (error) {
    expect(error).toBeInstanceOf(VerificationUnavailableError)
    expect(error).not.toBeInstanceOf(VerificationError)
    if (error instanceof VerificationUnavailableError) return `${error.retryable}: ${error.message}`
  }
  throw new Error('It was judged')
}

describe('a request', () => {
  it('passes when one of the published keys has signed it, and then without asking for them again', async () => {
    const { keysUrl, asked } = await publisher(answering(jwks(second.publicKey, first.publicKey)))
    const verify = fal({ keysUrl })
    expect(await verify(await signed(first.privateKey))).toEqual(passed)
    expect(verify(await signed(first.privateKey))).toEqual(passed)
    expect(verify(await signed(second.privateKey))).toEqual(passed)
    expect(asked).toEqual(['/jwks.json'])
  })

  it('passes with its signature in capitals', async () => {
    const { keysUrl } = await publisher(answering(jwks(first.publicKey)))
    const { headers } = await signed(first.privateKey)
    const name = 'x-fal-webhook-signature'
    headers.set(name, String(headers.get(name)).toUpperCase())
    const request = await toRequest({ body, headers: Object.fromEntries(headers) })
    expect(await fal({ keysUrl })(request)).toEqual(passed)
  })

  it.each([
    ['its body', { body: `${body} ` }],
    ['its id', { headers: { 'x-fal-webhook-request-id': 'another' } }],
    ['its user', { headers: { 'x-fal-webhook-user-id': 'another' } }],
    ['its timestamp', { headers: { 'x-fal-webhook-timestamp': String(NOW_S + 1) } }],
  ])('does not pass when %s was changed', async (_, changed) => {
    const { keysUrl } = await publisher(answering(jwks(first.publicKey)))
    const verify = fal({ keysUrl })
    const headers =
      'headers' in changed ? lowered(await signed(first.privateKey), changed.headers) : undefined
    const request =
      headers === undefined
        ? await signed(first.privateKey, changed)
        : await toRequest({ body, headers: Object.fromEntries(headers) })
    expect(await refusalOf(verify, request)).toBe(mismatch)
  })

  it('does not pass without one of its headers, and makes us fetch nothing', async () => {
    const { keysUrl, asked } = await publisher(answering(jwks(first.publicKey)))
    const verify = fal({ keysUrl })
    for (const name of ['request-id', 'user-id', 'timestamp', 'signature']) {
      const { headers } = await signed(first.privateKey)
      headers.delete(`x-fal-webhook-${name}`)
      expect(await refusalOf(verify, await toRequest({ body, headers: Object.fromEntries(headers) }))).toBe(
        `fal: it is not signed: the header x-fal-webhook-${name} is missing`,
      )
    }
    for (const text of ['00', 'x'.repeat(128), '0'.repeat(127), '0'.repeat(130)]) {
      const request = await toRequest({
        body,
        headers: Object.fromEntries(
          lowered(await signed(first.privateKey), { 'x-fal-webhook-signature': text }),
        ),
      })
      expect(await refusalOf(verify, request)).toBe(
        'fal: its signature is no ed25519 signature, which is 128 hexadecimal digits',
      )
    }
    expect(asked).toEqual([])
  })

  it.each([
    ['too old', { at: NOW + 301_000 }, /^fal: its timestamp is 301 s behind our clock, and 5m are tolerated/],
    ['too new', { at: NOW - 301_000 }, /^fal: its timestamp is 301 s ahead of our clock/],
    ['no number', { timestamp: 'soon' }, /^fal: its timestamp is not a whole number$/],
  ])('does not pass when its timestamp is %s, and makes us fetch nothing', async (_, given, reason) => {
    const { keysUrl, asked } = await publisher(answering(jwks(first.publicKey)))
    for (const { privateKey } of [first, second]) {
      expect(await refusalOf(fal({ keysUrl }), await signed(privateKey, given))).toMatch(reason)
    }
    expect(asked).toEqual([])
  })

  it('tolerates five minutes to either side, or what it is told', async () => {
    const { keysUrl } = await publisher(answering(jwks(first.publicKey)))
    const at = (seconds: number) => signed(first.privateKey, { at: NOW + seconds * 1_000 })
    const verify = fal({ keysUrl })
    expect(await verify(await at(300))).toEqual(passed)
    expect(await verify(await at(-300))).toEqual(passed)
    expect(await refusalOf(verify, await at(301))).toMatch(/^fal: .* 301 s behind our clock/)
    expect(await refusalOf(verify, await at(-301))).toMatch(/^fal: .* 301 s ahead of our clock/)
    expect(await refusalOf(fal({ keysUrl, tolerance: '1s' }), await at(2))).toMatch(/2 s behind/)
    expect(await fal({ keysUrl, tolerance: false })(await at(1_000_000))).toEqual(passed)
  })
})

describe('the keys', () => {
  it('are used for a day, and then asked for again', async () => {
    const clock = new ManualClock()
    const { keysUrl, asked } = await publisher(answering(jwks(first.publicKey)))
    const verify = fal({ keysUrl, clock })
    await clock.advance(HOUR)
    await verify(await signed(first.privateKey))
    await clock.advance(24 * HOUR - 1)
    expect(verify(await signed(first.privateKey))).toEqual(passed)
    await clock.advance(1)
    expect(await verify(await signed(first.privateKey))).toEqual(passed)
    expect(asked).toHaveLength(2)
  })

  it('that are too old pass nothing when they cannot be asked for again', async () => {
    const clock = new ManualClock()
    let answer = answering(jwks(first.publicKey))
    const { keysUrl } = await publisher((request, response) => answer(request, response))
    const verify = fal({ keysUrl, clock })
    await verify(await signed(first.privateKey))
    answer = answering('', 503)
    await clock.advance(24 * HOUR)
    for (let round = 0; round < 2; round++) {
      await expect(verify(await signed(first.privateKey))).rejects.toThrow(VerificationUnavailableError)
    }
  })

  it('are asked for when none of them has signed, once a minute at the most', async () => {
    const clock = new ManualClock()
    const published = [first.publicKey]
    const { keysUrl, asked } = await publisher((request, response) =>
      answering(jwks(...published))(request, response),
    )
    const verify = fal({ keysUrl, clock })
    expect(await refusalOf(verify, await signed(second.privateKey))).toBe(mismatch)
    published.push(second.publicKey)
    await clock.advance(59_999)
    expect(await refusalOf(verify, await signed(second.privateKey))).toBe(mismatch)
    expect(asked).toHaveLength(1)
    await clock.advance(1)
    expect(await verify(await signed(second.privateKey))).toEqual(passed)
    expect(asked).toHaveLength(2)
  })

  it('are asked for once, however many requests wait for them', async () => {
    const { keysUrl, asked } = await publisher(answering(jwks(first.publicKey)))
    const verify = fal({ keysUrl })
    const requests = await Promise.all(Array.from({ length: 20 }, () => signed(first.privateKey)))
    expect(await Promise.all(requests.map(request => verify(request)))).toEqual(requests.map(() => passed))
    expect(asked).toHaveLength(1)
  })

  it('leave a request unjudged while they cannot be fetched, and are asked for again after a minute', async () => {
    const clock = new ManualClock()
    let answer = answering('', 500)
    const { keysUrl, asked } = await publisher((request, response) => answer(request, response))
    const verify = fal({ keysUrl, clock })
    const attempt = async () => verify(await signed(first.privateKey))
    await expect(attempt()).rejects.toThrow('fal: its public keys cannot be fetched: keysUrl answered 500')
    answer = answering(jwks(first.publicKey))
    await clock.advance(59_999)
    await expect(attempt()).rejects.toThrow(VerificationUnavailableError)
    expect(asked).toHaveLength(1)
    await clock.advance(1)
    expect(await attempt()).toEqual(passed)
  })

  it('that are known pass what they have signed while new ones cannot be fetched', async () => {
    const clock = new ManualClock()
    let answer = answering(jwks(first.publicKey))
    const { keysUrl } = await publisher((request, response) => answer(request, response))
    const verify = fal({ keysUrl, clock })
    await verify(await signed(first.privateKey))
    answer = answering('', 500)
    await clock.advance(60_000)
    await expect(verify(await signed(second.privateKey))).rejects.toThrow(VerificationUnavailableError)
    expect(verify(await signed(first.privateKey))).toEqual(passed)
    answer = answering(jwks(first.publicKey))
    await clock.advance(60_000)
    expect(await refusalOf(verify, await signed(second.privateKey))).toBe(mismatch)
    expect(await refusalOf(verify, await signed(second.privateKey))).toBe(mismatch)
  })

  it.each([
    ['no JSON', 'hunter2', 'the answer of keysUrl is not valid JSON'],
    ['a text', '"keys"', 'there is no ed25519 key in the answer of keysUrl'],
    ['null', null, 'there is no ed25519 key in the answer of keysUrl'],
    ['no list', { keys: {} }, 'there is no ed25519 key in the answer of keysUrl'],
    ['an empty list', { keys: [] }, 'there is no ed25519 key in the answer of keysUrl'],
    [
      'keys of other kinds',
      {
        keys: [
          null,
          'x',
          {},
          { kty: 'OKP', crv: 'Ed25519' },
          { kty: 'OKP', crv: 'Ed25519', x: 7 },
          { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' },
          {
            kty: 'OKP',
            crv: 'X25519',
            x: generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x,
          },
          { ...first.publicKey.export({ format: 'jwk' }), kty: 'EC' },
        ],
      },
      'there is no ed25519 key in the answer of keysUrl',
    ],
    ['more than 64 KiB', `"${'x'.repeat(65_536)}"`, 'keysUrl answered more than 65536 bytes'],
  ])('are not there where the answer is %s', async (_, content, reason) => {
    const { keysUrl } = await publisher(answering(content))
    expect(await unavailable({ keysUrl })).toBe(`true: fal: its public keys cannot be fetched: ${reason}`)
  })

  it('are read from as much as 64 KiB, and 16 of them', async () => {
    const others = Array.from({ length: 15 }, () => second.publicKey)
    const text = JSON.stringify(jwks(...others, first.publicKey))
    const { keysUrl } = await publisher(answering(text + ' '.repeat(65_536 - text.length)))
    expect(await fal({ keysUrl })(await signed(first.privateKey))).toEqual(passed)
    const more = await publisher(answering(jwks(second.publicKey, ...others, first.publicKey)))
    expect(await refusalOf(fal({ keysUrl: more.keysUrl }), await signed(first.privateKey))).toBe(mismatch)
  })

  it('are not fetched from where keysUrl is redirected to', async () => {
    const { keysUrl: elsewhere, asked } = await publisher(answering(jwks(first.publicKey)))
    const { keysUrl } = await publisher((_, response) => {
      response.writeHead(302, { location: elsewhere }).end()
    })
    expect(await unavailable({ keysUrl })).toMatch('keysUrl does not answer')
    expect(asked).toEqual([])
  })

  it('are waited for five seconds', async () => {
    const clock = new ManualClock()
    const [arrived, hungUp] = [signal(), signal()]
    const { keysUrl } = await publisher((request, response) => {
      response.on('close', () => hungUp.give())
      response.write('{"keys":')
      arrived.give()
      request.resume()
    })
    const judged = fal({ keysUrl, clock })(await signed(first.privateKey))
    const failed = expect(judged).rejects.toThrow(
      'fal: its public keys cannot be fetched: keysUrl takes too long',
    )
    await arrived.given
    await clock.advance(5_000)
    await failed
    await hungUp.given
    expect(clock.timers).toBe(0)
  })

  it('are asked for as JSON, and leave no timer behind', async () => {
    const clock = new ManualClock()
    const accepted: unknown[] = []
    const { keysUrl } = await publisher((request, response) => {
      accepted.push(request.headers.accept)
      answering(jwks(first.publicKey))(request, response)
    })
    await fal({ keysUrl, clock })(await signed(first.privateKey))
    expect(accepted).toEqual(['application/json'])
    expect(clock.timers).toBe(0)
  })

  it('are not waited for in an answer that is not read', async () => {
    const hungUp = signal()
    const { keysUrl } = await publisher((_, response) => {
      response.on('close', () => hungUp.give())
      response.writeHead(503).write('{"keys":')
    })
    expect(await unavailable({ keysUrl })).toMatch('keysUrl answered 503')
    await hungUp.given
  })

  it('are fetched by the function that is given', async () => {
    const fetched: string[] = []
    const verify = fal({
      fetch: async input => {
        fetched.push(String(input))
        return Response.json(jwks(first.publicKey))
      },
    })
    expect(await verify(await signed(first.privateKey))).toEqual(passed)
    expect(fetched).toEqual(['https://rest.fal.ai/.well-known/jwks.json'])
    const down = async () => {
      throw new Error('hunter2')
    }
    expect(await unavailable({ fetch: down })).toBe(
      'true: fal: its public keys cannot be fetched: keysUrl does not answer',
    )
    expect(await unavailable({ fetch: async () => new Response() })).toBe(
      'true: fal: its public keys cannot be fetched: keysUrl answered nothing',
    )
  })

  it('that cannot be fetched leave to the operator what was thrown', async () => {
    const cause = new Error('getaddrinfo ENOTFOUND')
    const verify = fal({ fetch: () => Promise.reject(cause) })
    await expect(async () => verify(await signed(first.privateKey))).rejects.toMatchObject({ cause })
  })
})

describe('keysUrl', () => {
  it.each([
    'http://rest.fal.ai/',
    'http://127.0.0.1.example.com/',
    'http://localhost.example.com/',
    'https://a:b@fal.ai/',
    'https://a@fal.ai/',
    'https://:b@fal.ai/',
    'http://notlocalhost/',
    'ftp://localhost/jwks.json',
    'file:///etc/passwd',
    '/jwks.json',
    '',
  ])('is not %j', keysUrl => {
    expect(() => fal({ keysUrl })).toThrow(
      'The verifier fal: keysUrl must be an https: URL without user and password; http: only leads to this machine',
    )
  })

  it.each([
    'https://example.com/keys',
    'http://localhost:1/',
    'http://keys.localhost/',
    'http://127.1/',
    'http://127.100.20.255/',
    'http://[::1]:1/',
  ])('may be %j', keysUrl => {
    fal({ keysUrl })
  })

  it('is the only address of the keys: an option that there is not is refused', () => {
    expect(() => fal({ tolerance: '5m', ...{ keysURL: 'x' } })).toThrow(
      "The verifier fal has no option 'keysURL'; there are keysUrl, tolerance, fetch, clock",
    )
    expect(() => fal({ tolerance: -1 })).toThrow(/The verifier fal: tolerance/)
  })
})

function lowered({ headers }: { readonly headers: Headers }, changed: Record<string, string>): Headers {
  const all = new Headers(headers)
  for (const [name, value] of Object.entries(changed)) all.set(name, value)
  return all
}

function signal() {
  let give = () => {}
  const given = new Promise<void>(resolve => {
    give = resolve
  })
  return { give: () => give(), given }
}
