import fc from 'fast-check'
import { WebhooksHelper } from 'square'
import twilioSdk from 'twilio'
import { describe, expect, it } from 'vitest'
import { square } from '../../../src/verify/hmac-providers.js'
import { twilio } from '../../../src/verify/twilio.js'
import {
  accepts,
  base64,
  expectAgreement,
  passes,
  RUNS,
  refuses,
  type Signed,
  secrets,
  texts,
  urls,
} from '../support/counterparts.js'
import { refusalOf } from '../support/refusal.js'
import { toRequest } from '../support/request.js'

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

describe('square', () => {
  const theirs =
    (notificationUrl: string) =>
    ({ body, secret, signature }: Signed) =>
      WebhooksHelper.verifySignature({
        requestBody: body,
        signatureHeader: signature,
        signatureKey: secret,
        notificationUrl,
      })
  const toGiven = ({ body, signature }: Signed, url: string) => ({
    body,
    headers: { 'x-square-hmacsha256-signature': signature },
    url,
  })

  it('passes what its library passes, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(secrets, texts, urls, async (secret, body, url) => {
        fc.pre(!/^(?:sq0|EAAA)/.test(secret) && body !== '')
        const signed = { body, secret, signature: base64(secret, url, body) }
        const ours = (given: Signed) => accepts(square({ secret: given.secret }), toGiven(given, url))
        await expectAgreement(signed, { theirs: theirs(url), ours })

        const elsewhere = `${url}x`
        const verify = square({ secret })
        expect(await theirs(elsewhere)(signed)).toBe(false)
        expect(await accepts(verify, toGiven(signed, elsewhere))).toBe(false)
        // Called there, and registered here.
        const registered = square({ secret, url })
        expect(await accepts(registered, toGiven(signed, elsewhere))).toBe(true)
      }),
      RUNS,
    )
  })

  it('refuses what has no body, of which its library cannot know whether its URL is one', async () => {
    const [secret, url] = ['hunter2', 'https://a.example/r/token?{"event_id":"1"}']
    const signed = { body: '', secret, signature: base64(secret, url) }
    expect(await theirs(url)(signed)).toBe(true)
    const request = await toRequest(toGiven(signed, url))
    expect(await refusalOf(square({ secret }), request)).toMatch(/it is signed, but has no body/)
  })
})
