import { createHmac } from 'node:crypto'
import { validateSignature as isSignedByLine } from '@line/bot-sdk'
import { LinearWebhookClient } from '@linear/sdk/webhooks'
import * as octokit from '@octokit/webhooks-methods'
import { Paddle } from '@paddle/paddle-node-sdk'
import fc from 'fast-check'
import OpenAI from 'openai'
import { validateWebhook as isSignedByReplicate } from 'replicate'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilioSdk from 'twilio'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Verify } from '../../../src/model/code.js'
import { github, line } from '../../../src/verify/hmac-providers.js'
import { openai, replicate, standardWebhooks } from '../../../src/verify/standard-webhooks.js'
import { linear, paddle, stripe } from '../../../src/verify/timed-providers.js'
import { twilio } from '../../../src/verify/twilio.js'
import { refusalOf } from '../support/refusal.js'
import { NOW, NOW_S, toRequest } from '../support/request.js'

// The providers' own libraries beside ours. Where they sign, we verify; where they only verify, both are given the same, and
// say the same: of what is signed well, and of what was changed.

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'

// Some of them ask the platform what time it is.
beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
})
afterAll(() => {
  vi.useRealTimers()
})

const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index))
const everyText = everyByte.toString('latin1')

/** For libraries that take a text alone. */
const texts = fc.oneof(
  { arbitrary: fc.string({ unit: 'binary' }), weight: 5 },
  fc.constantFrom('', everyText, '😀\u0000\u2028é', 'é'.repeat(512 * 1_024), JSON.stringify({ id: 'é' })),
)
const bytes = fc.oneof(
  { arbitrary: fc.uint8Array().map(each => Buffer.from(each)), weight: 5 },
  fc.constantFrom(Buffer.alloc(0), everyByte, Buffer.alloc(1_048_576, everyByte)),
)
const secrets = fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => text.trim() === text)

const RUNS = { numRuns: 60 }

type Headers = Readonly<Record<string, string>>

async function passes(verify: Verify, body: string | Uint8Array, headers: Headers, url?: string) {
  const verdict = await verify(await toRequest({ body, headers, ...(url === undefined ? {} : { url }) }))
  expect(verdict === true || typeof verdict === 'object').toBe(true)
}

async function refuses(verify: Verify, body: string | Uint8Array, headers: Headers, url?: string) {
  const request = await toRequest({ body, headers, ...(url === undefined ? {} : { url }) })
  expect(await refusalOf(verify, request)).toMatch(/does not match|written again/)
}

const hex = (secretText: string, ...pieces: (string | Uint8Array)[]) =>
  hmac(secretText, pieces).toString('hex')
const base64 = (secretText: string, ...pieces: (string | Uint8Array)[]) =>
  hmac(secretText, pieces).toString('base64')

function hmac(secretText: string | Uint8Array, pieces: readonly (string | Uint8Array)[]): Buffer {
  const made = createHmac('sha256', secretText)
  for (const piece of pieces) made.update(piece)
  return made.digest()
}

const keysOfStandard = fc.uint8Array({ minLength: 24, maxLength: 64 })
const signing: readonly (readonly [string, string, (written: string, body: string) => Headers])[] = [
  [
    'standardwebhooks',
    'webhook',
    (written, body) => headersOf('webhook', new StandardWebhook(written).sign(id, new Date(NOW), body)),
  ],
  [
    'svix',
    'svix',
    (written, body) => headersOf('svix', new SvixWebhook(written).sign(id, new Date(NOW), body)),
  ],
]

function headersOf(prefix: string, signature: string): Headers {
  return {
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(NOW_S),
    [`${prefix}-signature`]: signature,
  }
}

describe('Standard Webhooks', () => {
  it.each(signing)('%s signs what we verify', async (_, __, sign) => {
    await fc.assert(
      fc.asyncProperty(keysOfStandard, texts, async (bytesOfKey, body) => {
        const written = `whsec_${Buffer.from(bytesOfKey).toString('base64')}`
        await passes(standardWebhooks({ secret: written }), body, sign(written, body))
        await refuses(standardWebhooks({ secret: written }), `${body}x`, sign(written, body))
      }),
      RUNS,
    )
  })

  it('openai and replicate pass what we pass, and nothing else', async () => {
    const client = new OpenAI({ apiKey: 'x' })
    await fc.assert(
      fc.asyncProperty(fc.oneof(secrets, fc.constant(secret)), texts, async (written, body) => {
        fc.pre(!/^(?:whsec_(?!MfKQ)|sk-|whpk_|whsk_)/.test(written))
        const used = written === secret ? key : written
        const content = [`${id}.${NOW_S}.`, body] as const
        const headers = headersOf('webhook', `v1,${hmac(used, content).toString('base64')}`)
        await client.webhooks.verifySignature(body, headers, written)
        await passes(openai({ secret: written }), body, headers)
        await expect(client.webhooks.verifySignature(`${body}x`, headers, written)).rejects.toThrow()
        await refuses(openai({ secret: written }), `${body}x`, headers)
      }),
      RUNS,
    )
    await fc.assert(
      fc.asyncProperty(texts, async body => {
        fc.pre(body !== '')
        const signature = `v1,${hmac(key, [`${id}.${NOW_S}.`, body]).toString('base64')}`
        const given = { id, timestamp: String(NOW_S), signature, secret }
        expect(await isSignedByReplicate({ ...given, body })).toBe(true)
        await passes(replicate({ secret }), body, headersOf('webhook', signature))
        expect(await isSignedByReplicate({ ...given, body: `${body}x` })).toBe(false)
        await refuses(replicate({ secret }), `${body}x`, headersOf('webhook', signature))
      }),
      RUNS,
    )
  })
})

describe('stripe', () => {
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

it('@octokit/webhooks-methods signs what we verify, and passes what is signed by hand', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, texts, async (written, body) => {
      fc.pre(!/^(?:gh[opusr]_|github_pat_)/.test(written) && body !== '')
      const signature = await octokit.sign(written, body)
      expect(signature).toBe(`sha256=${hex(written, body)}`)
      await passes(github({ secret: written }), body, { 'x-hub-signature-256': signature })
      await refuses(github({ secret: written }), `${body}x`, { 'x-hub-signature-256': signature })
      expect(await octokit.verify(written, body, signature)).toBe(true)
    }),
    RUNS,
  )
})

it('@line/bot-sdk passes what we pass, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, bytes, async (written, body) => {
      const signature = base64(written, body)
      expect(isSignedByLine(body, written, signature)).toBe(true)
      await passes(line({ secret: written }), body, { 'x-line-signature': signature })
      const changed = Buffer.concat([body, Buffer.from('x')])
      expect(isSignedByLine(changed, written, signature)).toBe(false)
      await refuses(line({ secret: written }), changed, { 'x-line-signature': signature })
    }),
    RUNS,
  )
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

describe('twilio', () => {
  const written = '12345'
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
  const names = fc.oneof(
    fc.constantFrom('a', 'A', 'B', 'é', '😀', 'Ａ', 'a b', ''),
    fc.string({ unit: 'grapheme' }),
  )
  const fields = fc.array(
    fc.tuple(names, fc.oneof(fc.constantFrom('1', '2', 'é'), fc.string({ unit: 'grapheme' }))),
    {
      maxLength: 12,
    },
  )
  const urls = fc
    .tuple(
      fc.constantFrom('https://a.example', 'http://a.example', 'https://a.example:8443', 'http://[::1]'),
      fc.constantFrom('/r/token', '/', '/a%20b/%C3%A9'),
      fc.constantFrom('', '?', '?a=b&c=%20d', "?q='x"),
    )
    .map(parts => parts.join(''))

  it('signs forms that we verify, and passes what we pass', async () => {
    await fc.assert(
      fc.asyncProperty(urls, fields, fc.boolean(), async (url, entries, sha256) => {
        const body = new URLSearchParams(entries).toString()
        const params = Object.create(null) as Record<string, string[]>
        for (const [name, value] of entries) params[name] = [...(params[name] ?? []), value]
        const algorithm = sha256 ? 'HMAC_SHA256' : 'HMAC_SHA1'
        const signature = twilioSdk.getExpectedTwilioSignature(written, url, params, algorithm)
        const headers = {
          ...FORM,
          'x-twilio-signature': signature,
          ...(sha256 ? { 'x-twilio-webhooks-signature-settings': `key=k,algorithm=${algorithm}` } : {}),
        }
        await passes(twilio({ secret: written }), body, headers, url)
        expect(twilioSdk.validateRequest(written, signature, url, params, algorithm)).toBe(true)
        const more = body === '' ? 'x=y' : `${body}&x%00=y`
        await refuses(twilio({ secret: written }), more, headers, url)
      }),
      { numRuns: 300 },
    )
  })

  it('signs URLs with the hash of a body, which we verify', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async body => {
        const url = `https://a.example/r/token?bodySHA256=${twilioSdk.getExpectedBodyHash(body)}`
        const signature = twilioSdk.getExpectedTwilioSignature(written, url, {})
        const headers = { 'content-type': 'application/json', 'x-twilio-signature': signature }
        await passes(twilio({ secret: written }), body, headers, url)
        expect(twilioSdk.validateRequestWithBody(written, signature, url, body)).toBe(true)
        const request = await toRequest({ body: `${body}x`, headers, url })
        expect(await refusalOf(twilio({ secret: written }), request)).toMatch(/not the one whose hash/)
      }),
      RUNS,
    )
  })
})
