import { WebPubSubEventHandler } from '@azure/web-pubsub-express'
import { AwsLambdaReceiver, LogLevel } from '@slack/bolt'
import express from 'express'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WhatsAppAPI } from 'whatsapp-api-js'
import { VerificationError } from '../../../src/errors.js'
import type { ProviderHandshake } from '../../../src/verify/handshakes/answer.js'
import { handshakes } from '../../../src/verify/handshakes.js'
import { serveHttp } from '../../support/far-side.js'
import { type Headers, hex, RUNS, secrets, stopTheClock } from '../support/counterparts.js'
import { type Given, NOW_S, toRequest } from '../support/request.js'
import { askZoomReceiver } from '../support/zoom-receiver.js'

stopTheClock()

/** What we answer; `'refused'` to somebody else, and nothing to what is no question. */
async function ask(handshake: ProviderHandshake, given: Given): Promise<string | undefined> {
  const request = await toRequest(given)
  try {
    const answer = await handshake(request)
    return await answer?.text()
  } catch (error) {
    if (error instanceof VerificationError) return 'refused'
    throw error
  }
}

/** What is read back to whoever asks is a kilobyte at the most. */
const challenges = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 })

const toSigned = (prefix: string, secret: string, body: string) => ({
  body,
  headers: {
    'content-type': 'application/json',
    [`${prefix}-request-timestamp`]: String(NOW_S),
    [`${prefix}-signature`]: `v0=${hex(secret, `v0:${NOW_S}:`, body)}`,
  },
})

describe('slack', () => {
  async function askBolt(
    signingSecret: string,
    request: { readonly body: string; readonly headers: Headers },
  ) {
    const receiver = new AwsLambdaReceiver({ signingSecret, logLevel: LogLevel.ERROR })
    const event = { rawPath: '/', rawQueryString: '', routeKey: 'POST /', version: '2.0', requestContext: {} }
    return await receiver.toHandler()({ ...event, ...request, isBase64Encoded: false }, {})
  }

  it('reads the challenge that @slack/bolt answers, whoever signs it', async () => {
    await fc.assert(
      fc.asyncProperty(secrets, challenges, async (secret, challenge) => {
        const question = toSigned('x-slack', secret, JSON.stringify({ type: 'url_verification', challenge }))
        const theirs = await askBolt(secret, question)
        expect(theirs.statusCode).toBe(200)
        expect(await ask(handshakes.slack({ secret }), question)).toBe(JSON.parse(theirs.body).challenge)

        const forged = { ...question, body: question.body.replace('{', '{ ') }
        expect((await askBolt(secret, forged)).statusCode).toBe(401)
        expect(await ask(handshakes.slack({ secret }), forged)).toBe('refused')
        expect((await askBolt(`${secret}x`, question)).statusCode).toBe(401)
        expect(await ask(handshakes.slack({ secret: `${secret}x` }), question)).toBe('refused')
      }),
      RUNS,
    )
  })

  it('leaves an event to others, like @slack/bolt', async () => {
    const event = toSigned(
      'x-slack',
      'hunter2',
      '{"type":"event_callback","event":{"type":"url_verification"}}',
    )
    expect((await askBolt('hunter2', event)).statusCode).toBe(404)
    expect(await ask(handshakes.slack({ secret: 'hunter2' }), event)).toBeUndefined()
  })
})

describe('zoom', () => {
  it('reads what @zoom/rivet answers, whoever signs it', async () => {
    await fc.assert(
      fc.asyncProperty(secrets, challenges, async (secret, plainToken) => {
        const body = JSON.stringify({ payload: { plainToken }, event: 'endpoint.url_validation' })
        const question = toSigned('x-zm', secret, body)
        const theirs = await askZoomReceiver(secret, question)
        expect(theirs.statusCode).toBe(200)
        const ours = await ask(handshakes.zoom({ secret }), question)
        expect(JSON.parse(ours ?? '')).toEqual(JSON.parse(theirs.body))
        // With several it is the one that has signed the question that signs the answer.
        expect(await ask(handshakes.zoom({ secret: [`${secret}x`, secret] }), question)).toBe(ours)

        expect((await askZoomReceiver(`${secret}x`, question)).statusCode).toBe(400)
        expect(await ask(handshakes.zoom({ secret: `${secret}x` }), question)).toBe('refused')
      }),
      RUNS,
    )
  })

  it('leaves an event to others, like @zoom/rivet', async () => {
    const event = toSigned('x-zm', 'hunter2', '{"event":"meeting.started","payload":{"plainToken":"x"}}')
    const theirs = await askZoomReceiver('hunter2', event)
    expect([theirs.statusCode, theirs.body]).toEqual([200, expect.not.stringContaining('encryptedToken')])
    expect(await ask(handshakes.zoom({ secret: 'hunter2' }), event)).toBeUndefined()
  })
})

it('meta reads the challenge that whatsapp-api-js answers, and only who knows the token', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, challenges, async (verifyToken, challenge) => {
      const api = new WhatsAppAPI({ token: 'x', appSecret: 'x', webhookVerifyToken: verifyToken, v: 'v24.0' })
      const query = {
        'hub.mode': 'subscribe',
        'hub.verify_token': verifyToken,
        'hub.challenge': challenge,
      } as const
      const toGet = (each: Readonly<Record<string, string>>) => ({
        method: 'GET',
        url: `https://a.example/r/token?${new URLSearchParams(each)}`,
      })
      const ours = (each: Readonly<Record<string, string>>) =>
        ask(handshakes.meta({ verifyToken }), toGet(each))
      expect(api.get(query)).toBe(challenge)
      expect(await ours(query)).toBe(challenge)
      const forged = { ...query, 'hub.verify_token': `${verifyToken}x` }
      expect(() => api.get(forged)).toThrow()
      expect(await ours(forged)).toBe('refused')
    }),
    RUNS,
  )
})

describe('cloudEvents', () => {
  const hosts = ['a.webpubsub.azure.com', 'b.webpubsub.azure.com', 'c.example'] as const

  /** Microsoft's answer to its own service, which finds the origin among those that are allowed by itself. */
  async function askAzure(origin: string, allowed?: readonly string[]) {
    const allowedEndpoints = allowed?.map(host => `https://${host}`)
    const handler = new WebPubSubEventHandler('hub', allowedEndpoints ? { allowedEndpoints } : {})
    await using microsoft = await serveHttp(express().use(handler.getMiddleware()))
    const headers = { 'webhook-request-origin': origin, 'ce-awpsversion': '1.0' }
    const { status, headers: answered } = await fetch(new URL(handler.path, microsoft.url), {
      method: 'OPTIONS',
      headers,
    })
    return { status, origins: answered.get('webhook-allowed-origin')?.split(', ') ?? [] }
  }

  async function askUs(origin: string, origins: string | readonly string[]) {
    const given = { method: 'OPTIONS', headers: { 'webhook-request-origin': origin } }
    const handshake = handshakes.cloudEvents({ origins })
    if ((await ask(handshake, given)) === 'refused') return 'refused'
    const answer = await handshake(await toRequest(given))
    return answer && { status: answer.status, origin: answer.headers.get('webhook-allowed-origin') }
  }

  it('allows everybody as @azure/web-pubsub-express does', async () => {
    expect(await askAzure(hosts[0])).toEqual({ status: 200, origins: ['*'] })
    expect(await askUs(hosts[0], '*')).toEqual({ status: 200, origin: '*' })
  })

  it('allows whom @azure/web-pubsub-express allows, of all that it allows only who asks', async () => {
    for (const allowed of [[hosts[0]], [hosts[0], hosts[1]], [hosts[2], hosts[1]]]) {
      for (const host of hosts) {
        const { status, origins } = await askAzure(host, allowed)
        expect([status, origins]).toEqual([200, allowed])
        expect(await askUs(host, allowed)).toEqual(
          origins.includes(host) ? { status: 200, origin: host } : 'refused',
        )
      }
    }
  })
})
