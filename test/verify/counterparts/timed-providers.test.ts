import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { Paddle } from '@paddle/paddle-node-sdk'
import { isValidSlackRequest } from '@slack/bolt'
import fc from 'fast-check'
import Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { linear, paddle, slack, stripe, zoom } from '../../../src/verify/timed-providers.js'
import {
  accepts,
  expectAgreement,
  hex,
  passes,
  RUNS,
  refuses,
  type Signed,
  secrets,
  stopTheClock,
  texts,
} from '../support/counterparts.js'
import { refusalOf } from '../support/refusal.js'
import { NOW, NOW_S, toRequest } from '../support/request.js'
import { askZoomReceiver } from '../support/zoom-receiver.js'

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

/** Slack and Zoom sign in the same way, under names of their own. */
const sign = (secret: string, timestamp: number, body: string) =>
  `v0=${hex(secret, `v0:${timestamp}:`, body)}`

describe('slack', () => {
  const secret = '8f742231b10e8888abcd99yyyzzz85a5'
  const toHeaders = (timestamp: number, signature: string) => ({
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': signature,
  })
  const theirs = ({ body, secret: signingSecret, signature }: Signed, timestamp = NOW_S, at = NOW) =>
    isValidSlackRequest({
      signingSecret,
      body,
      headers: toHeaders(timestamp, signature),
      nowMilliseconds: at,
    })
  const toGiven = ({ body, signature }: Signed, timestamp = NOW_S, at = NOW) => {
    const headers = { ...toHeaders(timestamp, signature), 'x-slack-request-timestamp': String(timestamp) }
    return { body, headers, at }
  }

  it('passes what @slack/bolt passes, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(secrets, texts, async (written, body) => {
        fc.pre(!/^(?:xox|xapp-)/.test(written))
        const signed = { body, secret: written, signature: sign(written, NOW_S, body) }
        const ours = (given: Signed) => accepts(slack({ secret: given.secret }), toGiven(given))
        await expectAgreement(signed, { theirs, ours })
        const later = (given: Signed) => accepts(slack({ secret: given.secret }), toGiven(given, NOW_S + 1))
        expect([theirs(signed, NOW_S + 1), await later(signed)]).toEqual([false, false])
      }),
      RUNS,
    )
  })

  const body = '{"event_id":"Ev1"}'
  const judge = async (timestamp: number, at: number) => {
    const signed = { body, secret, signature: sign(secret, timestamp, body) }
    const request = await toRequest(toGiven(signed, timestamp, at))
    const ours = await Promise.resolve(request)
      .then(slack({ secret }))
      .then(
        () => 'passed',
        error => String(error),
      )
    return { theirs: theirs(signed, timestamp, at), ours }
  }

  it.each([-300, -299, 0, 299, 300])(
    'passes like @slack/bolt what was signed %i s from now',
    async seconds => {
      expect(await judge(NOW_S + seconds, NOW)).toEqual({ theirs: true, ours: 'passed' })
    },
  )

  it('refuses like @slack/bolt what was signed 301 s ago', async () => {
    const verdicts = await judge(NOW_S - 301, NOW)
    expect(verdicts).toEqual({ theirs: false, ours: expect.stringContaining('301 s behind our clock') })
  })

  it('refuses what was signed ahead of our clock, of which @slack/bolt passes all', async () => {
    const verdicts = await judge(NOW_S + 301, NOW)
    expect(verdicts).toEqual({ theirs: true, ours: expect.stringContaining('301 s ahead of our clock') })
    expect((await judge(NOW_S + 10 ** 6, NOW)).theirs).toBe(true)
  })

  it('counts the milliseconds of our clock, which @slack/bolt leaves out', async () => {
    const verdicts = await judge(NOW_S - 300, NOW + 1)
    expect(verdicts).toEqual({ theirs: true, ours: expect.stringContaining('300 s behind our clock') })
  })
})

describe('zoom', () => {
  const secret = 'Jw6OX3z5TmiRPV3nUhLK6Q'
  const toHeaders = (timestamp: number, signature: string) => ({
    'x-zm-request-timestamp': String(timestamp),
    'x-zm-signature': signature,
  })
  const theirs = async ({ body, secret: written, signature }: Signed, timestamp = NOW_S) => {
    const { statusCode } = await askZoomReceiver(written, { body, headers: toHeaders(timestamp, signature) })
    return statusCode === 200
  }
  const ours = ({ body, secret: written, signature }: Signed, timestamp = NOW_S) =>
    accepts(zoom({ secret: written }), { body, headers: toHeaders(timestamp, signature) })
  /** Without white space: theirs signs what it has parsed and written again. */
  const events = fc
    .record({ event: texts, payload: fc.jsonValue({ stringUnit: 'binary' }), event_ts: fc.constant(NOW) })
    .map(event => JSON.stringify(event))
  const signed = (body: string, timestamp = NOW_S) => ({
    body,
    secret,
    signature: sign(secret, timestamp, body),
  })

  it('passes what @zoom/rivet passes, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(secrets, events, async (written, body) => {
        const given = { body, secret: written, signature: sign(written, NOW_S, body) }
        await expectAgreement(given, { theirs, ours })
        expect([await theirs(given, NOW_S + 1), await ours(given, NOW_S + 1)]).toEqual([false, false])
      }),
      RUNS,
    )
  })

  it('looks at the bytes, where @zoom/rivet looks at what it makes of them', async () => {
    const spaced = signed('{"event": "meeting.started"}')
    expect([await theirs(spaced), await ours(spaced)]).toEqual([false, true])
    const rewritten = { ...signed('{"event":"meeting.started"}'), body: spaced.body }
    expect([await theirs(rewritten), await ours(rewritten)]).toEqual([true, false])
  })

  it.each([
    [-300, 'passed'],
    [-301, '301 s behind our clock'],
    [300, 'passed'],
    [301, '301 s ahead of our clock'],
  ])('looks at the time, which @zoom/rivet does not: %i s from now', async (seconds, verdict) => {
    const given = signed('{"event":"meeting.started"}', NOW_S + seconds)
    expect(await theirs(given, NOW_S + seconds)).toBe(true)
    const request = await toRequest({
      body: given.body,
      headers: toHeaders(NOW_S + seconds, given.signature),
    })
    if (verdict === 'passed') expect(zoom({ secret })(request)).toBe(true)
    else expect(await refusalOf(zoom({ secret }), request)).toContain(verdict)
  })
})
