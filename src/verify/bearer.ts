import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { readHeaderValue } from './header-value.js'
import { checkMakerOptions } from './maker-options.js'
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
 * @throws InvalidOptionsError for a token that is empty, that has `Bearer` before it, or that no header can hold.
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
export function bearer(options: BearerOptions): Verify {
  const what = 'The verifier bearer'
  checkMakerOptions(options, ['token', 'retired'], what)
  const tokens = toSharedSecrets(
    { secret: options.token, retired: options.retired },
    { secret: `${what}: token`, retired: `${what}: retired` },
    (token, which) => checkSendable(checkAlone(token, which), which),
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

function checkAlone(token: string, which: string): string {
  if (!/^Bearer\s/i.test(token)) return token
  throw new InvalidOptionsError(
    `${which} begins with 'Bearer', which stands before it in the header: write what comes behind`,
  )
}
