import { InvalidOptionsError, VerificationError } from '../../errors.js'
import { checkMakerOptions } from '../maker-options.js'
import { toSecrets } from '../secrets.js'
import type { ProviderHandshake } from './answer.js'

export interface CloudEventsOptions {
  /** Who may send, by the DNS names that senders go by: `eventgrid.azure.net`. `'*'` is everybody. */
  origins: string | readonly string[]
  /** How many requests a minute a sender may make at the most. Default `'*'`: as many as it likes. */
  rate?: number | '*'
}

const MOST_RATE = 999_999_999

/**
 * Senders of CloudEvents (Azure Event Grid is one, our own subscriptions with `proof: 'cloudevents'` are others) ask whether they
 * may send: `OPTIONS` with `WebHook-Request-Origin`. They read that they may, and how fast: as fast as they ask for, up to `rate`.
 *
 * The URL in `WebHook-Request-Callback` is not called. It is a way for those who cannot answer at once, and calling what a
 * stranger names is what this handshake is there to prevent.
 *
 * ```ts
 * server.source('events', { handshake: handshakes.cloudEvents({ origins: 'eventgrid.azure.net', rate: 600 }) })
 * ```
 *
 * @throws InvalidOptionsError for no origin, for a URL in the place of one, and for a rate that is no whole number of at least 1.
 * @see https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection
 */
export function cloudEvents(options: CloudEventsOptions): ProviderHandshake {
  checkMakerOptions(options, ['origins', 'rate'], 'The handshake cloudEvents')
  const { rate = '*' } = options
  const origins = toSecrets(options.origins, 'The handshake cloudEvents: origins').map(toOrigin)
  if (rate !== '*' && !isRate(rate)) {
    throw new InvalidOptionsError(
      `The handshake cloudEvents: rate must be a whole number of requests a minute, from 1 to ${MOST_RATE}, or '*'`,
    )
  }
  return ({ method, headers }) => {
    const origin = headers.get('webhook-request-origin')
    if (method !== 'OPTIONS' || origin === null) return undefined
    return new Response(null, {
      headers: {
        allow: 'POST',
        'webhook-allowed-origin': allowedOrigin(origin, origins),
        'webhook-allowed-rate': allowedRate(Number(headers.get('webhook-request-rate')), rate),
      },
    })
  }
}

/** @throws InvalidOptionsError for a URL. */
function toOrigin(name: string): string {
  if (!name.includes('/')) return lowerCase(name)
  throw new InvalidOptionsError(
    "The handshake cloudEvents: origins must be DNS names, such as 'eventgrid.azure.net', without 'https://' and without a path",
  )
}

/** @throws VerificationError for one that is not allowed. */
function allowedOrigin(origin: string, origins: readonly string[]): string {
  if (origins.includes('*')) return '*'
  if (origins.includes(lowerCase(origin))) return origin
  throw new VerificationError(
    'cloudEvents: it asks for an origin that is not among origins: let webhook-request-origin be one of them',
  )
}

/** What is no rate asks for nothing in particular. */
function allowedRate(requested: number, most: number | '*'): string {
  if (!isRate(requested)) return String(most)
  return String(most === '*' ? requested : Math.min(requested, most))
}

function isRate(rate: number): boolean {
  return Number.isSafeInteger(rate) && rate >= 1 && rate <= MOST_RATE
}

/** Names of hosts know no capitals. */
function lowerCase(name: string): string {
  return name.toLowerCase()
}
