import { checkKey } from '../core/bytes.js'
import { checkOptionNames } from '../core/option-names.js'
import { EndpointRefusedError, InvalidOptionsError } from '../errors.js'
import type { Lane } from '../model/delivery.js'
import type { EndpointOptions } from '../model/endpoint-options.js'
import type { JoinOptions } from '../model/joining.js'
import type { Rate } from '../model/lane.js'
import type { Delivery, Message, Target } from '../model/message.js'
import type { EndpointHealth } from './endpoint-health.js'
import { type Guard, isLoopbackHost } from './guard.js'
import type { Policy } from './policy.js'
import {
  type AddressHints,
  endpointDefaults,
  type PolicyDefaults,
  policyOptionNames,
  toPolicy,
  writtenOut,
} from './policy-options.js'
import type { ResolvedTarget } from './target.js'
import { toUrlTemplate, type UrlTemplate } from './url-template.js'

// Whom we call, by name.
//
// Owns:   the endpoints declared in this process.
// Leaves: whether an address may be called (guard); what a message puts into it (url-template) and behind it (address);
//         how it is sent there (policy-options).
//
//   E1. Declaring a name again replaces the earlier declaration, also for messages that wait already.
//   E2. A URL is checked when it is given, and again at each attempt: it may come from a process with other settings.

/** Whom we call, and how. */
export type TargetSettings = Policy & UrlTemplate

/** A declared endpoint. */
export type EndpointSettings = TargetSettings & {
  readonly name: string
  readonly deadLetter?: Target
}

/** Whom we call. Also found by its name, as `to: 'app'`. */
export interface Endpoint {
  readonly name: string
  /** What is sent to it waits until `resume`, on every node, up to its deadline. `false` when it is paused already. */
  pause(): Promise<boolean>
  /** What has gathered is sent, ten a second, then everything at once. `false` when it was not paused. */
  resume(): Promise<boolean>
  /** How it has been doing, as all nodes have seen it. */
  health(): Promise<EndpointHealth>
  /** Resolves when the message is durable. */
  send(message: Omit<Message, 'to'>): Promise<Delivery>
  /** With a key there is one message: the second call returns the delivery of the first. */
  send(key: string, message: Omit<Message, 'to'>, options?: JoinOptions): Promise<Delivery>
}

const ENDPOINT = 'endpoint:'
const optionNames = ['url', 'deadLetter', ...policyOptionNames]

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
    const what = `endpoint '${name}'`
    checkOptionNames(options, optionNames, what)
    const { deadLetter } = options
    if (deadLetter !== undefined) this.#checkDeadLetter(deadLetter, name, what)
    const settings = {
      name,
      ...this.toSettings(what, options, endpointDefaults),
      ...(deadLetter === undefined ? {} : { deadLetter }),
    }
    this.#declared.set(name, settings)
    return settings
  }

  /**
   * Whom somebody means, and how it is sent there, checked; `what` says whose options they are, whose names are not checked
   * here.
   *
   * @throws InvalidOptionsError for an option that makes no sense.
   * @throws EndpointRefusedError for an address that would not be called.
   */
  toSettings(what: string, options: EndpointOptions, defaults: PolicyDefaults): TargetSettings {
    const policy = toPolicy(what, options, defaults)
    const url = `url of ${what}`
    const { hints } = defaults
    const template = toUrlTemplate(options.url, url, text => this.#checkUrl(text, url, hints))
    if (policy.tls !== undefined && !template.url.startsWith('https:')) {
      throw new InvalidOptionsError(`tls of ${what} needs an https: URL`)
    }
    if (policy.credentials?.type === 'oauth2') {
      this.#checkUrl(policy.credentials.oauth2.tokenUrl, `auth of ${what}.oauth2.tokenUrl`, hints)
    }
    return { ...policy, ...template }
  }

  /**
   * `what` is the option that names the target, in messages.
   *
   * @throws InvalidOptionsError for a name that is not declared, and for what is no target at all.
   */
  resolve(
    target: Target,
    { what = 'to', hints = endpointDefaults.hints }: { what?: string; hints?: AddressHints } = {},
  ): ResolvedTarget {
    const text = target instanceof URL ? target.href : target
    if (typeof text === 'string' && text.includes('://')) {
      const url = this.#checkUrl(text, what, hints)
      return { lane: `origin:${url.origin}`, url: url.href }
    }
    const name = typeof text === 'string' ? text : text?.name
    if (typeof name !== 'string') {
      throw new InvalidOptionsError(`${what} must be an endpoint, an endpoint's name, or a URL`)
    }
    if (!this.#declared.has(name)) {
      throw new InvalidOptionsError(this.#unknown(name, hints))
    }
    return { lane: `endpoint:${name}` }
  }

  /**
   * Where a message goes, and how, as it stands now; `undefined` when its endpoint is not declared here.
   *
   * @throws EndpointRefusedError for a URL that was written out and would not be accepted any more.
   */
  settingsFor(target: ResolvedTarget): TargetSettings | undefined {
    if (target.url !== undefined) {
      return { ...writtenOut, url: this.#checkUrl(target.url, 'to').href, variables: [] }
    }
    return this.#inLane(target.lane)
  }

  /** Who is told of what could not be delivered in a lane. */
  deadLetterOf(lane: Lane): Target | undefined {
    return this.#inLane(lane)?.deadLetter
  }

  /** The lanes of which this process can tell how deliveries ended: who is to be told is declared here, or nobody is. */
  get tellingLanes(): Lane[] {
    return [...this].flatMap(({ lane }) => (this.#undeclaredOf(lane) === undefined ? [lane] : []))
  }

  /** The other lanes: whom their endpoint names is not declared here. */
  get silentLanes(): Lane[] {
    return [...this].flatMap(({ lane }) => (this.#undeclaredOf(lane) === undefined ? [] : [lane]))
  }

  /** Why nobody here can tell whoever is to be told of an end in this lane. */
  whyUntold(lane: Lane): InvalidOptionsError | undefined {
    const name = this.#undeclaredOf(lane)
    return name === undefined
      ? undefined
      : new InvalidOptionsError(this.#unknown(name, endpointDefaults.hints))
  }

  /** Whom the endpoint of a lane names, where that is an endpoint that is not declared here. */
  #undeclaredOf(lane: Lane): string | undefined {
    const deadLetter = this.deadLetterOf(lane)
    const name = typeof deadLetter === 'object' && 'name' in deadLetter ? deadLetter.name : deadLetter
    if (typeof name !== 'string' || name.includes('://') || this.#declared.has(name)) return undefined
    return name
  }

  #inLane(lane: Lane): EndpointSettings | undefined {
    return lane.startsWith(ENDPOINT) ? this.#declared.get(lane.slice(ENDPOINT.length)) : undefined
  }

  *[Symbol.iterator](): Iterator<{
    readonly lane: Lane
    readonly concurrency: number
    readonly rateLimit?: Rate
  }> {
    for (const { name, concurrency, rateLimit } of this.#declared.values()) {
      yield { lane: `endpoint:${name}`, concurrency, ...(rateLimit === undefined ? {} : { rateLimit }) }
    }
  }

  /** It may be declared later, so that two endpoints can be each other's; but it is no endpoint that is always there. */
  #checkDeadLetter(target: Target, name: string, what: string): void {
    const text = target instanceof URL ? target.href : typeof target === 'string' ? target : target?.name
    if (typeof text !== 'string' || text === '') {
      throw new InvalidOptionsError(`deadLetter of ${what} must be an endpoint, an endpoint's name, or a URL`)
    }
    if (text === name) throw new InvalidOptionsError(`deadLetter of ${what} is that endpoint itself`)
    if (text.includes('://')) this.#checkUrl(text, `deadLetter of ${what}`)
  }

  /** Nothing of a URL but its host is quoted: path and query of it may hold a credential. */
  #checkUrl(text: string | URL, what: string, hints = endpointDefaults.hints): URL {
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
      throw new InvalidOptionsError(`${what} holds credentials${hints.credentials}`)
    }
    if (url.hash !== '') {
      throw new InvalidOptionsError(`${what} has a fragment ('#…'), which no request can carry`)
    }

    const { guard, allowInsecure, development } = this.#parts
    const reason = guard?.judgeHost(hostname)
    if (reason !== undefined) {
      throw new EndpointRefusedError(`${what} leads to ${host}, ${reason}${hints.private}`)
    }
    if (protocol === 'http:' && !allowInsecure && !(development() && isLoopbackHost(hostname))) {
      throw new EndpointRefusedError(
        `${what} is http:, so anybody between could read and change it; use https:${hints.insecure}`,
      )
    }
    return url
  }

  /** What was meant to be a URL may hold a credential, so its host alone is quoted. */
  #unknown(name: string, { declared }: AddressHints): string {
    const [start = ''] = name.split(/[/?#]/)
    const host = start.replace(/^.*@/s, '')
    const shown = host === name ? `'${name}'` : `'${host}…'`
    const url = /^[\w-]+([.:][\w-]+)+$/.test(host) ? `'https://${host}…'` : "'https://…'"
    return `No endpoint ${shown} is declared on this server${declared([...this.#declared.keys()])}; a URL needs its scheme, as in ${url}`
  }
}
