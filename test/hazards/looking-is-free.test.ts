import { expect, it } from 'vitest'
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
