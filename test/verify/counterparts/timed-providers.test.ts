import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { Paddle } from '@paddle/paddle-node-sdk'
import fc from 'fast-check'
import Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { linear, paddle, stripe } from '../../../src/verify/timed-providers.js'
import { hex, passes, RUNS, refuses, stopTheClock, texts } from '../support/counterparts.js'
import { refusalOf } from '../support/refusal.js'
import { NOW, NOW_S, toRequest } from '../support/request.js'

stopTheClock()

describe('stripe', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const { webhooks } = new Stripe('sk_test_x')

  it('signs what we verify', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async payload => {
        const header = webhooks.generateTestHeaderString({ payload, secret, timestamp: NOW_S })
        await passes(stripe({ secret }), payload, { 'stripe-signature': header })
        await refuses(stripe({ secret }), `${payload}x`, { 'stripe-signature': header })
      }),
      RUNS,
    )
  })

  it('passes what we pass, by the same clock', async () => {
    const { signature } = webhooks
    if (signature === null) throw new Error('There is no verifier')
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 0, max: 301 }), async (payload, seconds) => {
        fc.pre(payload !== '')
        const header = `t=${NOW_S},v1=00,v1=${hex(secret, `${NOW_S}.${payload}`)},v0=1`
        const at = NOW + seconds * 1_000
        const theirs = () => signature.verifyHeader(payload, header, secret, 300, undefined, at)
        const request = await toRequest({ body: payload, headers: { 'stripe-signature': header }, at })
        if (seconds <= 300) {
          expect(theirs()).toBe(true)
          expect(stripe({ secret })(request)).toBeTruthy()
        } else {
          expect(theirs).toThrow(/tolerance/)
          expect(await refusalOf(stripe({ secret }), request)).toMatch(/301 s behind/)
        }
      }),
      RUNS,
    )
  })
})

it('@paddle/paddle-node-sdk passes what we pass, and nothing else', async () => {
  const { webhooks } = new Paddle('x')
  const written = 'pdl_ntfset_hunter2'
  await fc.assert(
    fc.asyncProperty(texts, async body => {
      fc.pre(body !== '')
      const header = `ts=${NOW_S};h1=${hex(written, `${NOW_S}:${body}`)}`
      expect(await webhooks.isSignatureValid(body, written, header)).toBe(true)
      await passes(paddle({ secret: written }), body, { 'paddle-signature': header })
      expect(await webhooks.isSignatureValid(`${body}x`, written, header)).toBe(false)
      await refuses(paddle({ secret: written }), `${body}x`, { 'paddle-signature': header })
    }),
    RUNS,
  )
})

it('@linear/sdk passes what we pass, and nothing else', async () => {
  const written = 'lin_wh_hunter2'
  const client = new LinearWebhookClient(written)
  const theirs = (body: string, signature: string, time: number) => {
    try {
      return client.verify(Buffer.from(body), signature, time)
    } catch {
      return false
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.constantFrom(0, -60_000, -60_001), async (data, ms) => {
      const body = `{"data":${data},"webhookTimestamp":${NOW + ms}}`
      const signature = hex(written, body)
      const request = await toRequest({ body, headers: { 'linear-signature': signature } })
      expect(theirs(body, signature, NOW + ms)).toBe(ms >= -60_000)
      if (ms >= -60_000) expect(linear({ secret: written })(request)).toBe(true)
      else expect(await refusalOf(linear({ secret: written }), request)).toMatch(/60 s behind/)
      expect(theirs(`${body}x`, signature, NOW)).toBe(false)
      await refuses(linear({ secret: written }), `${body}x`, { 'linear-signature': signature })
    }),
    RUNS,
  )
})
