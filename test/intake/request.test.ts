// What verifiers and dedupe functions are shown, and that showing it changes nothing.

import { describe, expect, it } from 'vitest'
import { headerOf } from '../../src/intake/request.js'
import type { RawRequest } from '../../src/model/received.js'
import { PUBLIC_URL, Rig, transports } from './support/rig.js'

describe.each(transports)('the request that a verifier sees, by $name', ({ name, send }) => {
  it('says when it came, and who is at the other end of its connection, where there is one', async () => {
    const seen: RawRequest[] = []
    const rig = await Rig.open()
    const receiver = await rig.spawn({ dedupe: request => `${seen.push(request)}` })
    await send(rig, receiver)
    await rig.clock.advance('1h')
    await send(rig, receiver)
    const now = rig.clock.now()
    expect(seen.map(({ receivedAt }) => receivedAt)).toEqual([new Date(now - 3_600_000), new Date(now)])
    const address = name === 'fetch' ? undefined : '127.0.0.1'
    expect(seen.map(({ remoteAddress }) => remoteAddress)).toEqual([address, address])
  })

  it('has the URL under which the sender called, whatever stands in between', async () => {
    const seen: RawRequest[] = []
    const rig = await Rig.open()
    const receiver = await rig.spawn({ methods: ['PUT'], verify: request => seen.push(request) > 0 })
    await send(rig, receiver, {
      method: 'PUT',
      path: '/a%20b/?x=1&x=2',
      body: 'text',
      headers: { 'x-signature': 'good' },
    })
    const [request] = seen
    expect(request?.url).toBe(`${PUBLIC_URL}/r/${receiver.token}/a%20b/?x=1&x=2`)
    expect(request?.method).toBe('PUT')
    expect(request?.path).toBe('/a%20b/')
    expect(request?.query.getAll('x')).toEqual(['1', '2'])
    expect(request?.headers.get('X-Signature')).toBe('good')
    expect(new TextDecoder().decode(request?.bytes())).toBe('text')
  })

  it('is the same for every verifier and for dedupe, and what they do to it is not stored', async () => {
    const rig = await Rig.open()
    const texts: string[] = []
    const spoil = (request: RawRequest) => {
      const bytes = request.bytes()
      texts.push(new TextDecoder().decode(bytes))
      bytes.fill(0)
    }
    const receiver = await rig.spawn({
      verify: [request => spoil(request) === null, request => spoil(request) === undefined],
      dedupe: request => {
        spoil(request)
        return 'id'
      },
      schema: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: value => {
            if (value instanceof Uint8Array) value.fill(0)
            return { value }
          },
        },
      },
    })
    const response = await send(rig, receiver, {
      body: 'text',
      headers: { 'content-type': 'application/octet-stream' },
    })
    expect(response.status).toBe(202)
    expect(texts).toEqual(['text', 'text', 'text'])
    const [callback] = await rig.unread(receiver)
    expect(new TextDecoder().decode(callback?.body)).toBe('text')
  })

  it('is made under the public URL also when that ends with a slash', async () => {
    const seen: string[] = []
    const rig = await Rig.open({}, undefined, `${PUBLIC_URL}/`)
    const receiver = await rig.spawn({ verify: request => seen.push(request.url) > 0 })
    await send(rig, receiver)
    expect(seen).toEqual([`${PUBLIC_URL}/r/${receiver.token}`])
  })
})

describe('a computed answer', () => {
  it('cannot change the bytes that are stored', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      respond: ({ data }) => {
        if (data instanceof Uint8Array) data.fill(0)
        return { body: 'ok' }
      },
    })
    const { accept } = rig.session
    let stored: Uint8Array = new Uint8Array()
    rig.faults.accept = input => {
      stored = input.body
      return accept(input)
    }
    await rig.request(receiver, { body: 'text', headers: { 'content-type': 'application/octet-stream' } })
    expect(new TextDecoder().decode(stored)).toBe('text')
  })
})

describe('a header', () => {
  const raw = ['X-A', '1', 'Content-Type', 'text/plain', 'x-a', '2', 'x-b', '']

  it('is found under any case, and joined where it is repeated, as Headers does', () => {
    for (const name of ['x-a', 'content-type', 'x-b']) {
      const headers = new Headers()
      for (let index = 0; index < raw.length; index += 2)
        headers.append(raw[index] ?? '', raw[index + 1] ?? '')
      expect(headerOf(raw, name)).toBe(headers.get(name))
    }
    expect(headerOf(raw, 'x-c')).toBeUndefined()
  })
})
