import { InvalidOptionsError } from '../errors.js'

// The address of a message: an endpoint's URL, and what the message puts behind it.
//
//   A1. A path is appended, never resolved: whatever it holds, the address keeps the endpoint's scheme, host and path
//       in front, also for a server that decodes once more than it should.

/**
 * A message's path, encoded, to be put behind an endpoint's: `''` or `/orders/7`. A text is a path of several segments;
 * a list's elements are one segment each, whatever they hold.
 *
 * @throws InvalidOptionsError for a path that would lead out of the endpoint's, or means something else than a path.
 */
export function encodePath(path: string | readonly string[] | undefined): string {
  if (path === undefined || path === '') return ''
  const encoded = typeof path === 'string' ? encodeText(path) : encodeSegments(path)
  if (leavesItsPlace(encoded)) {
    throw new InvalidOptionsError("path must not hold '.' or '..' as a segment, in any spelling")
  }
  return encoded
}

/**
 * What comes after the question mark.
 *
 * @throws InvalidOptionsError for a value that is not a text.
 */
export function encodeQuery(query: Readonly<Record<string, string>> | undefined): string {
  if (query === undefined) return ''
  if (
    typeof query !== 'object' ||
    query === null ||
    Array.isArray(query) ||
    query instanceof URLSearchParams
  ) {
    throw new InvalidOptionsError("query must be an object of names and values, such as { region: 'berlin' }")
  }
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') {
      throw new InvalidOptionsError(`query: the value of ${JSON.stringify(name)} must be a text`)
    }
    search.append(name, value)
  }
  return search.toString()
}

/**
 * The address of a message: path behind path, query after query.
 *
 * @throws InvalidOptionsError when the result would not lie behind the endpoint's URL.
 */
export function toAddress(base: string, message: { readonly path: string; readonly query: string }): URL {
  const address = new URL(base)
  const { origin, pathname } = address
  const prefix = message.path === '' ? pathname : pathname.replace(/\/+$/, '')
  address.pathname = prefix + message.path
  address.search = [address.search.replace(/^\?/, ''), message.query].filter(part => part !== '').join('&')
  if (address.origin !== origin || address.pathname !== prefix + message.path) {
    throw new InvalidOptionsError('path does not stay behind the URL of its endpoint')
  }
  return address
}

function encodeText(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  if (/[\x00-\x1f\x7f]/.test(path)) throw new InvalidOptionsError('path must not hold control characters')
  if (path.includes('\\')) throw new InvalidOptionsError('path must not hold a backslash')
  if (/[?#]/.test(path)) {
    throw new InvalidOptionsError(
      "path must not hold '?' or '#': use query, or a list, whose elements are encoded",
    )
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) {
    throw new InvalidOptionsError(
      'path must not begin with a scheme: it is put behind the URL of its endpoint',
    )
  }
  if (path.includes('//')) throw new InvalidOptionsError("path must not hold '//'")
  // A text may be encoded already, wholly or in part: what is encoded stays as it is.
  const encoded = encode(encodeURI, path).replace(/%25([0-9a-f]{2})/gi, '%$1')
  return encoded.startsWith('/') ? encoded : `/${encoded}`
}

function encodeSegments(segments: readonly string[]): string {
  if (!Array.isArray(segments)) throw new InvalidOptionsError('path must be a text or a list of texts')
  return segments
    .map((segment, index) => {
      if (typeof segment !== 'string') throw new InvalidOptionsError(`path[${index}] must be a text`)
      if (segment === '') throw new InvalidOptionsError(`path[${index}] is empty`)
      return `/${encode(encodeURIComponent, segment)}`
    })
    .join('')
}

function encode(encoder: (text: string) => string, text: string): string {
  try {
    return encoder(text)
  } catch {
    throw new InvalidOptionsError('path must be well-formed Unicode, without half a surrogate pair')
  }
}

/**
 * Whether a server that decodes it, however often, could see a segment `.` or `..`. Some servers drop what follows a
 * semicolon before they resolve a path, so that `..;x` counts as well.
 */
export function leavesItsPlace(encoded: string): boolean {
  const decoded = encoded
    .replace(/%(?:25)+/g, '%')
    .replace(/%2e/gi, '.')
    .replace(/%3b/gi, ';')
    .replace(/%(?:2f|5c)/gi, '/')
  return decoded.split('/').some(segment => /^\.\.?(;|$)/.test(segment))
}
