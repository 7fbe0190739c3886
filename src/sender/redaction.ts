import type { RequestRecord } from '../model/delivery.js'
import type { CarriedRequest } from './carrier.js'
import { credentialHeaderOf } from './credentials.js'
import type { Policy } from './policy.js'
import { signatureHeaderNames } from './signing.js'

// What is kept of a request for whoever looks back: everything but what would let the reader send one himself.
//
//   X1. Of headers, names and order stay. Values go of whatever `auth` gave, of the signature, and of every header whose
//       name says that it is a credential, whoever set it.
//   X2. Of the endpoint's own URL, which may be a credential as a whole, the values of its query go, and those segments of
//       its path that look like a token. What the message put behind it stays.
//   X3. Too much is taken away rather than too little. What is gone is told apart from what was empty.

const REDACTED = '[redacted]'

/** Words that only the names of credentials are made of. */
const TELLING =
  /auth|cookie|credential|passw|secret|signature|hmac|jwt|(^|[-_])sig([-_]|$)|token|session|(^|[-_])(api|access|private|functions)?-?key([-_]|$)|apikey/

/**
 * `url` is the endpoint's URL for this message: `fillUrl(settings, message)`. A token of OAuth 2, which is added when the
 * request is carried out, is listed as what it is.
 */
export function redact(
  request: Pick<CarriedRequest, 'method' | 'url' | 'headers'>,
  { url, credentials }: { readonly url: string } & Pick<Policy, 'credentials'>,
): RequestRecord {
  const secret = new Set([...signatureHeaderNames, credentialHeaderOf(credentials)])
  secret.delete('webhook-timestamp')
  const headers = request.headers.map(
    ([name, value]) => [name, secret.has(name) || TELLING.test(name) ? REDACTED : value] as const,
  )
  const isThere = headers.some(([name]) => name === 'authorization')
  return {
    method: request.method,
    url: redactUrl(request.url, new URL(url)),
    headers: credentials?.type === 'oauth2' && !isThere ? [...headers, ['authorization', REDACTED]] : headers,
  }
}

/** `own` is the beginning of path and query; the rest is the message's. */
function redactUrl(url: URL, own: URL): string {
  const ownPath = url.pathname.startsWith(own.pathname) ? own.pathname : own.pathname.replace(/\/+$/, '')
  const ownQuery = own.search.slice(1)
  const path = ownPath.split('/').map(redactSegment).join('/') + url.pathname.slice(ownPath.length)
  const query = redactQuery(ownQuery) + url.search.slice(1).slice(ownQuery.length)
  return `${url.origin}${path}${query === '' ? '' : `?${query}`}`
}

/** Long, and no words: a token, or an id that nobody misses. */
function redactSegment(segment: string): string {
  const isOfWords = /^[a-z]{1,15}([-_.][a-z]{1,15})*$/.test(segment)
  return segment.length >= 16 && !isOfWords ? REDACTED : segment
}

/** A parameter without a value may be the secret itself. */
function redactQuery(query: string): string {
  return query
    .split('&')
    .map(part => (part === '' ? '' : part.includes('=') ? part.replace(/=.*$/s, `=${REDACTED}`) : REDACTED))
    .join('&')
}
