import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, VerificationError } from '../../src/errors.js'
import type { Handshake } from '../../src/model/code.js'
import type { RawRequest } from '../../src/model/received.js'
import { PUBLIC_URL, Rig, toJsonInit, transports } from './support/rig.js'

/** A question by `?ask`, whatever the method; by `?ask=no` of somebody who has not shown who it is, by `?ask=broken` one too many. */
const handshake: Handshake = ({ query }) => {
  if (query.get('ask') === 'broken') throw new Error('who are you?')
  if (query.get('ask') === 'no') throw new VerificationError('test: not signed')
  return query.has('ask') ? { body: `echo of ${query.get('ask')}` } : undefined
}

/** What JavaScript lets through. */
const untyped = <T>(value: unknown) => value as T

const callbackMethods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return (await response.json()) as { type: string; detail?: string }
}

describe.each(transports)('a question, by $name', ({ send }) => {
  it('is answered by GET, OPTIONS and every method of callbacks, and nothing is stored', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ handshake, methods: [...callbackMethods] })
    for (const method of ['GET', 'OPTIONS', ...callbackMethods]) {
      const answer = await send(rig, receiver, { method, path: '?ask=1' })
      expect([method, answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
        method,
        200,
        'text/plain;charset=utf-8',
        'echo of 1',
      ])
    }
    expect(await rig.unread(receiver)).toEqual([])
    expect(rig.commands).not.toContain('accept')
    expect(new Set(rig.observed.map(({ type }) => type))).toEqual(new Set(['handshake.answered']))
    expect(rig.observed[0]).toEqual({
      type: 'handshake.answered',
      at: new Date(rig.clock.now()),
      receiverId: receiver.id,
      status: 200,
    })
    expect(rig.logsOf('debug')).toHaveLength(6)
    expect(rig.logsOf('debug')[0]?.facts).toEqual({ receiverId: receiver.id, status: 200 })
  })

  it('is none by HEAD, nor where the handshake says so: what would have come is what comes', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ handshake, page: () => new Response('a page') })
    expect((await send(rig, receiver, { method: 'HEAD', path: '?ask=1' })).headers.get('content-type')).toBe(
      'text/plain;charset=UTF-8',
    )
    expect(await (await send(rig, receiver, { method: 'GET' })).text()).toBe('a page')
    expect((await send(rig, receiver, toJsonInit({}))).status).toBe(202)
    expect(await rig.unread(receiver)).toHaveLength(1)
    expect(rig.observed.map(({ type }) => type)).toEqual(['callback.accepted'])
  })

  it('that nobody asked is 405, and Allow names what is taken, not what may be asked by', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ handshake })
    for (const method of ['GET', 'OPTIONS', 'HEAD', 'PUT']) {
      const answer = await send(rig, receiver, { method, ...(method === 'PUT' ? { path: '?ask=1' } : {}) })
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'POST'])
    }
  })

  it('by GET comes before the verifiers; a GET that is none is verified, and is a callback where it was asked for', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      handshake,
      methods: ['GET'],
      verify: ({ query }) => query.has('signed'),
    })
    const status = async (path: string) => (await send(rig, receiver, { method: 'GET', path })).status
    expect([await status('?ask=1'), await status(''), await status('?signed')]).toEqual([200, 401, 202])
    expect(await rig.unread(receiver)).toMatchObject([{ query: 'signed' }])
  })

  it('by POST comes after size and signature, and before duplicate and content', async () => {
    const rig = await Rig.open()
    const order: string[] = []
    const receiver = await rig.spawn({
      maxBodyBytes: 10,
      verify: ({ headers }) => {
        order.push('verify')
        return headers.has('signature')
      },
      handshake: request => {
        order.push('handshake')
        return handshake(request)
      },
      dedupe: () => {
        order.push('dedupe')
        return 'always the same'
      },
    })
    const signature = { signature: 'ours' }
    const first = await send(rig, receiver, toJsonInit({}, signature))
    const unsigned = await send(rig, receiver, { path: '?ask=1', ...toJsonInit({}) })
    const large = await send(rig, receiver, { path: '?ask=1', body: 'x'.repeat(11), headers: signature })
    const malformed = await send(rig, receiver, {
      path: '?ask=1',
      body: '{',
      headers: { ...signature, 'content-type': 'application/json' },
    })
    expect([first.status, unsigned.status, large.status, malformed.status]).toEqual([202, 401, 413, 200])
    expect(order).toEqual(['verify', 'handshake', 'dedupe', 'verify', 'verify', 'handshake'])
  })

  it('sees the request as it came, by GET without its body', async () => {
    const rig = await Rig.open()
    const seen: RawRequest[] = []
    const receiver = await rig.spawn({
      handshake: request => {
        seen.push(request)
        return {}
      },
    })
    await send(rig, receiver, { method: 'OPTIONS', path: '/x?a=1', headers: { 'x-a': 'b' } })
    await send(rig, receiver, { path: '/y', body: 'text' })
    const [options, post] = seen
    expect(options).toMatchObject({ method: 'OPTIONS', path: '/x', receivedAt: new Date(rig.clock.now()) })
    expect(options?.url).toBe(`${PUBLIC_URL}/r/${receiver.token}/x?a=1`)
    expect([options?.query.get('a'), options?.headers.get('x-a'), options?.bytes()]).toEqual([
      '1',
      'b',
      new Uint8Array(),
    ])
    expect([post?.method, post?.path, Buffer.from(post?.bytes() ?? []).toString()]).toEqual([
      'POST',
      '/y',
      'text',
    ])
  })

  it('of somebody who has not shown who it is reads 401 without a reason; the operator is told', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ handshake })
    for (const method of ['GET', 'OPTIONS', 'POST']) {
      const answer = await send(rig, receiver, { method, path: '?ask=no' })
      expect([method, answer.status]).toEqual([method, 401])
      const problem = await problemOf(answer)
      expect(problem).toMatchObject({ type: 'urn:longline:problem:signature-refused' })
      expect(problem.detail).toBeUndefined()
    }
    expect(rig.logsOf('warn').map(({ facts }) => facts)).toEqual(
      Array.from({ length: 3 }, () => ({ receiverId: receiver.id, reason: 'test: not signed' })),
    )
    expect(rig.observed.map(({ type, status }) => [type, status])).toEqual(
      Array.from({ length: 3 }, () => ['callback.refused', 401]),
    )
    expect(await rig.unread(receiver)).toEqual([])
  })

  it.each<readonly [string, Handshake]>([
    [
      'that throws',
      () => {
        throw new Error('a bug')
      },
    ],
    ['that rejects', () => Promise.reject(new TypeError('a bug'))],
    ['that answers what cannot be sent', () => ({ status: 99 })],
    ['that answers null', () => untyped(null)],
    ['that answers what cannot be sent, later', async () => ({ status: 204, body: 'a body' })],
  ])('put to a handshake %s reads 500, and nothing is stored', async (_, broken) => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ handshake: broken })
    for (const method of ['GET', 'POST']) {
      const answer = await send(rig, receiver, { method })
      expect([method, answer.status]).toEqual([method, 500])
    }
    expect(rig.logsOf('error')).toMatchObject(
      Array.from({ length: 2 }, () => ({
        facts: { receiverId: receiver.id },
        message: 'handshake threw; the sender reads 500',
      })),
    )
    expect(await rig.unread(receiver)).toEqual([])
  })

  it('reads what a Response says, with its status and every header', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      handshake: async () => new Response('no', { status: 404, headers: { 'x-a': 'b' } }),
    })
    for (const method of ['GET', 'OPTIONS', 'POST']) {
      const answer = await send(rig, receiver, { method })
      expect([answer.status, answer.headers.get('x-a'), await answer.text()]).toEqual([404, 'b', 'no'])
    }
    expect(rig.observed.map(({ type, status }) => [type, status])).toEqual(
      Array.from({ length: 3 }, () => ['handshake.answered', 404]),
    )
  })

  it('put to a closed receiver reads 410, also where it was open a moment ago; what is none reads what it would', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ key: 'k', handshake, page: ({ state }) => new Response(state) })
    expect((await send(rig, receiver, { method: 'GET', path: '?ask=1' })).status).toBe(200)
    await rig.close(receiver)
    for (const method of ['GET', 'OPTIONS', 'POST']) {
      for (const path of ['?ask=1', '?ask=no', '?ask=broken']) {
        const answer = await send(rig, receiver, { method, path })
        expect([method, path, answer.status]).toEqual([method, path, 410])
      }
    }
    expect(await (await send(rig, receiver, { method: 'GET' })).text()).toBe('closed')
    expect(rig.observed.map(({ type, status }) => [type, status])).toEqual([
      ['handshake.answered', 200],
      ...Array.from({ length: 9 }, () => ['callback.refused', 410]),
    ])
    expect([...rig.logsOf('warn'), ...rig.logsOf('error')]).toEqual([])
  })

  it('put to an expired receiver reads 410', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ key: 'k', handshake, ttl: '1h' })
    expect((await send(rig, receiver, { method: 'GET', path: '?ask=1' })).status).toBe(200)
    await rig.clock.advance('1h')
    expect((await send(rig, receiver, { method: 'GET', path: '?ask=1' })).status).toBe(410)
  })

  it('put to a receiver whose code is not loaded reads 503, until it is', async () => {
    const rig = await Rig.open()
    const own = await rig.spawn({ key: 'own', handshake })
    rig.sources.declare('shop', { handshake })
    const sourced = await rig.spawn({ key: 'sourced', from: { name: 'shop' } })

    const next = rig.another()
    const status = async (method: string) =>
      await Promise.all(
        [own, sourced].map(
          async ({ token }) => (await send(next, { token }, { method, path: '?ask=1' })).status,
        ),
      )
    expect([await status('GET'), await status('POST')]).toEqual([
      [503, 503],
      [503, 503],
    ])
    next.sources.declare('shop', { handshake })
    expect(await status('GET')).toEqual([503, 200])
    await next.spawn({ key: 'own', handshake })
    expect(await status('GET')).toEqual([200, 200])
  })
})

it('is put to the handshake that holds now, also where settings were remembered', async () => {
  const rig = await Rig.open()
  rig.sources.declare('shop', { handshake: () => ({ body: 'of the source' }) })
  const receiver = await rig.spawn({ key: 'k', from: { name: 'shop' } })
  const ask = async () => (await rig.request(receiver, { method: 'GET' })).text()
  expect(await ask()).toBe('of the source')
  rig.sources.declare('shop', { handshake: () => ({ body: 'of the source, declared again' }) })
  expect(await ask()).toBe('of the source, declared again')
  await rig.spawn({ key: 'k', handshake: () => ({ body: 'its own' }) })
  expect(await ask()).toBe('its own')
})

it('that takes longer than 10 s reads 503', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ handshake: () => new Promise(() => {}) })
  for (const method of ['GET', 'POST']) {
    const asking = rig.request(receiver, { method })
    await rig.clock.settle()
    await rig.clock.advance('10s')
    const answer = await asking
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true])
  }
  expect(rig.logsOf('error').map(({ message }) => message)).toEqual(
    Array.from({ length: 2 }, () => 'handshake took too long; the sender reads 503'),
  )
  expect(rig.clock.timers).toBe(0)
})

it('by GET leaves the body where it is', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ handshake })
  let pulls = 0
  const pull = (controller: ReadableStreamDefaultController) => {
    pulls++
    controller.close()
  }
  const body = new ReadableStream({ pull }, { highWaterMark: 0 })
  const request = new Request(`${PUBLIC_URL}/r/${receiver.token}?ask=1`, {
    method: 'OPTIONS',
    body,
    duplex: 'half',
  } as RequestInit)
  expect((await rig.intake.fetch(request)).status).toBe(200)
  expect(pulls).toBe(0)
})

it('is told where the public URL cannot be found out', async () => {
  const rig = await Rig.open({}, undefined, 'no URL')
  const receiver = await rig.spawn({ handshake })
  expect((await rig.request(receiver, { method: 'GET', path: '?ask=1' })).status).toBe(500)
  expect(rig.logsOf('error')).toMatchObject([{ message: 'publicUrl threw; the sender reads 500' }])
})

it('needs a handshake that is a function', async () => {
  const rig = await Rig.open()
  const declare = () => rig.sources.declare('shop', { handshake: untyped('slack') })
  expect(declare).toThrow(InvalidOptionsError)
  expect(declare).toThrow('handshake must be a function')
})
