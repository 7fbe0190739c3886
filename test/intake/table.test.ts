import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { eventually, Rig, toJsonInit, transports } from './support/rig.js'

const unknown = { token: 'x'.repeat(24) }

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return (await response.json()) as { type: string; title: string; status: number; detail?: string }
}

describe.each(transports)('what a third party sees, by $name', ({ send }) => {
  it('reads 202 and an empty body when its request is stored', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const response = await send(rig, receiver, { path: '/status?x=1', ...toJsonInit({ paid: true }) })
    expect(response.status).toBe(202)
    expect(await response.text()).toBe('')
    const [callback] = await rig.unread(receiver)
    expect(callback).toMatchObject({ seq: 1, method: 'POST', path: '/status', query: 'x=1' })
    expect(Buffer.from(callback?.body ?? []).toString()).toBe('{"paid":true}')
  })

  it('reads the first answer again when it repeats a delivery id, and that it is a repetition', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      respond: { status: 201, headers: { 'x-a': '1' }, body: { ok: true } },
    })
    const init = toJsonInit({ n: 1 }, { 'webhook-id': 'msg_1' })
    const first = await send(rig, receiver, init)
    const second = await send(rig, receiver, init)
    expect([first.status, second.status]).toEqual([201, 201])
    expect(first.headers.get('longline-duplicate')).toBeNull()
    expect(second.headers.get('longline-duplicate')).toBe('true')
    expect(second.headers.get('x-a')).toBe('1')
    expect([await first.text(), await second.text()]).toEqual(['{"ok":true}', '{"ok":true}'])
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it.each([
    ['application/json', '{"a":'],
    ['application/cloudevents+json; charset=utf-8', 'nope'],
    ['multipart/form-data; boundary=x', 'no form'],
    ['multipart/form-data', '--x'],
  ])('reads 400 for a body that is not %s', async (contentType, body) => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const response = await send(rig, receiver, { body, headers: { 'content-type': contentType } })
    expect(response.status).toBe(400)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ type: 'urn:longline:problem:body-malformed', status: 400 })
    expect(problem.detail).not.toContain(body)
    expect(await rig.unread(receiver)).toEqual([])
  })

  it('reads 401 without a reason when its signature does not pass; the reason is for the operator', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      verify: () => {
        throw new Error('the clock is off by 400 s')
      },
    })
    const response = await send(rig, receiver, toJsonInit({ secret: 'body' }, { 'x-signature': 'sig-value' }))
    expect(response.status).toBe(401)
    const problem = await problemOf(response)
    expect(problem).toEqual({
      type: 'urn:longline:problem:signature-refused',
      title: 'The signature is missing or not valid',
      status: 401,
    })
    expect(rig.logsOf('warn')).toMatchObject([
      { facts: { receiverId: receiver.id, reason: 'the clock is off by 400 s' } },
    ])
    const told = JSON.stringify([rig.logged, rig.observed])
    expect(told).not.toMatch(/sig-value|secret/)
    expect(told).not.toContain(receiver.token)
  })

  it('reads 404 for a token that nobody has', async () => {
    const rig = await Rig.open()
    const response = await send(rig, unknown)
    expect(response.status).toBe(404)
    expect(await problemOf(response)).toMatchObject({ type: 'urn:longline:problem:not-found' })
  })

  it('reads 405 with Allow for a method that was not asked for, and nothing is stored', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ methods: ['POST', 'PUT'] })
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'PROPFIND']) {
      const response = await send(rig, receiver, { method })
      expect([method, response.status]).toEqual([method, 405])
      expect(response.headers.get('allow')).toBe('POST, PUT')
    }
    expect(await rig.unread(receiver)).toEqual([])
  })

  it('reads 202 when it is to be answered by hand and nobody does in time', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '3s' })
    const pending = send(rig, receiver, toJsonInit({ n: 1 }))
    await eventually(async () => (await rig.unread(receiver)).length === 1)
    await rig.clock.advance('3s')
    expect((await pending).status).toBe(202)
  })

  it('reads 410 when the receiver was closed or has expired', async () => {
    const rig = await Rig.open()
    const [closed, expired] = [await rig.spawn({ key: 'a' }), await rig.spawn({ key: 'b', ttl: '1m' })]
    expect((await send(rig, expired)).status).toBe(202)
    await rig.close(closed)
    await rig.clock.advance('1m')
    for (const receiver of [closed, expired]) {
      const response = await send(rig, receiver)
      expect(response.status).toBe(410)
      expect(await problemOf(response)).toMatchObject({ type: 'urn:longline:problem:receiver-ended' })
    }
  })

  it('reads 413 for a body over the limit, and 202 for one that just fits', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ maxBodyBytes: 1000 })
    expect((await send(rig, receiver, { body: 'x'.repeat(1000) })).status).toBe(202)
    const response = await send(rig, receiver, { body: 'x'.repeat(1001) })
    expect(response.status).toBe(413)
    expect(await problemOf(response)).toMatchObject({ type: 'urn:longline:problem:body-too-large' })
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('reads 422 with the issues when its data do not fit the schema', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ schema: z.object({ items: z.array(z.object({ id: z.number() })) }) })
    const response = await send(rig, receiver, toJsonInit({ items: [{ id: 'seven' }] }))
    expect(response.status).toBe(422)
    expect(await problemOf(response)).toMatchObject({
      type: 'urn:longline:problem:data-mismatch',
      issues: [{ path: ['items', 0, 'id'], message: expect.stringContaining('number') }],
    })
    expect(await rig.unread(receiver)).toEqual([])
  })

  it('reads where each issue is, whatever the schema calls the way to it, and no endless list', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ schema: v.object({ list: v.array(v.object({ id: v.number() })) }) })
    const list = Array.from({ length: 60 }, () => ({ id: 'x' }))
    const response = await send(rig, receiver, toJsonInit({ list }))
    expect(response.status).toBe(422)
    const { issues } = (await response.json()) as { issues: { path: unknown[] }[] }
    expect(issues).toHaveLength(50)
    expect(issues[7]?.path).toEqual(['list', 7, 'id'])
  })

  it('reads 429 with Retry-After when the mailbox is full, while the one beside it takes more', async () => {
    const rig = await Rig.open()
    const [full, other] = [await rig.spawn({ capacity: 1 }), await rig.spawn()]
    expect((await send(rig, full)).status).toBe(202)
    const response = await send(rig, full)
    expect(response.status).toBe(429)
    expect(response.headers.get('retry-after')).toBe('30')
    expect((await send(rig, other)).status).toBe(202)
  })

  it('reads 503 with Retry-After while the code of the receiver is not loaded', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ key: 'k', from: rig.sources.declare('s', {}), verify: null })
    const inline = await rig.spawn({ key: 'i', verify: () => true })
    const restarted = rig.another()
    for (const one of [receiver, inline]) {
      const response = await send(restarted, one)
      expect(response.status).toBe(503)
      expect(response.headers.get('retry-after')).toBe('5')
    }
    restarted.sources.declare('s', {})
    restarted.sources.attach(inline.id, { verify: [() => true] })
    expect((await send(restarted, receiver)).status).toBe(202)
    expect((await send(restarted, inline)).status).toBe(202)
  })

  it('reads 503 with Retry-After once the server refuses new requests', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    rig.intake.refuse()
    const response = await send(rig, receiver)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect((await send(rig, unknown)).status).toBe(503)
  })

  it('reads a page with GET and HEAD where there is one, also of an ended receiver', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      key: 'orders/berlin',
      page: ({ request, state, key }) =>
        new Response(`${request.method} ${new URL(request.url).pathname} ${state} ${key}`, {
          headers: { 'content-type': 'text/plain' },
        }),
    })
    const path = `/base/r/${receiver.token}/x`
    expect(await (await send(rig, receiver, { method: 'GET', path: '/x' })).text()).toBe(
      `GET ${path} open orders/berlin`,
    )
    await rig.close(receiver)
    const closed = await send(rig, receiver, { method: 'GET', path: '/x' })
    expect(closed.status).toBe(200)
    expect(await closed.text()).toBe(`GET ${path} closed orders/berlin`)
    const head = await send(rig, receiver, { method: 'HEAD' })
    expect([head.status, await head.text(), head.headers.get('content-type')]).toEqual([
      200,
      '',
      'text/plain',
    ])
    const options = await send(rig, receiver, { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([405, 'POST, GET, HEAD'])
    expect(await rig.unread(receiver)).toEqual([])
  })

  it('makes a callback of a GET that was asked for, also beside a page', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ methods: ['GET'], page: () => new Response('page') })
    expect((await send(rig, receiver, { method: 'GET', path: '?ok=1' })).status).toBe(202)
    expect(await (await send(rig, receiver, { method: 'HEAD' })).text()).toBe('')
    expect(await rig.unread(receiver)).toMatchObject([{ method: 'GET', query: 'ok=1' }])
  })

  it('keeps bytes, headers and everything behind the URL as they came', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 256)
    const response = await send(rig, receiver, {
      path: '/a%2Fb//c?x=%20&y',
      body: bytes,
      headers: { 'content-type': 'application/octet-stream', 'x-umlaut': '\u00e4' },
    })
    expect(response.status).toBe(202)
    const [callback] = await rig.unread(receiver)
    expect(callback).toMatchObject({ path: '/a%2Fb//c', query: 'x=%20&y' })
    expect(new Uint8Array(callback?.body ?? [])).toEqual(bytes)
    expect(callback?.headers).toContain('"\u00e4"')
  })

  it('makes two callbacks of two equal bodies without ids', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    for (const body of ['', '', 'same', 'same'])
      expect((await send(rig, receiver, { body })).status).toBe(202)
    expect(await rig.unread(receiver)).toHaveLength(4)
  })
})

it('leaves out the fragment of a URL, which nobody sends', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn()
  expect((await rig.request(receiver, { path: '?x=1#part' })).status).toBe(202)
  expect((await rig.request(receiver, { path: '#part' })).status).toBe(202)
  expect(await rig.unread(receiver)).toMatchObject([
    { path: '', query: 'x=1' },
    { path: '', query: '' },
  ])
})

describe('a path that is not ours', () => {
  it('is answered 404 by fetch', async () => {
    const rig = await Rig.open()
    expect((await rig.intake.fetch(new Request('https://hooks.example.com/health'))).status).toBe(404)
    expect((await rig.intake.fetch(new Request('https://hooks.example.com/r/too-short'))).status).toBe(404)
    expect(rig.commands).not.toContain('findReceiver')
  })
})
