import { InvalidOptionsError } from '../errors.js'
import { VERSION } from './version.js'

/** In the order in which they are sent, names in lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** What every request of ours says, unless an endpoint or a message says otherwise. */
export const ourHeaders: HeaderList = [['user-agent', `longline/${VERSION}`]]

/** Headers that belong to the connection or to the sender, with what to do instead. */
const reserved: Readonly<Record<string, string>> = {
  host: 'it follows from the URL',
  'content-length': 'it follows from the body',
  'webhook-id': 'it is the id of the message',
  connection: 'it belongs to the connection',
  'keep-alive': 'it belongs to the connection',
  'proxy-connection': 'it belongs to the connection',
  'proxy-authenticate': 'it belongs to the connection',
  'proxy-authorization': 'it belongs to the connection',
  te: 'it belongs to the connection',
  trailer: 'it belongs to the connection',
  'transfer-encoding': 'it belongs to the connection',
  upgrade: 'it belongs to the connection',
  expect: 'it belongs to the connection',
}

/**
 * Headers as given by a caller, checked. Messages never quote a value: it may be a credential.
 *
 * @throws InvalidOptionsError that names the header and what is wrong with it.
 */
export function toHeaderList(
  headers: Readonly<Record<string, string>> | undefined,
  what: string,
): HeaderList {
  if (headers === undefined) return []
  if (
    typeof headers !== 'object' ||
    headers === null ||
    Array.isArray(headers) ||
    headers instanceof Headers
  ) {
    throw new InvalidOptionsError(
      `${what} must be an object of names and values, such as { 'x-region': 'berlin' }`,
    )
  }

  const list = new Map<string, string>()
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase()
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
      throw new InvalidOptionsError(`${what}: ${JSON.stringify(given)} is not a header's name`)
    }
    const reason = Object.hasOwn(reserved, name) ? reserved[name] : undefined
    if (reason !== undefined) throw new InvalidOptionsError(`${what}: leave '${name}' out, ${reason}`)
    if (list.has(name)) throw new InvalidOptionsError(`${what}: '${name}' is there twice`)
    if (typeof value !== 'string') {
      throw new InvalidOptionsError(`${what}: the value of '${name}' must be a text`)
    }
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new InvalidOptionsError(
        `${what}: the value of '${name}' holds a character that no header can carry`,
      )
    }
    list.set(name, value.trim())
  }
  return [...list]
}

/** All of them; of two with the same name the later list's. */
export function mergeHeaders(...lists: readonly HeaderList[]): HeaderList {
  return [...new Map(lists.flat())]
}
