import fc from 'fast-check'
import OpenAI from 'openai'
import { validateWebhook as isSignedByReplicate } from 'replicate'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { expect, it } from 'vitest'
import { openai, replicate, standardWebhooks } from '../../../src/verify/standard-webhooks.js'
import {
  type Headers,
  hmac,
  passes,
  RUNS,
  refuses,
  secrets,
  stopTheClock,
  texts,
} from '../support/counterparts.js'
import { NOW, NOW_S } from '../support/request.js'

stopTheClock()

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'

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
