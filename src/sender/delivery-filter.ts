import { checkKey } from '../core/bytes.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { DeathReason, DeliveryStatus, Lane } from '../model/delivery.js'
import type { Target } from '../model/message.js'
import { checkTopic } from '../model/topic.js'
import type { ListDeliveriesInput } from '../store/history.js'
import { toLane } from './target.js'

// Which deliveries somebody means. What is found may be sent again, so a filter that says less than its author meant must not
// pass for one that asks for more.
//
//   F1. What is there and `undefined` is refused: a variable that is missing does not mean everything.
//   F2. A value that nothing can have is refused, and not taken for one that nothing happens to have.

/** Everything that is given must hold. */
export interface DeliveryFilter {
  status?: DeliveryStatus
  reason?: DeathReason
  /** What was published to that very topic. */
  topic?: string
  /** An endpoint or its name, or a URL, of which the origin counts. */
  endpoint?: Target
  /** The id of one. */
  subscription?: string
  messageId?: string
  /** When the message was created: from then on, … */
  since?: Date
  /** … and before that. */
  until?: Date
}

export interface DeliveryListOptions extends DeliveryFilter {
  /** The `cursor` of the last one that `list` gave; that of a stream is another. Default: from the beginning. */
  after?: string | undefined
  /** Default `false`: the oldest first. */
  newest?: boolean
}

export interface DeliveryStreamOptions {
  /** The `cursor` of the last one that the stream gave; that of `list` is another. Default: from the beginning of what is kept. */
  after?: string | undefined
  topic?: string
  endpoint?: Target
  subscription?: string
  /** Goes on, with what comes, until the signal is aborted or the server closes. Default `false`: ends with what is there. */
  follow?: boolean
  signal?: AbortSignal
}

export interface AttemptStreamOptions extends DeliveryStreamOptions {
  /** Those of one delivery. */
  deliveryId?: string
}

/** What of a filter is a range of the store's. */
export interface Place {
  readonly lane?: Lane
  readonly topic?: string
}

const placeNames = ['topic', 'endpoint', 'subscription']
const filterNames = [...['status', 'reason'], ...placeNames, ...['messageId', 'since', 'until']]
const streamNames = ['after', ...placeNames, 'follow', 'signal']

const statuses: Readonly<Record<DeliveryStatus, true>> = {
  due: true,
  sending: true,
  delivered: true,
  dead: true,
}
const reasons: Readonly<Record<DeathReason, true>> = {
  exhausted: true,
  rejected: true,
  refused: true,
  cancelled: true,
  expired: true,
  unsubscribed: true,
}

/** @throws InvalidOptionsError for a name that is no filter's, and a value that none can have. */
export function checkFilter(filter: DeliveryFilter, what: string): Omit<ListDeliveriesInput, 'limit'> {
  checkOptionNames(filter, filterNames, what)
  checkGiven(filter, what)
  const { status, reason, messageId, since, until } = filter
  return {
    ...toPlace(filter),
    ...(status === undefined ? {} : { status: checkOneOf(status, statuses, 'status') }),
    ...(reason === undefined ? {} : { reason: checkOneOf(reason, reasons, 'reason') }),
    ...(messageId === undefined ? {} : { messageId: checkKey(messageId, 'messageId') }),
    ...(since === undefined ? {} : { since: checkDate(since, 'since') }),
    ...(until === undefined ? {} : { until: checkDate(until, 'until') }),
  }
}

/** @throws InvalidOptionsError as `checkFilter`, and for a cursor of something else. */
export function checkList(options: DeliveryListOptions): {
  readonly wanted: Omit<ListDeliveriesInput, 'limit'>
  readonly after?: string
} {
  const what = 'list of deliveries'
  checkOptionNames(options, [...filterNames, 'after', 'newest'], what)
  const { after, newest, ...filter } = options
  const wanted = { ...checkFilter(filter, what), newest: toFlag(newest, 'newest') }
  if (after === undefined) return { wanted }
  if (typeof after !== 'string' || !/^dlv_\w+$/.test(after)) {
    throw new InvalidOptionsError(
      "after must be the cursor of a delivery that list gave, such as 'dlv_…'; dead and attempts have cursors of their own",
    )
  }
  return { wanted, after }
}

/** `more`: what this stream may be narrowed down by, besides. */
export function checkStream(
  options: AttemptStreamOptions,
  what: string,
  more: readonly string[] = [],
): {
  readonly place: Place & { readonly deliveryId?: string }
  readonly after: string | undefined
  readonly follow: boolean
  readonly signal: AbortSignal | undefined
} {
  checkOptionNames(options, [...streamNames, ...more], what)
  checkGiven(options, what)
  const { after, deliveryId, follow, signal } = options
  if (after !== undefined && typeof after !== 'string') {
    throw new InvalidOptionsError(`after must be the cursor of something that ${what} gave, which is a text`)
  }
  const ofDelivery = deliveryId === undefined ? {} : { deliveryId: checkKey(deliveryId, 'deliveryId') }
  return {
    place: { ...toPlace(options), ...ofDelivery },
    after,
    follow: toFlag(follow, 'follow'),
    signal,
  }
}

function toPlace({ topic, endpoint, subscription }: DeliveryFilter): Place {
  const lane = toLane({
    ...(endpoint === undefined ? {} : { endpoint: toName(endpoint) }),
    ...(subscription === undefined ? {} : { subscription: checkKey(subscription, 'subscription') }),
  })
  return {
    ...(topic === undefined ? {} : { topic: checkTopic(topic, 'topic') }),
    ...(lane === undefined ? {} : { lane }),
  }
}

/** By what `toLane` knows it. */
function toName(endpoint: Target): string {
  const name =
    endpoint instanceof URL ? endpoint.href : typeof endpoint === 'string' ? endpoint : endpoint?.name
  if (typeof name === 'string' && name !== '') return name
  throw new InvalidOptionsError("endpoint must be an endpoint, an endpoint's name, or a URL")
}

/** Where to begin, and how, may be left to us: that says nothing about what is wanted. */
function checkGiven(filter: object, what: string): void {
  const narrowing = [...filterNames, 'deliveryId']
  const missing = Object.entries(filter).find(
    ([name, value]) => value === undefined && narrowing.includes(name),
  )
  if (missing === undefined) return
  throw new InvalidOptionsError(
    `${missing[0]} of ${what} is undefined; give its value, or leave it out to ask for whatever it is`,
  )
}

function checkOneOf<T extends string>(value: T, all: Readonly<Record<T, true>>, what: string): T {
  if (typeof value === 'string' && Object.hasOwn(all, value)) return value
  throw new InvalidOptionsError(
    `${what} must be one of ${Object.keys(all)
      .map(each => `'${each}'`)
      .join(', ')}`,
  )
}

function checkDate(date: Date, what: string): number {
  const instant = date instanceof Date ? date.getTime() : Number.NaN
  if (!Number.isNaN(instant)) return instant
  throw new InvalidOptionsError(`${what} must be a Date, such as new Date('2026-01-31T12:00:00Z')`)
}

function toFlag(flag: boolean | undefined, what: string): boolean {
  if (flag === undefined || typeof flag === 'boolean') return flag ?? false
  throw new InvalidOptionsError(`${what} must be true or false`)
}
