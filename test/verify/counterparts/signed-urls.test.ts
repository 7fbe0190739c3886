import fc from 'fast-check'
import twilioSdk from 'twilio'
import { describe, expect, it } from 'vitest'
import { twilio } from '../../../src/verify/twilio.js'
import { passes, RUNS, refuses, texts, urls } from '../support/counterparts.js'
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
