import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  EndpointRefusedError,
  InvalidOptionsError,
  KeyConflictError,
  ServerClosedError,
} from '../../src/errors.js'
import type { Message } from '../../src/model/message.js'
import { AddressRefusedError } from '../../src/sender/carrier.js'
import { openBench } from './bench.js'

const to = 'https://partner.example/hooks'

describe('send', () => {
  it('resolves when message and delivery are in the store, whether or not anybody sends', async () => {
    const bench = await openBench()
    await bench.sender.finish()
    const delivery = await bench.sender.send(undefined, { to, body: 'x' })
    expect(delivery.id).toMatch(/^dlv_/)
    expect(delivery.messageId).toMatch(/^msg_/)
    expect(await bench.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({ status: 'due' })
  })

  it('with a key sends one message: the second call gets the delivery of the first', async () => {
    await using bench = await openBench()
    const first = await bench.sender.send('order/7', { to, body: 1 })
    const again = await Promise.all([1, 2, 3].map(body => bench.sender.send('order/7', { to, body })))
    for (const { id, messageId } of again) expect([id, messageId]).toEqual([first.id, first.messageId])
    await bench.clock.settle()
    expect(bench.seen.map(({ body }) => body)).toEqual(['1'])
  })

  it('without a key is a new message each time', async () => {
    await using bench = await openBench()
    const [a, b] = [await bench.sender.send(undefined, { to }), await bench.sender.send(undefined, { to })]
    expect(a.messageId).not.toBe(b.messageId)
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(2)
  })

  it('with a key that has a message to another target is a conflict which names both', async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', { url: to })
    await bench.sender.send('order/7', { to: 'app' })
    const conflict = bench.sender.send('order/7', { to: 'https://other.example/' })
    await expect(conflict).rejects.toThrow(KeyConflictError)
    await expect(conflict).rejects.toThrow(
      /'order\/7' has a message to endpoint 'app' already.*https:\/\/other\.example/,
    )
    await expect(conflict).rejects.toMatchObject({ key: 'order/7' })
  })

  it('by a handle goes to its endpoint, with or without a key', async () => {
    await using bench = await openBench()
    const app = bench.sender.endpoint('app', { url: to })
    await app.send({ path: 'a' })
    const keyed = await app.send('k', { path: 'b' })
    expect((await app.send('k', { path: 'c' })).id).toBe(keyed.id)
    await bench.sender.send(undefined, { to: app, path: 'd' })
    await bench.clock.settle()
    expect(bench.seen.map(({ url }) => url)).toEqual([`${to}/a`, `${to}/b`, `${to}/d`])
  })

  it('fixes the bytes: what happens to the body later changes nothing', async () => {
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: number === 1 ? 500 : 200 }),
    })
    const body = Buffer.from('first')
    const fields = { a: 1 }
    await bench.sender.send(undefined, { to, body, after: 1 })
    await bench.sender.send(undefined, { to, body: fields, after: 1 })
    body.write('later')
    fields.a = 2
    await bench.clock.advance('10s')
    expect(bench.seen.map(each => each.body).sort()).toEqual(['first', 'first', '{"a":1}'])
  })

  it.each<[Message['body'], string, string | null]>([
    [{ a: [1, null] }, '{"a":[1,null]}', 'application/json'],
    [null, 'null', 'application/json'],
    [7, '7', 'application/json'],
    ['text ä', 'text ä', 'text/plain;charset=utf-8'],
    [new URLSearchParams({ a: 'b c' }), 'a=b+c', 'application/x-www-form-urlencoded;charset=utf-8'],
    [Buffer.from('raw'), 'raw', null],
    [undefined, '', null],
  ])('sends %j as %j of type %s', async (body, bytes, type) => {
    await using bench = await openBench()
    await bench.sender.send(undefined, { to, ...(body === undefined ? {} : { body }) })
    await bench.clock.settle()
    expect(bench.seen[0]?.body).toBe(bytes)
    expect(bench.seen[0]?.headers.get('content-type')).toBe(type)
  })

  it("lets a message's own headers win over the endpoint's and over what we would say", async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', {
      url: to,
      headers: { 'x-a': 'endpoint', 'x-b': 'endpoint', 'user-agent': 'app/1' },
    })
    await bench.sender.send(undefined, {
      to: 'app',
      body: {},
      headers: { 'X-A': 'message', 'Content-Type': 'application/cloudevents+json' },
    })
    await bench.clock.settle()
    expect(Object.fromEntries(bench.seen[0]?.headers ?? [])).toMatchObject({
      'x-a': 'message',
      'x-b': 'endpoint',
      'user-agent': 'app/1',
      'content-type': 'application/cloudevents+json',
    })
  })

  it.each<[object, RegExp]>([
    [{}, /to must be/],
    [{ to, method: 'GET' }, /method is "GET"/],
    [{ to, method: 'post' }, /method/],
    [{ to, path: '../x' }, /'\.\.'/],
    [{ to, path: ['..'] }, /'\.\.'/],
    [{ to, query: { a: 1 } }, /query/],
    [{ to, headers: { 'webhook-id': 'x' } }, /'webhook-id'/],
    [{ to, headers: { 'Content-Length': '3' } }, /'content-length'/],
    [{ to, headers: { 'transfer-encoding': 'chunked' } }, /'transfer-encoding'/],
    [{ to, headers: { constructor: 'x', host: 'y' } }, /'host'/],
    [{ to, body: () => 'hunter2' }, /cannot be written as JSON/],
    [{ to, type: '' }, /type of a message/],
    [{ to, after: 'soon' }, /after/],
    [{ to, after: new Date(Number.NaN) }, /after/],
    [{ to, data: {} }, /A message has no option 'data'; there are to, method,/],
    [{ to: 'nobody' }, /No endpoint 'nobody'/],
    [{ to: 'https://user:hunter2@x.example/' }, /credentials/],
  ])('refuses %j before anything is stored', async (message, why) => {
    await using bench = await openBench()
    const sent = bench.sender.send('key', message as Message)
    await expect(sent).rejects.toThrow(InvalidOptionsError)
    await expect(sent).rejects.toThrow(why)
    await expect(sent).rejects.not.toThrow(/hunter2/)
    expect((await bench.sender.send('key', { to })).id).toBeDefined()
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(1)
  })

  it('refuses what JSON cannot hold', async () => {
    await using bench = await openBench()
    const circle: { self?: object } = {}
    circle.self = circle
    for (const body of [circle, { n: 1n }]) {
      await expect(bench.sender.send(undefined, { to, body })).rejects.toThrow(/cannot be written as JSON/)
    }
  })

  it('refuses a key that no store can keep, and what is no message', async () => {
    await using bench = await openBench()
    await expect(bench.sender.send('', { to })).rejects.toThrow(InvalidOptionsError)
    await expect(bench.sender.send('a\0', { to })).rejects.toThrow(InvalidOptionsError)
    await expect(bench.sender.send(undefined, undefined as never)).rejects.toThrow(InvalidOptionsError)
  })

  it('says that the message is missing when a key comes alone, or nothing at all', async () => {
    await using bench = await openBench()
    const app = bench.sender.endpoint('app', { url: to })
    await expect(app.send('key' as never)).rejects.toThrow(/message is missing: write send\(key, \{/)
    await expect(bench.sender.send(undefined, 'key' as never)).rejects.toThrow(/message is missing/)
    await expect(app.send('key', undefined as never)).rejects.toThrow(/A message must be an object/)
    await expect(app.send('key', 'text' as never)).rejects.toThrow(/message is missing/)
    await expect(app.send(undefined as never)).rejects.toThrow(/A message must be an object/)
    await expect((app.send as () => Promise<unknown>)()).rejects.toThrow(/A message must be an object/)
    await expect(app.send([] as never)).rejects.toThrow(/A message must be an object/)
    await expect(app.send({ data: 1 } as never)).rejects.toThrow(/no option 'data'/)
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(0)
  })

  it.each([undefined, null, 7, {}])('refuses %j as a key that was given', async key => {
    await using bench = await openBench()
    const app = bench.sender.endpoint('app', { url: to })
    const sent = app.send(key as never, { body: 'x' })
    await expect(sent).rejects.toThrow(InvalidOptionsError)
    await expect(sent).rejects.toThrow(/The key of a message must be a text/)
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(0)
  })

  it('works while a server finishes, and rejects once it is closed', async () => {
    await using bench = await openBench()
    const app = bench.sender.endpoint('app', { url: to })
    await bench.sender.finish()
    expect((await app.send({})).id).toBeDefined()
    await bench.sender.close()
    await expect(app.send({})).rejects.toThrow(ServerClosedError)
  })

  it('sends at once what should have gone earlier', async () => {
    await using bench = await openBench()
    const { id } = await bench.sender.send(undefined, { to, after: new Date(0) })
    expect(await bench.session.findDelivery({ deliveryId: id })).toMatchObject({ dueAt: bench.clock.now() })
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(1)
  })
})

describe('a URL that was accepted once', () => {
  it('is refused at its attempt when the rules have changed since, and that is the end of it', async () => {
    const lenient = await openBench({ options: { allowInsecure: true } })
    await lenient.sender.finish()
    const { id } = await lenient.sender.send('k', { to: 'http://partner.example/' })
    await using strict = await openBench({ store: lenient.store, clock: lenient.clock })
    await strict.clock.advance('1h')
    expect(strict.seen).toHaveLength(0)
    expect(await strict.session.findDelivery({ deliveryId: id })).toMatchObject({
      status: 'dead',
      reason: 'refused',
      attempts: 1,
    })
    const [attempt] = await strict.session.listAttempts({ deliveryId: id })
    expect(attempt?.error).toMatch(/^address refused: .*allowInsecure/)
    await expect(strict.sender.send(undefined, { to: 'http://partner.example/' })).rejects.toThrow(
      EndpointRefusedError,
    )
  })

  it('is refused when its name leads to a private address, and that is the end of it', async () => {
    const refusal = 'partner.example leads to 10.0.0.1, a private address'
    await using bench = await openBench({ world: () => Promise.reject(new AddressRefusedError(refusal)) })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('1h')
    expect(bench.seen).toHaveLength(1)
    expect(await delivery.attempts()).toMatchObject([{ error: `address refused: ${refusal}` }])
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'refused' })
  })
})

describe('in development', () => {
  it('a message reaches a server on this machine, over a socket', async () => {
    const server = createServer((request, response) => {
      request
        .on('data', () => {})
        .on('end', () => response.writeHead(201).end(String(request.headers['webhook-id'])))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await using bench = await openBench({
      publicUrl: 'http://localhost:3000',
      options: { fetch: undefined as never },
    })
    const delivery = await bench.sender.send(undefined, { to: `http://localhost:${port}/x`, body: {} })
    const answer = await delivery.response()
    expect([answer.status, answer.text()]).toEqual([201, delivery.messageId])
    server.close()
  })
})
