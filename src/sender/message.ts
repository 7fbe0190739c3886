import { checkKey } from '../core/bytes.js'
import { toInstant } from '../core/duration.js'
import { createId } from '../core/ids.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { AddressedMessage } from '../model/delivery.js'
import type { Message, Target } from '../model/message.js'
import { encodePayload } from '../model/payload.js'
import { encodePath, encodeQuery, toAddress } from './address.js'
import { mergeHeaders, toHeaderList } from './headers.js'
import type { ResolvedTarget } from './target.js'
import { fillUrl, type UrlTemplate } from './url-template.js'

/** What goes into the store. */
export interface Outgoing {
  readonly message: AddressedMessage
  readonly dueAt: number
}

/** Where targets lead to. */
export interface Addresses {
  resolve(target: Target): ResolvedTarget
  /** The URL that a path is put behind, as it stands now. */
  settingsFor(target: ResolvedTarget): UrlTemplate | undefined
}

const methods = ['POST', 'PUT', 'PATCH', 'DELETE']
const optionNames = ['to', 'method', 'path', 'query', 'body', 'headers', 'type', 'after']

/**
 * A message as it will be sent, for ever: its bytes, content type and headers are decided here.
 *
 * @throws InvalidOptionsError that says which part of the message cannot be sent, and why.
 */
export function toOutgoing(
  key: string | undefined,
  message: Message,
  { endpoints, now }: { endpoints: Addresses; now: number },
): Outgoing {
  if (key?.includes('://') && !hasTarget(message)) {
    throw new InvalidOptionsError(
      "What send takes first is the key of the message, and a URL goes into it: send({ to: 'https://…', body: … }), or send(key, { to: 'https://…', body: … })",
    )
  }
  checkMessage(message)
  if (key !== undefined) checkKey(key, 'the key of a message')

  const target = endpoints.resolve(message.to)
  const path = encodePath(message.path)
  const query = encodeQuery(message.query)
  const payload = encodePayload(message.body, 'the body of a message')
  const contentType: [string, string][] =
    payload.contentType === undefined ? [] : [['content-type', payload.contentType]]
  const headers = mergeHeaders(contentType, toHeaderList(message.headers, 'headers of the message'))
  const settings = endpoints.settingsFor(target)
  if (settings !== undefined) {
    toAddress(fillUrl(settings, { headers, body: payload.bytes }), { path, query })
  }
  return {
    message: {
      id: createId('msg', now),
      ...(key === undefined ? {} : { key }),
      ...target,
      method: toMethod(message.method),
      path,
      query,
      headers,
      ...(message.type === undefined ? {} : { type: checkKey(message.type, 'the type of a message') }),
      body: payload.bytes,
      createdAt: now,
    },
    dueAt: message.after === undefined ? now : Math.max(now, toInstant(message.after, now, 'after')),
  }
}

/** @throws InvalidOptionsError for what is no message, and for an option that none has. */
export function checkMessage(message: unknown): void {
  if (typeof message === 'string') {
    throw new InvalidOptionsError(
      "The message is missing: write send(key, { body: '…' }), or leave the key out",
    )
  }
  if (isThenable(message)) {
    message.then(undefined, () => {}) // it is under way all the same, and nobody will ever look at it
    throw new InvalidOptionsError(
      'A message must be an object, and this is a promise: send of an exchange is no async function. Await what it needs before the exchange',
    )
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new InvalidOptionsError("A message must be an object such as { to, body: '…' }")
  }
  checkOptionNames(message, optionNames, 'A message')
}

function hasTarget(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'to' in message
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function toMethod(method: Message['method']): string {
  if (method === undefined) return 'POST'
  if (methods.includes(method)) return method
  throw new InvalidOptionsError(
    `method is ${JSON.stringify(method)}; a message is sent by ${methods.join(', ')}`,
  )
}
