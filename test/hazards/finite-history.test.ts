import { expect, it } from 'vitest'
import { openBench } from '../../src/testing/testing.js'
import { collect, recordingLogger } from '../support/server.js'

// The bug: a table of attempts, bodies and answers that nobody ever empties, until the disk is full.

const logger = recordingLogger([])

it('history does not grow without bound: callbacks, attempts and bodies each have a finite default retention', async () => {
  const big = 'x'.repeat(10_000)
  await using bench = await openBench({ logger, world: () => new Response(big) }, server => {
    server.endpoint('app', { url: 'https://app.example' })
    return server.spawn('orders')
  })
  const { server } = bench
  await server.subscriptions.put({ topic: 't', url: 'https://shop.example', callback: 'app' })
  const sent = await server.send('k', { to: 'app', body: big })
  const published = await server.publish('k', { topic: 't', body: big })
  await bench.post(bench.declared.url, { id: 7 })
  await (await bench.declared.next()).ack()
  await bench.settle()
  const all = async () => ({
    deliveries: await collect(server.deliveries.list()),
    attempts: await collect(server.deliveries.attempts()),
  })
  expect((await all()).deliveries).toHaveLength(3)
  expect((await all()).attempts.map(({ answer }) => answer?.text().length)).toEqual([10_000, 10_000, 10_000])

  // After a week the bodies are gone, and what happened is still there.
  await bench.advance('8d')
  const stripped = await all()
  expect(stripped.deliveries).toHaveLength(3)
  expect(stripped.attempts).toHaveLength(3)
  expect(stripped.attempts.map(({ answer }) => answer?.text() ?? '')).toEqual(['', '', ''])
  await expect(server.deliveries.redeliver(sent.id)).rejects.toThrow(/body .* is not kept any more/)
  expect((await server.publish('k', { topic: 't', body: big })).messageId).toBe(published.messageId)

  // After a month nothing is, and the keys are free.
  await bench.advance('23d')
  expect(await all()).toEqual({ deliveries: [], attempts: [] })
  expect(await collect(published.deliveries())).toEqual([])
  expect((await server.publish('k', { topic: 't' })).messageId).not.toBe(published.messageId)
  expect((await server.send('k', { to: 'app' })).id).not.toBe(sent.id)
})

it('a body is kept for as long as it may still be sent, however long that is', async () => {
  let isUp = false
  await using bench = await openBench(
    { logger, world: () => new Response(null, { status: isUp ? 204 : 500 }) },
    server => server.endpoint('app', { url: 'https://app.example' }),
  )
  await bench.server.subscriptions.put({ topic: 't', url: 'https://shop.example' })
  const { id } = await bench.server.subscriptions.put({ topic: 't', url: 'https://late.example' })
  await bench.server.subscriptions.pause(id)
  await bench.server.publish({ topic: 't', body: 'kept' })
  await bench.advance('20d')
  isUp = true
  await bench.server.subscriptions.resume(id)
  await bench.advance('1m')
  const late = bench.sent.filter(({ url }) => url.includes('late'))
  expect(await Promise.all(late.map(request => request.text()))).toEqual(['kept'])
})
