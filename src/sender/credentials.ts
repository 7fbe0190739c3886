import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { AuthOptions, OAuth2 } from '../model/endpoint-options.js'
import { type HeaderList, toHeaderList } from './headers.js'

/** By what we are known to an endpoint: a header that stays the same, or a token that has to be fetched. */
export type Credentials =
  | { readonly type: 'header'; readonly header: readonly [name: string, value: string] }
  | { readonly type: 'oauth2'; readonly oauth2: OAuth2 }

const kinds = ['basic', 'bearer', 'header', 'oauth2']

/** @throws InvalidOptionsError that says which part is missing or cannot be sent, and quotes no value. */
export function toCredentials(auth: AuthOptions, what: string): Credentials {
  checkOptionNames(auth, kinds, what)
  if (Object.keys(auth).length !== 1) {
    throw new InvalidOptionsError(`${what} must have one of ${kinds.join(', ')}`)
  }
  if ('basic' in auth) return toHeader('authorization', `Basic ${toBasic(auth.basic, `${what}.basic`)}`, what)
  if ('bearer' in auth) {
    const token = checkText(auth.bearer, `${what}.bearer`)
    if (/\s/.test(token)) throw new InvalidOptionsError(`${what}.bearer must not hold white space`)
    return toHeader('authorization', `Bearer ${token}`, what)
  }
  if ('header' in auth) {
    const [name, value] = checkPair(auth.header, `${what}.header`, "such as ['x-api-key', '…']")
    return toHeader(checkText(name, `${what}.header[0]`), checkText(value, `${what}.header[1]`), what)
  }
  return { type: 'oauth2', oauth2: toOAuth2(auth.oauth2, `${what}.oauth2`) }
}

/** The header of credentials that stay the same. */
export function toCredentialHeaders(credentials: Credentials | undefined): HeaderList {
  return credentials?.type === 'header' ? [credentials.header] : []
}

/** The name of the header that the credentials are sent in. */
export function credentialHeaderOf(credentials: Credentials | undefined): string | undefined {
  return credentials?.type === 'oauth2' ? 'authorization' : credentials?.header[0]
}

/** RFC 7617; a colon would end the user's name. */
function toBasic(given: readonly [string, string], what: string): string {
  const [user, password] = checkPair(given, what, "such as ['user', 'password']")
  checkText(user, `${what}[0]`)
  if (user.includes(':')) throw new InvalidOptionsError(`${what}: the user's name must not hold a colon`)
  return Buffer.from(`${user}:${password}`).toString('base64')
}

function toHeader(name: string, value: string, what: string): Credentials {
  const [header] = toHeaderList({ [name]: value }, what)
  if (header === undefined || header[0] === 'content-type') {
    throw new InvalidOptionsError(`${what}: '${name}' is no header for credentials`)
  }
  return { type: 'header', header }
}

function toOAuth2(given: OAuth2, what: string): OAuth2 {
  checkOptionNames(given, ['tokenUrl', 'clientId', 'clientSecret', 'scope', 'audience'], what)
  const { tokenUrl, clientId, clientSecret, scope, audience } = given
  return {
    tokenUrl: checkText(tokenUrl, `${what}.tokenUrl`),
    clientId: checkText(clientId, `${what}.clientId`),
    clientSecret: checkText(clientSecret, `${what}.clientSecret`),
    ...(scope === undefined ? {} : { scope: checkText(scope, `${what}.scope`) }),
    ...(audience === undefined ? {} : { audience: checkText(audience, `${what}.audience`) }),
  }
}

function checkPair(
  pair: readonly [string, string],
  what: string,
  example: string,
): readonly [string, string] {
  if (Array.isArray(pair) && pair.length === 2 && pair.every(each => typeof each === 'string')) return pair
  throw new InvalidOptionsError(`${what} must be a list of two texts, ${example}`)
}

function checkText(text: unknown, what: string): string {
  if (typeof text === 'string' && text !== '') return text
  throw new InvalidOptionsError(
    `${what} ${text === '' ? 'is empty' : text === undefined ? 'is undefined' : 'must be a text'}`,
  )
}
