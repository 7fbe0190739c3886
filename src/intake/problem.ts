import { utf8 } from '../core/bytes.js'
import { DEFAULTS } from '../options.js'
import type { Reply } from './reply.js'

// What a third party reads when its request is refused: problem documents (RFC 9457). They help whoever sends, and say
// nothing of who receives.

interface Kind {
  readonly status: number
  readonly title: string
  readonly detail?: string
  readonly close?: boolean
}

const kinds = {
  'not-found': {
    status: 404,
    title: 'Nothing receives at this URL',
    detail: 'Check that the URL was copied as a whole.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This method is not taken here',
    detail: 'The Allow header lists the methods that are.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    detail: 'It is larger than this receiver takes. The same request will be refused again.',
    close: true,
  },
  'body-too-slow': {
    status: 408,
    title: 'The body did not arrive in time',
    detail: 'Nothing was accepted. Send the request again.',
    close: true,
  },
  'body-incomplete': {
    status: 400,
    title: 'The body ended too early',
    detail: 'Nothing was accepted. Send the request again.',
    close: true,
  },
  'body-malformed': { status: 400, title: 'The body is not what its content type says' },
  'signature-refused': { status: 401, title: 'The signature is missing or not valid' },
  'receiver-ended': {
    status: 410,
    title: 'This URL takes nothing any more',
    detail: 'It was closed or has expired. There is no use in sending again.',
  },
  'data-mismatch': {
    status: 422,
    title: 'The data are not what is expected here',
    detail: 'Each issue says where, and what is wrong there.',
  },
  'mailbox-full': {
    status: 429,
    title: 'Too much is waiting to be read here',
    detail: 'Nothing was accepted. Send the request again after the time in Retry-After.',
  },
  'internal-error': {
    status: 500,
    title: 'The request could not be judged',
    detail: 'Nothing was accepted. The fault is not in the request; send it again later.',
  },
  unavailable: {
    status: 503,
    title: 'Nothing can be accepted at the moment',
    detail: 'Nothing was accepted. Send the request again after the time in Retry-After.',
  },
} as const satisfies Record<string, Kind>

type ProblemCode = keyof typeof kinds

export function problem(
  code: ProblemCode,
  more: {
    readonly detail?: string
    readonly headers?: Readonly<Record<string, string>>
    /** Further members of the document. */
    readonly members?: Readonly<Record<string, unknown>>
  } = {},
): Reply {
  const { status, title, detail, close }: Kind = kinds[code]
  const document = {
    type: `urn:longline:problem:${code}`,
    title,
    status,
    detail: more.detail ?? detail,
    ...more.members,
  }
  return {
    status,
    headers: [['content-type', 'application/problem+json'], ...Object.entries(more.headers ?? {})],
    body: utf8(JSON.stringify(document)),
    ...(close === true ? { close } : {}),
  }
}

export function retryLater(code: 'mailbox-full' | 'unavailable'): Reply {
  const afterMs = code === 'mailbox-full' ? DEFAULTS.fullRetryMs : DEFAULTS.unavailableRetryMs
  return problem(code, { headers: { 'retry-after': String(Math.ceil(afterMs / 1_000)) } })
}
