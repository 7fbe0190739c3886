import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { getPlatformAlgorithmConfig, WebhookVerificationService } from '@hookflo/tern'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fal } from '../../../src/verify/fal.js'
import { serveHttp } from '../../support/far-side.js'
import { accepts, type Headers, stopTheClock, texts } from '../support/counterparts.js'
import { refusalOf } from '../support/refusal.js'
import { NOW_S, toRequest } from '../support/request.js'

// fal has no library that verifies; this one is somebody else's.

stopTheClock()

interface Given {
  readonly body: string
  readonly headers: Headers
}

/** Where keys are published, as long as somebody holds this. */
function publish(...keys: readonly KeyObject[]) {
  return serveHttp((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: keys.map(key => key.export({ format: 'jwk' })) }))
  })
}

async function isPassedByTern({ body, headers }: Given, keysUrl: string) {
  const { signatureConfig } = getPlatformAlgorithmConfig('falai')
  const customConfig = { ...signatureConfig.customConfig, jwksUrl: keysUrl }
  const request = new Request('https://a.example/', { method: 'POST', body, headers })
  const { isValid } = await WebhookVerificationService.verify(request, {
    platform: 'falai',
    secret: '',
    signatureConfig: { ...signatureConfig, customConfig },
  })
  return isValid
}

function signed(
  key: KeyObject,
  body: string,
  { id = 'request', user = 'user', timestamp = NOW_S } = {},
): Given {
  const hash = createHash('sha256').update(body).digest('hex')
  const content = Buffer.from(`${id}\n${user}\n${timestamp}\n${hash}`)
  return {
    body,
    headers: {
      'x-fal-webhook-request-id': id,
      'x-fal-webhook-user-id': user,
      'x-fal-webhook-timestamp': String(timestamp),
      'x-fal-webhook-signature': sign(null, content, key).toString('hex'),
    },
  }
}

const ids = fc.stringMatching(/^[\w-]{1,40}$/)

it('passes what @hookflo/tern passes, and nothing else', async () => {
  const [former, current, foreign] = [
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ed25519'),
  ]
  await using published = await publish(former.publicKey, current.publicKey)
  const { url: keysUrl } = published
  const verify = fal({ keysUrl })
  const judge = async (given: Given) => [await isPassedByTern(given, keysUrl), await accepts(verify, given)]
  // What asks for the body as a text leaves out the mark at its beginning.
  const bodies = texts.filter(body => !body.startsWith('\ufeff'))
  await fc.assert(
    fc.asyncProperty(bodies, ids, ids, fc.boolean(), async (body, id, user, isOld) => {
      const given = signed((isOld ? former : current).privateKey, body, { id, user })
      expect(await judge(given)).toEqual([true, true])
      const { headers } = given
      const changes: readonly Given[] = [
        { headers, body: `${body}x` },
        { body, headers: { ...headers, 'x-fal-webhook-request-id': `${id}x` } },
        { body, headers: { ...headers, 'x-fal-webhook-user-id': `${user}x` } },
        { body, headers: { ...headers, 'x-fal-webhook-timestamp': String(NOW_S + 1) } },
        { body, headers: signed(current.privateKey, `${body}x`, { id, user }).headers },
        signed(foreign.privateKey, body, { id, user }),
      ]
      for (const changed of changes) expect(await judge(changed)).toEqual([false, false])
    }),
    { numRuns: 30 },
  )
})

it.each([-301, -300, 0, 300, 301])('takes time like @hookflo/tern: signed %i s from now', async seconds => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  await using published = await publish(publicKey)
  const { url: keysUrl } = published
  const given = signed(privateKey, '{"status":"OK"}', { timestamp: NOW_S + seconds })
  const [request, isTimely] = [await toRequest(given), Math.abs(seconds) <= 300]
  expect(await isPassedByTern(given, keysUrl)).toBe(isTimely)
  if (isTimely) expect(await fal({ keysUrl })(request)).toEqual({ deliveryId: 'request' })
  else
    expect(await refusalOf(fal({ keysUrl }), request)).toMatch(
      /timestamp is 301 s (?:ahead of|behind) our clock/,
    )
})
