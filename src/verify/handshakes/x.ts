import { createHmac } from 'node:crypto'
import { InvalidOptionsError, VerificationError } from '../../errors.js'
import { checkMakerOptions } from '../maker-options.js'
import { toSecrets } from '../secrets.js'
import { checkEcho, type ProviderHandshake, toJsonAnswer } from './answer.js'

export interface XOptions {
  /** The consumer secret of your app (*API key secret*). One: X says nothing of which it expects. */
  secret: string
}

/** What X sends. There must never be `{` among it, with which an event begins: it is by this that the verifier `x` tells them. */
const TOKEN = /^[\w.~+/=-]+$/

/**
 * X asks when you register the URL, and every hour (*CRC*): `GET ?crc_token=…`. It reads the token, signed with your consumer secret.
 *
 * X signs its events with the same secret in the same way, and anybody can ask who knows the URL: for `GET ?crc_token=12345` he
 * gets a signature of `12345`. So no text with `{` is signed, and the verifier `x` refuses whatever does not begin with one. Use
 * that beside it: a plain `hmac` with this secret would pass `12345` as an event.
 *
 * ```ts
 * const secret = process.env.X_CONSUMER_SECRET ?? ''
 * server.source('x', { verify: x({ secret }), handshake: handshakes.x({ secret }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for several.
 * @see https://docs.x.com/x-api/webhooks/quickstart
 */
export function x(options: XOptions): ProviderHandshake {
  checkMakerOptions(options, ['secret'], 'The handshake x')
  const { secret } = options
  toSecrets(secret, 'The handshake x: secret')
  if (Array.isArray(secret)) {
    throw new InvalidOptionsError(
      'The handshake x: secret must be one; X does not say with which of several it expects the answer',
    )
  }
  return ({ method, query }) => {
    if (method !== 'GET' || !query.has('crc_token')) return undefined
    const token = checkEcho(query.get('crc_token'), 'x: it asks, but its crc_token')
    if (!TOKEN.test(token)) {
      throw new VerificationError(
        'x: its crc_token has characters that X does not use: somebody else may want an event signed',
      )
    }
    const signature = createHmac('sha256', secret).update(token).digest('base64')
    return toJsonAnswer({ response_token: `sha256=${signature}` })
  }
}
