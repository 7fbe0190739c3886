import { checkOptionNames } from '../core/option-names.js'
import { VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { readHeaderValue } from './header-value.js'
import { checkSecret, checkSendable, toSharedSecrets } from './shared-secret.js'

export interface BearerOptions {
  /** One, or several of which each lets a request in, so that one can be replaced by the next. */
  token: string | readonly string[]
  /** Tokens that are no longer accepted. What comes with one of them is refused, and the log says why. */
  retired?: string | readonly string[]
}

/**
 * A token that the sender was given, in the header `Authorization: Bearer …`.
 *
 * ```ts
 * server.source('shop', { verify: bearer({ token: process.env.SHOP_TOKEN ?? '' }) })
 * ```
 *
 * It shows who sends, and nothing of what: whoever sees one request can make others. Where the sender can sign, let it sign.
 *
 * @throws InvalidOptionsError for a token that is empty, or that no header can hold.
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
export function bearer(options: BearerOptions): Verify {
  const what = 'The verifier bearer'
  checkOptionNames(options, ['token', 'retired'], what)
  const tokens = toSharedSecrets(
    { secret: options.token, retired: options.retired },
    { secret: `${what}: token`, retired: `${what}: retired` },
    checkSendable,
  )
  return request => {
    const token = /^Bearer +(.*)/i.exec(readHeaderValue(request, 'authorization', 'bearer'))?.[1]
    if (token === undefined) {
      throw new VerificationError('bearer: the header authorization holds no bearer token')
    }
    checkSecret(token, tokens, { name: 'bearer', what: 'token' })
    return true
  }
}
