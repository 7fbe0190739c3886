import { createHmac } from 'node:crypto'
import { VerificationError } from '../../errors.js'
import type { Verify } from '../../model/code.js'
import type { RawRequest } from '../../model/received.js'
import { type TimedSecretOptions, timed } from '../provider.js'
import { ZOOM } from '../slack-setting.js'
import { judge } from '../verdict.js'
import { checkEcho, type ProviderHandshake, toJsonAnswer } from './answer.js'
import { looksLike, memberOf, parseQuestion, toQuestionSecrets } from './signed-question.js'

const QUESTION = { field: 'event', value: 'endpoint.url_validation' }

const mayAsk = looksLike(QUESTION)

interface Signer {
  readonly verify: Verify
  readonly encrypt: (token: string) => string
}

/**
 * Zoom asks when you enter the URL, and every 72 hours: `POST { "event": "endpoint.url_validation", "payload": { "plainToken": … } }`,
 * signed as its events are. It reads the token, and the token signed: of several secrets with the one that the question is
 * signed with.
 *
 * ```ts
 * server.source('zoom', { handshake: handshakes.zoom({ secret: process.env.ZOOM_SECRET_TOKEN ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret.
 * @see https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
 */
export function zoom(options: TimedSecretOptions): ProviderHandshake {
  const signers = toQuestionSecrets(ZOOM, options).map(
    (secret): Signer => ({
      verify: timed({ ...options, secret }, ZOOM),
      encrypt: token => createHmac('sha256', secret).update(token).digest('hex'),
    }),
  )
  return request => (mayAsk(request) ? answer(request, signers) : undefined)
}

async function answer(request: RawRequest, signers: readonly Signer[]): Promise<Response | undefined> {
  const { encrypt } = await findSigner(request, signers)
  const question = parseQuestion(request, QUESTION)
  if (question === undefined) return undefined
  const given = memberOf(memberOf(question, 'payload'), 'plainToken')
  const plainToken = checkEcho(given, 'zoom: it asks, but its plainToken')
  return toJsonAnswer({ plainToken, encryptedToken: encrypt(plainToken) })
}

/** @throws VerificationError when none of them has signed it. */
async function findSigner(request: RawRequest, signers: readonly Signer[]): Promise<Signer> {
  const reasons = new Set<string>()
  for (const signer of signers) {
    const judgement = await judge([signer.verify], request)
    if (judgement.ok) return signer
    reasons.add(judgement.reason)
  }
  throw new VerificationError([...reasons].join('; '))
}
