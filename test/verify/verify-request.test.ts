import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, VerificationError } from '../../src/errors.js'
import type { Verify } from '../../src/model/code.js'
import type { RawRequest } from '../../src/model/received.js'
import { hmac } from '../../src/verify/hmac.js'
import { type ReadOptions, type RequestParts, readRequest } from '../../src/verify/read-request.js'
import { verifyRequest } from '../../src/verify/verify-request.js'

const secret = 'a secret of ours'
const acme = hmac({ secret, name: 'acme', signature: 'acme-signature', id: { field: 'id' } })
const url = 'https://shop.example/hooks/acme?from=acme'
const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const sign = (body: string | Uint8Array) => createHmac('sha256', secret).update(body).digest('hex')
const signedRequest = (body: string | Uint8Array<ArrayBuffer>) =>
  new Request(url, { method: 'POST', body, headers: { 'acme-signature': sign(body) } })

describe('verifyRequest', () => {
  it('gives the bytes that were verified, and the delivery id', async () => {
    const { bytes, deliveryId } = await verifyRequest(acme, signedRequest('{"id":"evt_7"}'))
    expect([Buffer.from(bytes).toString(), deliveryId]).toEqual(['{"id":"evt_7"}', 'evt_7'])
  })

  it('gives every byte, and no id where there is none', async () => {
    expect(await verifyRequest(acme, signedRequest(everyByte))).toStrictEqual({ bytes: everyByte })
    const empty: Verify = () => ({ deliveryId: '' })
    expect(await verifyRequest(empty, signedRequest('x'))).toStrictEqual({
      bytes: new Uint8Array(Buffer.from('x')),
    })
  })

  it('takes what node:http has', async () => {
    const request = await new Promise<RequestParts>(resolve => {
      const server = createServer(async (message: IncomingMessage, response) => {
        const chunks: Buffer[] = []
        for await (const chunk of message) chunks.push(chunk)
        response.end()
        server.close()
        resolve({ headers: message.headers, body: Buffer.concat(chunks) })
      }).listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo
        void fetch(`http://127.0.0.1:${port}`, {
          method: 'POST',
          body: everyByte,
          headers: { 'Acme-Signature': sign(everyByte), connection: 'close' },
        })
      })
    })
    expect(new Uint8Array((await verifyRequest(acme, request)).bytes)).toEqual(everyByte)
  })

  it('rejects with the reason', async () => {
    const unsigned = new Request(url, { method: 'POST', body: 'x' })
    const error = await verifyRequest(acme, unsigned).catch(reason => reason)
    expect(error).toBeInstanceOf(VerificationError)
    expect([error.code, error.retryable, error.name]).toEqual(['not_verified', false, 'VerificationError'])
    expect(error.message).toBe('acme: it has no signature: the header acme-signature is missing')
  })

  it('lets one of several pass', async () => {
    const never: Verify = () => false
    expect(await verifyRequest([never, acme], signedRequest('x'))).toHaveProperty('bytes')
    await expect(verifyRequest([never, never], signedRequest('x'))).rejects.toThrow(
      'it returned false; it returned false',
    )
  })

  it('takes what was read before, for a handshake', async () => {
    const request = await readRequest(signedRequest('x'))
    expect((await verifyRequest(acme, request)).bytes).toEqual(new Uint8Array(Buffer.from('x')))
    expect((await verifyRequest(acme, request)).bytes).toEqual(new Uint8Array(Buffer.from('x')))
  })

  it.each([[undefined], [[]], [[acme, undefined]], ['acme']])(
    'says that what it is given is no verifier: %#',
    async verify => {
      const error = await verifyRequest(verify as never, signedRequest('x')).catch(reason => reason)
      expect(error).toBeInstanceOf(InvalidOptionsError)
      expect(error.message).toBe(
        'verify must be a verifier, such as stripe({ secret }), or a list of them, and the request comes behind it',
      )
    },
  )

  it.each([undefined, null, 'https://www.example.com', 7])(
    'says that what it is given is no request: %s',
    async request => {
      const error = await verifyRequest(acme, request as never).catch(reason => reason)
      expect(error).toBeInstanceOf(InvalidOptionsError)
      expect(error.message).toBe('The request must be a Request, or { headers, body }')
    },
  )

  it('takes no options for what was read before', async () => {
    const request = await readRequest(signedRequest('x'))
    const error = await verifyRequest(acme, request as never, { url }).catch(reason => reason)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.message).toMatch(/^The options belong to readRequest/)
  })

  it('hands its options on', async () => {
    await expect(verifyRequest(acme, signedRequest('xyz'), { maxBodyBytes: 2 })).rejects.toThrow(
      'the body is larger than 2 bytes; pass maxBodyBytes for more',
    )
  })
})

describe('readRequest', () => {
  const clock = { now: () => 7, monotonic: () => 0, setTimer: () => () => {} }
  const seen = ({ receivedAt, method, path, query, headers, remoteAddress, ...rest }: RawRequest) => ({
    at: receivedAt.getTime(),
    method,
    path,
    query: String(query),
    headers: [...headers],
    remoteAddress,
    url: rest.url,
    body: Buffer.from(rest.bytes()).toString('latin1'),
  })

  it('gives what verifiers see of a Request', async () => {
    const request = new Request(url, { method: 'PUT', body: everyByte, headers: { 'X-A': '1', 'x-b': '2' } })
    expect(seen(await readRequest(request, { clock, remoteAddress: '10.0.0.7' }))).toEqual({
      at: 7,
      method: 'PUT',
      path: '',
      query: 'from=acme',
      headers: [
        ['x-a', '1'],
        ['x-b', '2'],
      ],
      remoteAddress: '10.0.0.7',
      url,
      body: Buffer.from(everyByte).toString('latin1'),
    })
  })

  it('takes headers as pairs, and of a framework that brings its own', async () => {
    const pairs = [
      ['X-A', '1'],
      ['x-b', 'two'],
      ['x-a', '3'],
    ] as const
    const wanted = [
      ['x-a', '1, 3'],
      ['x-b', 'two'],
    ]
    const own = { get: () => null, [Symbol.iterator]: () => pairs[Symbol.iterator]() }
    for (const headers of [pairs, new Map(pairs), own]) {
      expect([...(await readRequest({ headers, body: '' })).headers]).toEqual(wanted)
    }
    const ofHttp2 = Object.assign(Object.create(null), { ':method': 'POST', 'x-a': '1' })
    expect([...(await readRequest({ headers: ofHttp2, body: '' })).headers]).toEqual([['x-a', '1']])
  })

  it('takes an ArrayBuffer', async () => {
    const body = Uint8Array.from([0, 255, 7]).buffer
    expect([...(await readRequest({ headers: {}, body })).bytes()]).toEqual([0, 255, 7])
  })

  it.each([undefined, null, 'x-a: 1'])('says that there are no headers: %s', async headers => {
    const error = await readRequest({ headers, body: '' } as never).catch(reason => reason)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.message).toBe('headers is missing: pass a Request, or { headers, body }')
  })

  it.each<[string, unknown]>([
    ['rawHeaders of node:http', ['X-A', '1', 'x-b', '2']],
    ['what only has get', { get: () => null }],
    ['numbers', { 'content-length': 7 }],
    ['a number in a list', { 'x-a': ['1', 2] }],
    ['pairs without a name', [[undefined, '1']]],
    ['pairs whose name is none', [[7, '1']]],
    ['no pairs', [{ length: 2, 0: 'x-a', 1: '1' }]],
  ])('does not take for headers %s', async (_, headers) => {
    const error = await readRequest({ headers, body: '' } as never).catch(reason => reason)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.message).toBe(
      'headers must be Headers, pairs of name and value, or an object of texts, as request.headers of node:http is',
    )
  })

  it('gives what verifiers see of parts', async () => {
    const headers = { 'X-A': ['1', '2'], 'x-b': 'three', 'x-c': undefined }
    expect(seen(await readRequest({ headers, body: 'ä' }, { clock }))).toEqual({
      at: 7,
      method: 'POST',
      path: '',
      query: '',
      headers: [
        ['x-a', '1, 2'],
        ['x-b', 'three'],
      ],
      remoteAddress: undefined,
      url: '',
      body: Buffer.from('ä').toString('latin1'),
    })
    const request = await readRequest({ headers: new Headers({ 'x-a': '1' }), body: '', method: 'GET', url })
    expect([request.method, request.url, request.headers.get('x-a')]).toEqual(['GET', url, '1'])
    expect(Math.abs(request.receivedAt.getTime() - Date.now())).toBeLessThan(60_000)
    expect('remoteAddress' in request).toBe(false)
  })

  it('reads what has no body, and takes the URL that is given', async () => {
    const outside = 'https://hooks.example.com/acme'
    const request = await readRequest(new Request(url), { url: outside })
    expect([request.method, request.url, request.bytes().length]).toEqual(['GET', outside, 0])
  })

  it('hands out the bytes so often as they are asked for, each time as they came', async () => {
    const request = await readRequest(signedRequest('abc'))
    request.bytes().fill(0)
    expect(Buffer.from(request.bytes()).toString()).toBe('abc')
  })

  it('reads no more of a body than is asked for', async () => {
    let pulled = 0
    const endless = () =>
      new Request(url, {
        method: 'POST',
        body: new ReadableStream({
          pull(controller) {
            pulled++
            controller.enqueue(new Uint8Array(64 * 1_024))
          },
        }),
        duplex: 'half',
      } as RequestInit)
    await expect(readRequest(endless())).rejects.toThrow(
      'the body is larger than 1048576 bytes; pass maxBodyBytes for more',
    )
    expect(pulled).toBeLessThan(40)
    const fits = new Request(url, { method: 'POST', body: 'abc' })
    expect((await readRequest(fits, { maxBodyBytes: 3 })).bytes().length).toBe(3)
    const one = new Request(url, { method: 'POST', body: 'a' })
    expect((await readRequest(one, { maxBodyBytes: 1 })).bytes().length).toBe(1)
    const error = await readRequest(endless(), { maxBodyBytes: 3 }).catch(reason => reason)
    expect(error).toBeInstanceOf(VerificationError)
  })

  it.each<[Request | RequestParts, ReadOptions | undefined, RegExp]>([
    [
      { headers: {}, body: { id: 7 } as never },
      undefined,
      /^body must be the bytes as they came, or a text; what a body parser/,
    ],
    [{ headers: {}, body: undefined as never }, undefined, /^body is missing: read the bytes of the request/],
    [
      new Request(url),
      { maxBodyByte: 7 } as never,
      /^A request has no option 'maxBodyByte'; there are maxBodyBytes, url, remoteAddress, clock$/,
    ],
  ])('refuses what is no request as it came: %#', async (request, options, message) => {
    const error = await readRequest(request, options).catch(reason => reason)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.message).toMatch(message)
  })

  it.each([0, -1, 1.5, Number.NaN, '10'])('takes no limit that is none: %s', async maxBodyBytes => {
    const error = await readRequest(new Request(url), { maxBodyBytes: maxBodyBytes as number }).catch(
      reason => reason,
    )
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.message).toBe(`maxBodyBytes must be a whole number of at least 1; got ${maxBodyBytes}`)
  })

  it('passes over what HTTP/2 has among the headers', async () => {
    const request = await readRequest({ headers: { ':method': 'POST', ':path': '/x', 'x-a': '1' }, body: '' })
    expect([...request.headers]).toEqual([['x-a', '1']])
  })

  it('does not quote a header that cannot be sent', async () => {
    const headers = { authorization: 'Bearer my\nsecret' }
    const error = await readRequest({ headers, body: '' }).catch(reason => reason)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error.message).toBe('headers: what stands under "authorization" is no header that can be sent')
  })

  it('says that a body was read before', async () => {
    const request = signedRequest('x')
    await request.text()
    await expect(readRequest(request)).rejects.toThrow(
      'The body of the request was read before: verify first, or read it once and pass { headers, body, url }',
    )
  })
})
