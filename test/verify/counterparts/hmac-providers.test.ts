import { validateSignature as isSignedByLine } from '@line/bot-sdk'
import * as octokit from '@octokit/webhooks-methods'
import '@shopify/shopify-api/adapters/web-api'
import { ApiVersion, shopifyApi } from '@shopify/shopify-api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WhatsAppAPI } from 'whatsapp-api-js'
import { github, line, meta, shopify } from '../../../src/verify/hmac-providers.js'
import {
  accepts,
  base64,
  bytes,
  expectAgreement,
  hex,
  passes,
  RUNS,
  refuses,
  type Signed,
  secrets,
  texts,
} from '../support/counterparts.js'
import { refusalOf } from '../support/refusal.js'
import { toRequest } from '../support/request.js'

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

describe('shopify', () => {
  const deliveryId = 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043'
  const toHeaders = (prefix: string, signature: string) => ({
    [`${prefix}-hmac-sha256`]: signature,
    [`${prefix}-webhook-id`]: deliveryId,
    [`${prefix}-event-id`]: '98880550-7158-44d4-b7cd-2c97c8a091b5',
    [`${prefix}-topic`]: 'orders/create',
    [`${prefix}-shop-domain`]: 'a.myshopify.com',
    [`${prefix}-api-version`]: '2026-07',
  })
  const validate = ({ body, secret, signature }: Signed, prefix: string) => {
    const logger = { log: () => {} }
    const app = { hostName: 'a.example', apiVersion: ApiVersion.July26, isEmbeddedApp: false, logger }
    const { webhooks } = shopifyApi({ ...app, apiKey: 'x', apiSecretKey: secret })
    const rawRequest = new Request('https://a.example/', {
      method: 'POST',
      headers: toHeaders(prefix, signature),
    })
    return webhooks.validate({ rawBody: body, rawRequest })
  }

  it.each([
    ['webhook', 'x-shopify'],
    ['event', 'shopify'],
  ])('passes each %s that @shopify/shopify-api passes, and nothing else', async (_, prefix) => {
    const theirs = async (given: Signed) => (await validate(given, prefix)).valid
    const ours = ({ body, secret, signature }: Signed) =>
      accepts(shopify({ secret }), { body, headers: toHeaders(prefix, signature) })
    await fc.assert(
      fc.asyncProperty(secrets, texts, async (secret, body) => {
        fc.pre(!/^shp/.test(secret) && body !== '')
        await expectAgreement({ body, secret, signature: base64(secret, body) }, { theirs, ours })
      }),
      RUNS,
    )
  })

  it.each([
    ['webhook', 'x-shopify'],
    ['event', 'shopify'],
  ])('tells a repeated %s by the same id as @shopify/shopify-api', async (_, prefix) => {
    const given = { body: '{}', secret: 'shpss_hunter2', signature: base64('shpss_hunter2', '{}') }
    expect(await validate(given, prefix)).toMatchObject({ valid: true, webhookId: deliveryId })
    const request = await toRequest({ body: given.body, headers: toHeaders(prefix, given.signature) })
    expect(shopify({ secret: given.secret })(request)).toEqual({ deliveryId })
  })

  it('passes a body that is empty and signed, which @shopify/shopify-api does not', async () => {
    const given = { body: '', secret: 'shpss_hunter2', signature: base64('shpss_hunter2', '') }
    expect(await validate(given, 'x-shopify')).toMatchObject({ valid: false, reason: 'missing_body' })
    await passes(shopify({ secret: given.secret }), '', toHeaders('x-shopify', given.signature))
  })
})

describe('meta', () => {
  const theirs = ({ body, secret, signature }: Signed) =>
    new WhatsAppAPI({ token: 'x', appSecret: secret, v: 'v24.0' }).verifyRequestSignature(body, signature)
  const ours = ({ body, secret, signature }: Signed) =>
    accepts(meta({ secret }), { body, headers: { 'x-hub-signature-256': signature } })

  it('passes what whatsapp-api-js passes, and nothing else', async () => {
    // As Meta sends them: nothing but ASCII.
    const bodies = fc.oneof(
      fc.string({ unit: 'binary-ascii' }).filter(body => !body.includes('\u007f')),
      fc.constantFrom('', '{"text":"\\u00e4\\ud83d\\ude00"}', '{"text":"\\u00e4"}'.repeat(50_000)),
    )
    await fc.assert(
      fc.asyncProperty(secrets, bodies, async (secret, body) => {
        fc.pre(!secret.startsWith('EAA'))
        const signature = `sha256=${hex(secret, body)}`
        await expectAgreement({ body, secret, signature }, { theirs, ours })
      }),
      RUNS,
    )
  })

  it('looks at the bytes, where whatsapp-api-js escapes what is not', async () => {
    const secret = '9b0e4b2c5f0d4e3a8c1d2e3f4a5b6c7d'
    const unescaped = {
      body: '{"text":"ä"}',
      secret,
      signature: `sha256=${hex(secret, '{"text":"\\u00e4"}')}`,
    }
    expect([await theirs(unescaped), await ours(unescaped)]).toEqual([true, false])
    const request = await toRequest({
      body: unescaped.body,
      headers: { 'x-hub-signature-256': unescaped.signature },
    })
    expect(await refusalOf(meta({ secret }), request)).toContain('without white space, and ASCII only')
    const signature = `sha256=${hex(secret, unescaped.body)}`
    expect([await theirs({ ...unescaped, signature }), await ours({ ...unescaped, signature })]).toEqual([
      false,
      true,
    ])
  })
})
