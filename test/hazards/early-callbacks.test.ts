import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { openTestServer, recordingLogger } from '../support/server.js'

// The bug: whoever is told the URL calls it before anybody waits, or before the code after `await spawn()` has run, and
// gets a 404, or is accepted and forgotten.

it('a callback that arrives before anybody waits is there for the first wait', async () => {
  await using bench = await openTestServer()
  const receiver = await bench.server.spawn<{ n: number }>('early')
  expect((await bench.post(receiver.url, { n: 1 })).status).toBe(202)
  await bench.clock.advance('1h')

  const callback = await receiver.next({ timeout: 0 })

  expect(callback.data).toEqual({ n: 1 })
})

it('a callback that arrives before the code after spawn has run is accepted', async () => {
  await using bench = await openTestServer()
  const answers: Promise<Response>[] = []
  const spawned = bench.server.spawn('quick').then(receiver => {
    answers.push(bench.post(receiver.url, { quick: true }))
    return receiver
  })
  const receiver = await spawned

  const callback = await receiver.next()

  expect((await answers[0])?.status).toBe(202)
  expect(callback.data).toEqual({ quick: true })
})

it('a third party that answers inside the request that carried the URL is accepted', async () => {
  await using server = await CallbackServer.listen({ port: 0, store: 'memory:', logger: recordingLogger([]) })
  const thirdParty = createServer((request, response) => {
    request.setEncoding('utf8').once('data', async (url: string) => {
      const answer = await fetch(url, { method: 'POST', body: 'done' })
      response.end(String(answer.status))
    })
  }).listen(0, '127.0.0.1')
  await once(thirdParty, 'listening')
  const address = thirdParty.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const receiver = await server.spawn()

  const told = await fetch(`http://127.0.0.1:${address.port}`, { method: 'POST', body: receiver.url })

  expect(await told.text()).toBe('202')
  expect((await receiver.next({ timeout: '5s' })).text()).toBe('done')
  thirdParty.close()
})
