import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import type { Retry, RetrySettings } from './core/backoff.js'
import { type Clock, systemClock } from './core/clock.js'
import { type Duration, toMs } from './core/duration.js'
import { checkOptionNames } from './core/option-names.js'
import { InvalidOptionsError } from './errors.js'
import type { ChildOptions, Handshake, Page, Respond, Verify } from './model/code.js'
import { checkedPublicUrl } from './model/public-url.js'
import type { RawRequest, Received } from './model/received.js'
import type { CallbackMethod } from './model/receiver.js'
import type { Store } from './store/store.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Every default of the library, in milliseconds and bytes. */
export const DEFAULTS = {
  port: 3000,
  prefix: '/r',
  storePath: 'longline.db',
  capacity: 10_000,
  maxBodyBytes: 1024 * 1024,
  methods: ['POST'],
  respondTimeoutMs: 10 * SECOND,
  /** How long a sender may take over its body. */
  bodyTimeoutMs: 30 * SECOND,
  /** How long a sender whose body is not read on has to read why, before its connection is cut. */
  lingerMs: SECOND,
  /** How much of a body that nobody wants is read, so that its connection can be used again. */
  discardedBytes: 4 * 1024,
  /** How long a verifier, a handshake, a schema or a page may take over one request. */
  codeTimeoutMs: 10 * SECOND,
  /** `Retry-After`, when nothing can be accepted at all, and when a mailbox is full. */
  unavailableRetryMs: 5 * SECOND,
  fullRetryMs: 30 * SECOND,
  /** How much of an answer's body is remembered for repetitions of the request. */
  answerBytes: 16 * 1024,
  /** How many receivers the intake remembers between requests. */
  cachedReceivers: 10_000,
  /** How much a result or an input may take up, once it is written. */
  valueBytes: 1024 * 1024,
  dedupeWindowMs: 7 * DAY,
  callbacksMs: 7 * DAY,
  messagesMs: 30 * DAY,
  /** What is large in messages and answers, once they have ended. */
  bodiesMs: 7 * DAY,
  runsMs: 30 * DAY,
  /** How long a receiver without a key answers `410` after its end; then `404`. */
  keylessMs: 30 * DAY,
  deliveryDeadlineMs: 30 * DAY,
  /** How long an endpoint may fail before it is paused, and how far apart failures must lie to count as separate ones. */
  failingMs: 5 * DAY,
  strikeMs: 12 * HOUR,
  /** How fast what has gathered is sent once a paused endpoint is resumed, and what is sent again by filter. */
  catchUp: { count: 10, perMs: SECOND },
  /** How much of each kind one pass does, where a server does not work by itself. */
  passLimit: 100,
  leaseMs: 15 * SECOND,
  renewMs: 5 * SECOND,
  pollMs: SECOND,
  graceMs: 5 * SECOND,
  sweepMs: MINUTE,
  maxCrashes: 20,
  consumeConcurrency: 1,
  consumeRetry: { attempts: 10, delayMs: SECOND, maxDelayMs: 10 * MINUTE, factor: 3, jitter: 0.2 },
  stepRetry: { attempts: 3, delayMs: SECOND, maxDelayMs: 10 * MINUTE, factor: 3, jitter: 0.2 },
  parkAfterMs: SECOND,
  endpointConcurrency: 16,
  connectTimeoutMs: 5 * SECOND,
  endpointTimeoutMs: 15 * SECOND,
  /** How many attempts in a row may fail before an endpoint is left alone, and for how long. */
  breaker: { failures: 10, pauseMs: 30 * SECOND },
  /** How long a token of OAuth 2 is used whose server does not say how long it is good. */
  tokenLifeMs: 5 * MINUTE,
  /** How long before its end a token is used no more; of one that lives shortly, half its life at the most. */
  tokenMarginMs: 30 * SECOND,
  deliveryRetry: {
    attempts: 10,
    delaysMs: [
      5 * SECOND,
      5 * MINUTE,
      30 * MINUTE,
      2 * HOUR,
      5 * HOUR,
      10 * HOUR,
      14 * HOUR,
      20 * HOUR,
      24 * HOUR,
    ],
    delayMs: 5 * SECOND,
    maxDelayMs: 24 * HOUR,
    factor: 3,
    jitter: 0.2,
  },
} as const satisfies {
  readonly [What in 'consumeRetry' | 'stepRetry' | 'deliveryRetry']: RetrySettings
} & Record<string, unknown>

/** Where what happens inside is told: pino fits, and so does `console` wrapped in four lines. */
export type Logger = Record<'debug' | 'info' | 'warn' | 'error', (facts: object, message: string) => void>

/** One fact, after it is durable: `{ type: 'callback.accepted', at, receiverId, … }`. */
export interface Observation {
  readonly type: string
  readonly at: Date
  readonly [fact: string]: unknown
}

export interface ServerOptions {
  /** A path (SQLite; default `longline.db`), `'postgres://…'`, `'memory:'`, or a store such as `postgres({ pool })`. */
  store?: string | Store
  /** How the world reaches this server, including the path it is mounted under. Asked again for each URL. */
  publicUrl?: string | (() => string)
  /** The segment before the token, default `/r`. What stands before it in a request's path is ignored. */
  prefix?: `/${string}`
  /** Private ranges that messages may go to, as CIDR; `true` is all of them. */
  allowPrivate?: boolean | readonly string[]
  /** Lets endpoints be `http:` outside development. */
  allowInsecure?: boolean
  /** How long what ended is kept. Default: callbacks 7 days, messages and runs 30 days; bodies of messages and answers 7 days. */
  retention?: { readonly [What in 'callbacks' | 'messages' | 'bodies' | 'runs']?: Duration }
  /**
   * `false`: this server only accepts. Runs, messages and what is published wait for other nodes, or for `processDue`; `consume`
   * is refused. Default `true`.
   */
  work?: boolean
  /** How long a run may only wait before it leaves memory. Default 1 s; `false` keeps it. Without `work` it leaves at once. */
  parkAfter?: Duration | false
  logger?: Logger
  /** For metrics and traces: every accept, hand-out, attempt and end, after it is durable. */
  observe?: (event: Observation) => void
  clock?: Clock
  /** What carries requests out. For tests: the address guard does not apply to it. */
  fetch?: (request: Request) => Promise<Response>
}

export interface ListenOptions extends ServerOptions {
  /** Default 3000; 0 takes any free one. */
  port?: number
  /** Default: every interface (IPv4); loopback without a `publicUrl`, or with one of this machine. */
  host?: string
}

export interface SourceOptions<T> {
  /** Not met: `422`; or among `failed()`, if it was accepted while this code was not loaded. */
  schema?: Schema<unknown, T>
  /** One of them must return `true` or an id. Anything else, `undefined` included, is `401`. */
  verify?: Verify | readonly Verify[] | null
  /** By what a repeated request is known. Default: the verifier's id, `webhook-id`, `idempotency-key`. */
  dedupe?: (request: RawRequest) => string | undefined
  /** How long a repeated request is recognised, from acceptance. Default 7 days. */
  dedupeWindow?: Duration
  /** Default `POST`. `GET` must be asked for: link previews and scanners trigger it. */
  methods?: readonly CallbackMethod[]
  /** Default 1 MiB. */
  maxBodyBytes?: number
  /** What the sender reads: fixed, computed once the callback is durable, or left to `callback.respond`. */
  respond?: Respond<T>
  /** How long a sender is kept waiting for its answer before it reads `202`. Default 10 s. */
  respondTimeout?: Duration
  /** Questions a provider asks before it sends, answered without consuming anything: `handshakes` has those of six. */
  handshake?: Handshake
  /** What a person sees who opens the URL, also when it is closed or expired. Consumes nothing. */
  page?: Page
}

/**
 * `verify`, `dedupe`, `respond` and `handshake` given here, and not by `from`, mean `503` after a restart until this `spawn` has
 * run again; `schema` is then applied when the callback is read, and `page` answers `405`. One or the other: inline
 * `verify` beside `from` is an error.
 */
export interface ReceiverOptions<T> extends ChildOptions<T>, SourceOptions<T> {}

export interface ConsumeOptions<T> {
  /** How many handlers run at the same moment. Default 1. */
  concurrency?: number
  /** For a handler that throws; restarts do not count. Default: ten tries, 1 s to 10 min apart. */
  retry?: Retry
  /** Callbacks with an equal result are handled one after the other, in order of `seq`. */
  orderBy?: (callback: Received<T>) => string
  /** For a workflow: the key of the run. Default: the callback's id. */
  key?: (callback: Received<T>) => string
}

export interface ServerSettings {
  readonly prefix: string
  /** Checked, and without a slash at its end. */
  readonly publicUrl: () => string
  readonly allowPrivate: boolean | readonly string[]
  readonly allowInsecure: boolean
  readonly callbacksMs: number
  readonly messagesMs: number
  readonly bodiesMs: number
  readonly runsMs: number
  readonly work: boolean
  readonly parkAfterMs: number | false
  readonly logger: Logger
  readonly observe: (event: Observation) => void
  readonly clock: Clock
  readonly fetch?: (request: Request) => Promise<Response>
}

/** For who checks that no option is misspelt. */
export const serverOptionNames: readonly string[] = [
  'store',
  'publicUrl',
  'prefix',
  'allowPrivate',
  'allowInsecure',
  'retention',
  'work',
  'parkAfter',
  'logger',
  'observe',
  'clock',
  'fetch',
] satisfies (keyof ServerOptions)[]

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
export const CONSOLE: Logger = {
  ...SILENT,
  warn: (facts, message) => console.warn(`longline: ${message}`, facts),
  error: (facts, message) => console.error(`longline: ${message}`, facts),
}

/**
 * The caller's options, checked.
 *
 * @throws InvalidOptionsError that says which option, what is wrong with it, and what to write instead.
 */
export function toServerSettings(options: ServerOptions, publicUrl: () => string): ServerSettings {
  checkOptionNames(options, [...serverOptionNames, 'port', 'host'], 'The server')
  const prefix = options.prefix ?? DEFAULTS.prefix
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(prefix)) {
    throw new InvalidOptionsError(
      `prefix must be a path such as '/r', without a slash at its end; got '${prefix}'`,
    )
  }
  if (options.retention !== undefined)
    checkOptionNames(options.retention, ['callbacks', 'messages', 'bodies', 'runs'], 'retention')
  if (options.work !== undefined && typeof options.work !== 'boolean') {
    throw new InvalidOptionsError('work must be true or false')
  }
  const logger = safeLogger(options.logger ?? CONSOLE)
  return {
    prefix,
    publicUrl: checkedPublicUrl(publicUrl),
    allowPrivate: options.allowPrivate ?? false,
    allowInsecure: options.allowInsecure ?? false,
    callbacksMs: toMs(options.retention?.callbacks ?? DEFAULTS.callbacksMs, 'retention.callbacks'),
    messagesMs: toMs(options.retention?.messages ?? DEFAULTS.messagesMs, 'retention.messages'),
    bodiesMs: toMs(options.retention?.bodies ?? DEFAULTS.bodiesMs, 'retention.bodies'),
    runsMs: toMs(options.retention?.runs ?? DEFAULTS.runsMs, 'retention.runs'),
    work: options.work ?? true,
    parkAfterMs:
      options.parkAfter === false ? false : toMs(options.parkAfter ?? DEFAULTS.parkAfterMs, 'parkAfter'),
    logger,
    observe: safeObserve(options.observe, logger),
    clock: options.clock ?? systemClock,
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  }
}

/** Telling must never change what is told of: a logger that throws is not heard of again for that line. */
function safeLogger(logger: Logger): Logger {
  const safely = (level: keyof Logger) => (facts: object, message: string) => {
    try {
      logger[level](facts, message)
    } catch {
      // There is nobody left to tell.
    }
  }
  return { debug: safely('debug'), info: safely('info'), warn: safely('warn'), error: safely('error') }
}

function safeObserve(observe: ServerOptions['observe'], logger: Logger): (event: Observation) => void {
  if (observe === undefined) return () => undefined
  const failed = (err: unknown) =>
    logger.error({ err }, 'observe threw; what it was told of is done all the same')
  return event => {
    try {
      // An async function fits the type, too.
      const told: unknown = observe(event)
      if (told instanceof Promise) told.catch(failed)
    } catch (err) {
      failed(err)
    }
  }
}
