import { constantTimeEqual, utf8 } from '../../core/bytes.js'
import { VerificationError } from '../../errors.js'
import { checkMakerOptions } from '../maker-options.js'
import { toSecrets } from '../secrets.js'
import { checkEcho, echo, type ProviderHandshake } from './answer.js'

export interface MetaOptions {
  /** What you have entered as *Verify token*; several, of which each will do. */
  verifyToken: string | readonly string[]
}

/**
 * Meta (Facebook, Instagram, WhatsApp, Messenger) asks when you enter the URL: `GET ?hub.mode=subscribe&hub.verify_token=…`. It
 * reads `hub.challenge`, if the token is the one that you have entered beside the URL.
 *
 * ```ts
 * server.source('meta', { handshake: handshakes.meta({ verifyToken: process.env.META_VERIFY_TOKEN ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty token.
 * @see https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests
 */
export function meta(options: MetaOptions): ProviderHandshake {
  checkMakerOptions(options, ['verifyToken'], 'The handshake meta')
  const tokens = toSecrets(options.verifyToken, 'The handshake meta: verifyToken').map(utf8)
  return ({ method, query }) => {
    if (method !== 'GET' || query.get('hub.mode') !== 'subscribe') return undefined
    const given = query.get('hub.verify_token')
    if (given === null) throw new VerificationError('meta: it asks, but its hub.verify_token is missing')
    const token = utf8(given)
    if (!tokens.some(known => constantTimeEqual(known, token))) {
      throw new VerificationError(
        'meta: it asks with another hub.verify_token: enter the same one there and as verifyToken',
      )
    }
    return echo(checkEcho(query.get('hub.challenge'), 'meta: it asks, but its hub.challenge'))
  }
}
