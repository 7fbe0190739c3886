import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { fromBase64 } from './base64.js'
import { readHeaderValue } from './header-value.js'
import { checkMakerOptions } from './maker-options.js'
import { checkSecret, toSharedSecrets } from './shared-secret.js'

export interface BasicOptions {
  user: string
  /** One, or several of which each lets a request in, so that one can be replaced by the next. */
  password: string | readonly string[]
  /** Passwords that are no longer accepted. What comes with one of them is refused, and the log says why. */
  retired?: string | readonly string[]
}

/**
 * A user and a password, in UTF-8, in the header `Authorization: Basic …`: what senders make of a URL such as
 * `https://user:password@hooks.example.com/…`.
 *
 * ```ts
 * server.source('shop', { verify: basic({ user: 'shop', password: process.env.SHOP_PASSWORD ?? '' }) })
 * ```
 *
 * It shows who sends, and nothing of what: whoever sees one request can make others. Where the sender can sign, let it sign.
 *
 * @throws InvalidOptionsError for an empty user or password; for a user with a colon, which ends the user.
 * @see https://www.rfc-editor.org/rfc/rfc7617
 */
export function basic(options: BasicOptions): Verify {
  const what = 'The verifier basic'
  checkMakerOptions(options, ['user', 'password', 'retired'], what)
  const user = toUser(options.user, `${what}: user`)
  // User and password are one text, and are compared as one: how long it takes does not tell which of them is wrong.
  const credentials = toSharedSecrets(
    { secret: options.password, retired: options.retired },
    { secret: `${what}: password`, retired: `${what}: retired` },
    (password, which) => `${user}:${checkText(password, which)}`,
  )
  return request => {
    const encoded = /^Basic +(.*)/i.exec(readHeaderValue(request, 'authorization', 'basic'))?.[1]
    if (encoded === undefined) {
      throw new VerificationError('basic: the header authorization holds no user and password')
    }
    const given = fromBase64(encoded)
    if (given === undefined) {
      throw new VerificationError('basic: the user and password in the header authorization are not base64')
    }
    checkSecret(given, credentials, { name: 'basic', what: 'user or password' })
    return true
  }
}

function toUser(user: unknown, what: string): string {
  if (typeof user !== 'string') {
    const got = user === undefined ? 'undefined: is the environment variable set?' : 'no text'
    throw new InvalidOptionsError(`${what} is ${got}`)
  }
  if (user === '') throw new InvalidOptionsError(`${what} is empty: is the environment variable set?`)
  if (user.includes(':')) {
    throw new InvalidOptionsError(`${what} has a colon, and nobody could send it: a colon ends the user`)
  }
  return checkText(user, what)
}

function checkText(text: string, what: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  if (/[\x00-\x1f\x7f]/.test(text)) throw new InvalidOptionsError(`${what} has control characters`)
  return text
}
