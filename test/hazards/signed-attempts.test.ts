import { Webhook } from 'standardwebhooks'
import { expect, it } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { serveHttp, until } from '../support/far-side.js'
import { recordingLogger } from '../support/server.js'

// The bugs: a message that is signed when it is stored, so that its third attempt is too old for whoever verifies it, and
// its secret cannot be replaced while it waits; or one that is put together anew for each attempt, so that a repetition
// has other bytes, or another id, and is handled twice.

const [one, other] = [
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBwYXJ0bmVy',
] as const

interface Seen {
  readonly id: string
  readonly timestamp: number
  readonly signatures: string[]
  readonly body: string
}

it('signatures and timestamps are computed for each attempt; the id and the bytes never change', async () => {
  const seen: Seen[] = []
  await using partner = await serveHttp(async (request, response) => {
    const {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures,
    } = request.headers
    const body = (await request.toArray()).join('')
    seen.push({
      id: String(id),
      timestamp: Number(timestamp),
      signatures: String(signatures).split(' '),
      body,
    })
    response.writeHead(seen.length < 4 ? 503 : 204).end()
  })
  const clock = new ManualClock()
  await using server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    clock,
    logger: recordingLogger([]),
  })
  const declare = (secret: string | readonly string[]) =>
    server.endpoint('partner', { url: partner.url, secret, retry: ['1h', '1h', '1h'], timeout: '1d' })
  declare(one)
  const delivery = await server.send({ to: 'partner', body: { dish: 'r\u00e4men', at: clock.now() } })

  // One secret is replaced by the other while the message waits.
  const current = [[one], [one, other], [other], [other]] as const
  for (const [index, secrets] of current.entries()) {
    await until(async () => {
      if (seen.length === index && index > 0) await clock.advance('10m') // and stands still while an attempt is under way
      return (await delivery.attempts()).length > index
    })
    const { id = '', timestamp = 0, signatures = [], body = '' } = seen[index] ?? {}
    const expected = secrets.map(secret => new Webhook(secret).sign(id, new Date(timestamp * 1_000), body))
    expect(signatures).toEqual(expected)
    declare(current[index + 1] ?? other)
  }

  expect(await delivery.done()).toBe('delivered')
  expect(seen).toHaveLength(4)
  expect(new Set(seen.map(({ timestamp }) => timestamp)).size).toBe(4)
  const attempts = await delivery.attempts()
  expect(seen.map(({ timestamp }) => timestamp)).toEqual(
    attempts.map(({ at }) => Math.floor(at.getTime() / 1_000)),
  )
  expect(new Set(seen.map(({ id }) => id))).toEqual(new Set([delivery.messageId]))
  expect(new Set(seen.map(({ body }) => body)).size).toBe(1)
})
