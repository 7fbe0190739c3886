import { InvalidOptionsError } from '../errors.js'
import { isJson, readJson } from '../model/content.js'
import type { MessageRecord } from '../model/delivery.js'
import type { Filter, FilterValue } from '../model/endpoint-options.js'

// What a subscription wants of its topic: facts that have to be in the payload.

const MOST_FACTS = 32

/** @throws InvalidOptionsError for what is no filter. */
export function checkFilter(filter: unknown, what: string): Filter {
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw new InvalidOptionsError(
      `${what} must be an object of paths and values, such as { 'order.country': ['DE', 'AT'] }`,
    )
  }
  const facts = Object.entries(filter)
  if (facts.length === 0 || facts.length > MOST_FACTS) {
    throw new InvalidOptionsError(
      `${what} must have 1 to ${MOST_FACTS} paths; leave it out to get everything`,
    )
  }
  for (const [path, wanted] of facts) {
    if (path.split('.').includes('')) {
      throw new InvalidOptionsError(`${what}: ${JSON.stringify(path)} is no path such as 'order.country'`)
    }
    const values: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
    if (values.length === 0 || !values.every(isValue)) {
      throw new InvalidOptionsError(
        `${what}: ${JSON.stringify(path)} must have a text, a number, true, false or null, or a list of them`,
      )
    }
  }
  return filter as Filter
}

/** A payload that is no JSON has no facts at all. */
export function matches(filter: Filter | undefined, payload: unknown): boolean {
  if (filter === undefined) return true
  return Object.entries(filter).every(([path, wanted]) => {
    const values: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
    const found = valueAt(payload, path)
    return Array.isArray(found) ? found.some(item => values.includes(item)) : values.includes(found)
  })
}

/** The payload of a message, where it is JSON. */
export function jsonOf({ headers, body }: Pick<MessageRecord, 'headers' | 'body'>): unknown {
  const type = headers.find(([name]) => name === 'content-type')?.[1]
  if (!isJson(type)) return undefined
  try {
    return readJson(body)
  } catch {
    return undefined // it says that it is JSON, and is not: nothing can be read from it
  }
}

function valueAt(payload: unknown, path: string): unknown {
  let value = payload
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

function isValue(value: unknown): value is FilterValue {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
