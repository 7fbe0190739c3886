import { VerificationError } from '../../errors.js'
import type { Verify } from '../../model/code.js'
import type { RawRequest } from '../../model/received.js'
import { type TimedSecretOptions, timed } from '../provider.js'
import { SLACK } from '../slack-setting.js'
import { judge } from '../verdict.js'
import { checkEcho, echo, type ProviderHandshake } from './answer.js'
import { looksLike, memberOf, parseQuestion, toQuestionSecrets } from './signed-question.js'

const QUESTION = { field: 'type', value: 'url_verification' }

const mayAsk = looksLike(QUESTION)

/**
 * Slack asks when you enter the URL: `POST { "type": "url_verification", "challenge": … }`, signed as its events are. It reads
 * the challenge.
 *
 * ```ts
 * server.source('slack', { handshake: handshakes.slack({ secret: process.env.SLACK_SIGNING_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret.
 * @see https://docs.slack.dev/reference/events/url_verification
 */
export function slack(options: TimedSecretOptions): ProviderHandshake {
  const secret = toQuestionSecrets(SLACK, options)
  const verify = timed({ ...options, secret }, SLACK)
  return request => (mayAsk(request) ? answer(request, verify) : undefined)
}

async function answer(request: RawRequest, verify: Verify): Promise<Response | undefined> {
  const judgement = await judge([verify], request)
  if (!judgement.ok) throw new VerificationError(judgement.reason)
  const question = parseQuestion(request, QUESTION)
  if (question === undefined) return undefined
  return echo(checkEcho(memberOf(question, 'challenge'), 'slack: it asks, but its challenge'))
}
