import type { ErrorClass } from '../model/delivery.js'

/** What went wrong on the way, in a few words; never what was sent or received. */
export function describeNetworkError(error: unknown): string {
  if (error instanceof Error && error.name === 'HTTPParserError') return NOT_HTTP
  const code = codeOf(error)
  if (code === undefined) return error instanceof Error ? `failed: ${error.name}` : 'failed'
  const known = byCode[code]
  if (known !== undefined) return known
  if (isTls(code)) {
    return `TLS: ${code
      .replace(/^ERR_(TLS|SSL)_/, '')
      .replaceAll('_', ' ')
      .toLowerCase()}`
  }
  return `failed: ${code}`
}

/** What kind of error it is, for statistics. */
export function classOf(error: unknown): ErrorClass {
  const words = describeNetworkError(error)
  if (words.startsWith('TLS:')) return 'tls'
  if (/^timed out/.test(words)) return 'timeout'
  if (/^name /.test(words)) return 'name'
  if (/answer/.test(words)) return 'answer'
  return /^(connection|host|network) /.test(words) ? 'connection' : 'other'
}

const NOT_HTTP = 'answer is not HTTP'

const byCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ECONNABORTED: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection reset',
  UND_ERR_CONNECT_TIMEOUT: 'timed out connecting',
  ETIMEDOUT: 'timed out connecting',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name look-up failed',
  LOOKUP_TIMEOUT: 'timed out looking up the name',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  UND_ERR_HEADERS_OVERFLOW: 'header of the answer is too large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'answer cut off',
  EPROTO: 'TLS: protocol error',
}

function isTls(code: string): boolean {
  return /^ERR_(TLS|SSL)_|CERT|SELF_SIGNED|UNABLE_TO_/.test(code)
}

/** The code of what was thrown, or of what it was thrown for: `fetch` wraps, and so do several addresses tried in turn. */
function codeOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > 4) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError) return codeOf(error.errors[0], depth + 1)
  return 'cause' in error ? codeOf(error.cause, depth + 1) : undefined
}
