import { createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Observation } from '../../src/index.js'
import type { ProviderHandshake } from '../../src/verify/handshakes/answer.js'
import { handshakes } from '../../src/verify/handshakes.js'
import { openTestServer } from '../support/server.js'

// The bug: a link preview, a virus scanner or a preflight opens the URL and is taken for the answer of the world.

it('GET, HEAD, OPTIONS, link previews and preflights consume nothing', async () => {
  await using bench = await openTestServer()
  const { server } = bench
  const receiver = await server.spawn('link')
  const paged = await server.spawn('page', { page: () => new Response('thank you') })
  const preflight = { origin: 'https://shop.example', 'access-control-request-method': 'POST' }
  const ask = (url: string, method: string, headers = {}) =>
    server.fetch(new Request(url, { method, headers }))

  const answers = await Promise.all([
    ask(receiver.url, 'GET'),
    ask(receiver.url, 'HEAD'),
    ask(receiver.url, 'OPTIONS', preflight),
    ask(receiver.url, 'PUT'),
  ])
  const pages = [
    await ask(paged.url, 'GET'),
    await ask(paged.url, 'HEAD'),
    await ask(paged.url, 'OPTIONS', preflight),
  ]

  expect(answers.map(answer => [answer.status, answer.headers.get('allow')])).toEqual(
    Array.from({ length: 4 }, () => [405, 'POST']),
  )
  expect([pages[0]?.status, await pages[0]?.text(), pages[1]?.status, await pages[1]?.text()]).toEqual([
    200,
    'thank you',
    200,
    '',
  ])
  expect([await receiver.close(), await paged.close()]).toEqual([[], []])
})

it('GET is a callback only where it was asked for', async () => {
  await using bench = await openTestServer()
  const receiver = await bench.server.spawn('confirm', { methods: ['GET'] })

  const answer = await bench.server.fetch(new Request(`${receiver.url}?ok=1`))

  expect(answer.status).toBe(202)
  expect((await receiver.next({ timeout: 0 })).query.get('ok')).toBe('1')
})

/** As the providers ask, at an instant. */
const questions: readonly (readonly [
  name: string,
  handshake: ProviderHandshake,
  ask: (url: string, at: number) => Request,
  answer: string,
])[] = [
  [
    'slack',
    handshakes.slack({ secret: 'secret' }),
    (url, at) => signed(url, at, { type: 'url_verification', challenge: 'a challenge' }, 'x-slack'),
    'a challenge',
  ],
  [
    'zoom',
    handshakes.zoom({ secret: 'secret' }),
    (url, at) =>
      signed(url, at, { event: 'endpoint.url_validation', payload: { plainToken: 'token' } }, 'x-zm'),
    JSON.stringify({
      plainToken: 'token',
      encryptedToken: createHmac('sha256', 'secret').update('token').digest('hex'),
    }),
  ],
  [
    'meta',
    handshakes.meta({ verifyToken: 'token' }),
    url => new Request(`${url}?hub.mode=subscribe&hub.verify_token=token&hub.challenge=a+challenge`),
    'a challenge',
  ],
  [
    'webSub',
    handshakes.webSub({ topics: 'https://blog.example' }),
    url => new Request(`${url}?hub.mode=subscribe&hub.topic=https://blog.example&hub.challenge=a+challenge`),
    'a challenge',
  ],
  [
    'x',
    handshakes.x({ secret: 'secret' }),
    url => new Request(`${url}?crc_token=token`),
    JSON.stringify({
      response_token: `sha256=${createHmac('sha256', 'secret').update('token').digest('base64')}`,
    }),
  ],
  [
    'cloudEvents',
    handshakes.cloudEvents({ origins: 'a.example' }),
    url => new Request(url, { method: 'OPTIONS', headers: { 'webhook-request-origin': 'a.example' } }),
    '',
  ],
]

function signed(url: string, at: number, body: object, prefix: string): Request {
  const [text, seconds] = [JSON.stringify(body), Math.floor(at / 1_000)]
  const signature = createHmac('sha256', 'secret').update(`v0:${seconds}:${text}`).digest('hex')
  const headers = {
    'content-type': 'application/json',
    [`${prefix}-request-timestamp`]: String(seconds),
    [`${prefix}-signature`]: `v0=${signature}`,
  }
  return new Request(url, { method: 'POST', body: text, headers })
}

it.each(questions)(
  'what %s asks is answered, and consumes nothing: no place, no number, no delivery id',
  async (...question) => {
    const [name, handshake, toQuestion, answer] = question
    const observed: Observation[] = []
    await using bench = await openTestServer({ observe: event => void observed.push(event) })
    const { server, clock } = bench
    const receiver = await server.spawn('orders', { from: server.source(name, { handshake }), capacity: 1 })
    const ask = async () => {
      const request = toQuestion(receiver.url, clock.now())
      request.headers.set('webhook-id', 'msg_1')
      return await server.fetch(request)
    }

    const answers = [await ask(), await ask()]
    const callback = await bench.post(receiver.url, {}, { 'webhook-id': 'msg_1' })
    answers.push(await ask()) // full, and with a delivery id that is known

    for (const { status, headers } of answers)
      expect([status, headers.has('longline-duplicate')]).toEqual([200, false])
    expect(await Promise.all(answers.map(each => each.text()))).toEqual([answer, answer, answer])
    expect([callback.status, callback.headers.has('longline-duplicate')]).toEqual([202, false])
    expect(observed.map(({ type, seq }) => [type, seq])).toEqual([
      ['handshake.answered', undefined],
      ['handshake.answered', undefined],
      ['callback.accepted', 1],
      ['handshake.answered', undefined],
    ])
    expect(await receiver.close()).toHaveLength(1)
  },
)
