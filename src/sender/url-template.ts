import { InvalidOptionsError } from '../errors.js'
import { isJson, readJson } from '../model/content.js'
import type { MessageRecord } from '../model/delivery.js'
import { leavesItsPlace } from './address.js'

// URLs of endpoints with variables in them: 'https://partner.example/orders/{order.id}'.
//
//   U1. A variable stands in the path or the query, never before: the payload of a message decides nothing about whom
//       it is sent to.
//   U2. A value stays where its variable stood: it adds no segment, no parameter and no fragment, and moves none, also for
//       a server that decodes once more than it should.
//   U3. A value that is missing, or is neither text, number nor boolean, is refused: 'undefined' is no address.

/** A URL in normal form. Where it has variables, every brace in it belongs to one. */
export interface UrlTemplate {
  readonly url: string
  /** In their order; a URL that was written out for one message has none, whatever it looks like. */
  readonly variables: readonly string[]
}

/** What a URL is filled from. */
export type Fillable = Pick<MessageRecord, 'headers' | 'body'>

/** Names of properties, and places in a list, one below the other. */
const NAME = /^[A-Za-z_$][\w$-]*(\.[\w$-]+)*$/

/**
 * What a URL is read from, with each variable in its place. `check` judges the URL itself: with a word where each variable
 * stands, which changes nothing about scheme, host and port.
 *
 * @throws InvalidOptionsError for a variable that stands elsewhere than in path or query, and for a brace that is none's.
 */
export function toUrlTemplate(text: string, what: string, check: (text: string) => URL): UrlTemplate {
  const variables =
    typeof text === 'string' ? [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name) : []
  if (typeof text !== 'string' || !/[{}]/.test(text)) return { url: check(text).href, variables }

  const odd = variables.find(name => !NAME.test(name))
  if (odd !== undefined || /[{}]/.test(text.replace(/\{[^{}]*\}/g, ''))) {
    throw new InvalidOptionsError(
      `${what} has a brace that is no variable's; a variable is '{name}' or '{order.id}', and a brace itself is written %7B or %7D`,
    )
  }
  const word = toWordNotIn(text)
  let count = 0
  const example = text.replace(/\{[^{}]*\}/g, () => `${word}${count++}z`)
  const misplaced = new InvalidOptionsError(
    `${what}: variables such as '{${variables[0]}}' may stand in its path and its query only`,
  )
  if (!URL.canParse(example)) throw misplaced
  const { pathname, search, hash } = new URL(example)
  const places = `${pathname}${search}${hash}`.split(word).length - 1
  if (places !== variables.length) throw misplaced

  const url = check(example).href
  return {
    url: variables.reduce(
      (filled, name, index) => filled.replace(`${word}${index}z`, () => `{${name}}`),
      url,
    ),
    variables,
  }
}

/**
 * The URL for one message.
 *
 * @throws InvalidOptionsError that names the variable, and never its value.
 */
export function fillUrl({ url, variables }: UrlTemplate, message: Fillable): string {
  if (variables.length === 0) return url
  const payload = readPayload(message, variables)
  const queryAt = url.indexOf('?')
  const filled = url.replace(/\{([^{}]*)\}/g, (_, name: string, at: number) => {
    const value = readValue(payload, name)
    if (value === '' && (queryAt < 0 || at < queryAt)) throw refusal(name, 'an empty text there')
    return encode(value, name)
  })
  const parsed = new URL(filled)
  // Segments are made of several variables, too.
  if (leavesItsPlace(parsed.pathname) || parsed.href !== filled) {
    throw new InvalidOptionsError(
      `The URL of the endpoint has ${list(variables)}, and with what the payload has there it would lead elsewhere`,
    )
  }
  return filled
}

function readPayload({ headers, body }: Fillable, variables: readonly string[]): unknown {
  const contentType = headers.find(([name]) => name === 'content-type')?.[1]
  try {
    if (isJson(contentType)) return readJson(body)
  } catch {
    // It says that it is JSON, and is not.
  }
  throw new InvalidOptionsError(
    `The URL of the endpoint has ${list(variables)}, which is taken from the body of the message, so that must be JSON`,
  )
}

function readValue(payload: unknown, name: string): string {
  let value = payload
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) {
      throw refusal(name, 'nothing there')
    }
    value = Reflect.get(value, part)
  }
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw refusal(name, 'a number there that has lost its last digits; send it as a text')
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  throw refusal(name, 'neither text, number nor boolean there')
}

/** Also what `encodeURIComponent` leaves alone and the parser of URLs does not. */
function encode(value: string, name: string): string {
  if (!value.isWellFormed()) throw refusal(name, 'half a surrogate pair there')
  return encodeURIComponent(value).replaceAll("'", '%27')
}

function refusal(name: string, found: string): InvalidOptionsError {
  return new InvalidOptionsError(
    `The URL of the endpoint has {${name}}, and the payload of the message has ${found}`,
  )
}

function list(variables: readonly string[]): string {
  return variables.map(name => `{${name}}`).join(', ')
}

/** Letters only, so that no parser changes it; its end is never its beginning, so that it is found where it stands. */
function toWordNotIn(text: string): string {
  let word = 'var'
  while (text.toLowerCase().includes(word)) word += 'x'
  return word
}
