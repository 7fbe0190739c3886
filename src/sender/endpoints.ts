import { toRetrySettings } from '../core/backoff.js'
import { checkKey } from '../core/bytes.js'
import { toMs } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { EndpointRefusedError, InvalidOptionsError } from '../errors.js'
import type { Lane } from '../model/delivery.js'
import type { JoinOptions } from '../model/joining.js'
import type { Delivery, Message, Target } from '../model/message.js'
import { DEFAULTS, type EndpointOptions } from '../options.js'
import { type Guard, isLoopbackHost } from './guard.js'
import { toHeaderList } from './headers.js'
import type { Policy } from './policy.js'
import type { ResolvedTarget } from './target.js'

// Whom we call, by name.
//
// Owns:   the endpoints declared in this process.
// Leaves: whether an address may be called (guard); what a message puts behind it (address).
//
//   E1. Declaring a name again replaces the earlier declaration, also for messages that wait already.
//   E2. A URL is checked when it is given, and again at each attempt: it may come from a process with other settings.

/** A declared endpoint. */
export interface EndpointSettings extends Policy {
  readonly name: string
  readonly url: string
}

/** Whom we call. Also found by its name, as `to: 'app'`. */
export interface Endpoint {
  readonly name: string
  /** Resolves when the message is durable. */
  send(message: Omit<Message, 'to'>): Promise<Delivery>
  /** With a key there is one message: the second call returns the delivery of the first. */
  send(key: string, message: Omit<Message, 'to'>, options?: JoinOptions): Promise<Delivery>
}

const optionNames = ['url', 'headers', 'timeout', 'success', 'final', 'retry', 'concurrency']

/** For URLs that were written out. */
export const writtenOut: Policy = {
  headers: [],
  timeoutMs: DEFAULTS.endpointTimeoutMs,
  retry: DEFAULTS.deliveryRetry,
  concurrency: DEFAULTS.endpointConcurrency,
}

export interface EndpointsParts {
  /** Absent where requests are carried out by a `fetch` of the caller's: any address may be called then. */
  readonly guard?: Guard
  readonly allowInsecure: boolean
  /** Asked each time: a server that listens on a port of its own learns its address late. */
  readonly development: () => boolean
}

export class Endpoints {
  readonly #parts: EndpointsParts
  readonly #declared = new Map<string, EndpointSettings>()

  constructor(parts: EndpointsParts) {
    this.#parts = parts
  }

  /**
   * @throws InvalidOptionsError for an option that makes no sense.
   * @throws EndpointRefusedError for an address that would not be called.
   */
  declare(name: string, options: EndpointOptions): EndpointSettings {
    checkKey(name, 'the name of an endpoint')
    if (name.includes('://')) {
      throw new InvalidOptionsError(
        "The name of an endpoint must not hold '://': it would be taken for a URL",
      )
    }
    const settings = { name, ...this.#settings(`endpoint '${name}'`, options) }
    this.#declared.set(name, settings)
    return settings
  }

  /** @throws InvalidOptionsError for a name that is not declared, and for what is no target at all. */
  resolve(target: Target): ResolvedTarget {
    const text = target instanceof URL ? target.href : target
    if (typeof text === 'string' && text.includes('://')) {
      const url = this.#checkUrl(text, 'to')
      return { lane: `origin:${url.origin}`, url: url.href }
    }
    const name = typeof text === 'string' ? text : text?.name
    if (typeof name !== 'string') {
      throw new InvalidOptionsError("to must be an endpoint, an endpoint's name, or a URL")
    }
    if (!this.#declared.has(name)) {
      throw new InvalidOptionsError(this.#unknown(name))
    }
    return { lane: `endpoint:${name}` }
  }

  /**
   * Where a message goes, and how, as it stands now; `undefined` when its endpoint is not declared here.
   *
   * @throws EndpointRefusedError for a URL that was written out and would not be accepted any more.
   */
  settingsFor(target: ResolvedTarget): (Policy & { readonly url: string }) | undefined {
    if (target.url !== undefined) return { ...writtenOut, url: this.#checkUrl(target.url, 'to').href }
    return this.#declared.get(nameOf(target.lane))
  }

  *[Symbol.iterator](): Iterator<{ readonly lane: Lane; readonly concurrency: number }> {
    for (const { name, concurrency } of this.#declared.values()) {
      yield { lane: `endpoint:${name}`, concurrency }
    }
  }

  #settings(what: string, options: EndpointOptions): Policy & { readonly url: string } {
    checkOptionNames(options, optionNames, what)
    const headers = toHeaderList(options.headers, `headers of ${what}`)
    if (headers.some(([name]) => name === 'content-type')) {
      throw new InvalidOptionsError(
        `headers of ${what}: leave 'content-type' out, it belongs to each message`,
      )
    }
    const success = toStatuses(options.success, `success of ${what}`)
    const final = toStatuses(options.final, `final of ${what}`)
    return {
      url: this.#checkUrl(options.url, `url of ${what}`).href,
      headers,
      timeoutMs: toTimeoutMs(options.timeout, `timeout of ${what}`),
      ...(success === undefined ? {} : { success }),
      ...(final === undefined ? {} : { final }),
      retry: toRetrySettings(options.retry, DEFAULTS.deliveryRetry, `retry of ${what}`),
      concurrency: toConcurrency(options.concurrency, `concurrency of ${what}`),
    }
  }

  /** Nothing of a URL but its host is quoted: path and query of it may hold a credential. */
  #checkUrl(text: string | URL, what: string): URL {
    const href = text instanceof URL ? text.href : text
    const url = typeof href === 'string' && URL.canParse(href) ? new URL(href) : undefined
    if (url === undefined) {
      throw new InvalidOptionsError(`${what} must be an absolute URL such as 'https://api.example.com/v1'`)
    }
    const { protocol, host, hostname } = url
    if (protocol !== 'https:' && protocol !== 'http:') {
      throw new EndpointRefusedError(
        `${what} begins with '${protocol}'; messages go to https: and http: addresses only`,
      )
    }
    if (url.username !== '' || url.password !== '') {
      throw new InvalidOptionsError(
        `${what} holds credentials; declare an endpoint and put them into its headers, as 'authorization'`,
      )
    }
    if (url.hash !== '') {
      throw new InvalidOptionsError(`${what} has a fragment ('#…'), which no request can carry`)
    }

    const { guard, allowInsecure, development } = this.#parts
    const reason = guard?.judgeHost(hostname)
    if (reason !== undefined) {
      throw new EndpointRefusedError(
        `${what} leads to ${host}, ${reason}; allowPrivate opens ranges of such addresses`,
      )
    }
    if (protocol === 'http:' && !allowInsecure && !(development() && isLoopbackHost(hostname))) {
      throw new EndpointRefusedError(
        `${what} is http:, so anybody between could read and change it; use https:, or set allowInsecure`,
      )
    }
    return url
  }

  /** What was meant to be a URL may hold a credential, so its host alone is quoted. */
  #unknown(name: string): string {
    const declared = [...this.#declared.keys()].map(each => `'${each}'`)
    const there = declared.length === 0 ? 'none is' : `declared are ${declared.join(', ')}`
    const [start = ''] = name.split(/[/?#]/)
    const host = start.replace(/^.*@/s, '')
    const shown = host === name ? `'${name}'` : `'${host}…'`
    const url = /^[\w-]+([.:][\w-]+)+$/.test(host) ? `'https://${host}…'` : "'https://…'"
    return `No endpoint ${shown} is declared on this server (${there}); a URL needs its scheme, as in ${url}`
  }
}

function nameOf(lane: Lane): string {
  return lane.slice('endpoint:'.length)
}

function toStatuses(list: readonly number[] | undefined, what: string): ReadonlySet<number> | undefined {
  if (list === undefined) return undefined
  if (!Array.isArray(list)) {
    throw new InvalidOptionsError(`${what} must be a list of statuses, such as [200, 202]`)
  }
  for (const status of list) {
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new InvalidOptionsError(
        `${what} holds ${JSON.stringify(status)}; a status is a whole number from 200 to 599`,
      )
    }
  }
  return new Set(list)
}

function toTimeoutMs(timeout: EndpointOptions['timeout'], what: string): number {
  const timeoutMs = toMs(timeout ?? DEFAULTS.endpointTimeoutMs, what)
  if (timeoutMs === 0) throw new InvalidOptionsError(`${what} must be longer than 0`)
  return timeoutMs
}

function toConcurrency(concurrency: number | undefined, what: string): number {
  const count = concurrency ?? DEFAULTS.endpointConcurrency
  if (Number.isInteger(count) && count >= 1) return count
  throw new InvalidOptionsError(`${what} must be a whole number from 1`)
}
