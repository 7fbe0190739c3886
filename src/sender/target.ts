import { InvalidOptionsError } from '../errors.js'
import type { Lane } from '../model/delivery.js'

export interface ResolvedTarget {
  readonly lane: Lane
  /** The URL, where the target was written out. */
  readonly url?: string
}

/**
 * The lane that somebody asks about: of an endpoint by its name, of a URL, or of a subscription by its id. It need not
 * be there.
 */
export function toLane({
  endpoint,
  subscription,
}: {
  readonly endpoint?: string
  readonly subscription?: string
}): Lane | undefined {
  if (endpoint !== undefined && subscription !== undefined) {
    throw new InvalidOptionsError('endpoint and subscription are two places to look in; give one of them')
  }
  if (subscription !== undefined) return `subscription:${subscription}`
  if (endpoint === undefined) return undefined
  return URL.canParse(endpoint) && endpoint.includes('://')
    ? `origin:${new URL(endpoint).origin}`
    : `endpoint:${endpoint}`
}
