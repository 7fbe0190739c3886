import { after, type Clock, random } from '../core/clock.js'
import { EndpointRefusedError, InvalidOptionsError } from '../errors.js'
import type {
  AfterAttempt,
  AttemptRecord,
  ClaimedDelivery,
  DeliveryClaim,
  MessageRecord,
  RequestRecord,
} from '../model/delivery.js'
import { type LaneNews, slower } from '../model/lane.js'
import type { StoreSession } from '../store/store.js'
import { type Judged, type Tried, tryOnce } from './attempt.js'
import type { CarriedRequest, Carrier } from './carrier.js'
import type { Endpoints, TargetSettings } from './endpoints.js'
import type { Tokens } from './oauth2.js'
import { afterAttempt, objectionTo, type Policy, toNews } from './policy.js'
import { writtenOut } from './policy-options.js'
import { allowedRateOf, objectionToProof } from './proof.js'
import { redact } from './redaction.js'
import type { Reports } from './reports.js'
import { toRequest } from './request.js'
import { fromStored, toStored } from './stored-subscription.js'
import type { Subscribers } from './subscribers.js'
import { fillUrl } from './url-template.js'

// Takes one claimed delivery through one attempt.
//
// Owns:   nothing that outlives the attempt.
// Leaves: claiming (dispatcher), the HTTP exchange (carrier), what an answer means (policy), who is told of it (reports).
//
//   C1. URL and policy, signature and time stamp are those of the moment; message id, bytes and the message's own headers
//       never change.
//   C2. An attempt and what follows from it are one command. If the store cannot take it, it is told again until it can
//       or the server closes; then the delivery is tried again by somebody, under the same message id.
//   C3. An attempt cut short by closing before an answer came is given back uncounted. A claim that is ours no longer is
//       dropped: somebody else has the delivery.
//   C4. Whatever goes wrong, no delivery stays claimed while this process runs: what cannot even be prepared counts as
//       an attempt that failed, so that the schedule paces it.

export interface CourierParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly endpoints: Endpoints
  readonly subscribers: Subscribers
  readonly carrier: Carrier
  readonly tokens: Tokens
  readonly reports: Reports
  readonly onError: (error: unknown) => void
}

interface Prepared {
  readonly type: 'prepared'
  readonly settings: TargetSettings
  readonly request: CarriedRequest
}

type Unprepared = Exclude<Tried, { readonly type: 'answered' }>

const SHORTEST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5_000

export class Courier {
  readonly #parts: CourierParts

  constructor(parts: CourierParts) {
    this.#parts = parts
  }

  /** Resolves when the attempt is recorded, or the delivery given back; with `true` when its endpoint has answered, and is well. */
  async deliver(claimed: ClaimedDelivery, claim: DeliveryClaim, stop: AbortSignal): Promise<boolean> {
    const { clock, session, endpoints, reports } = this.#parts
    const startedAt = clock.now()
    const started = clock.monotonic()
    const prepared = this.#prepare(claimed, startedAt)
    if (prepared === undefined) return await this.giveBack(claim, stop)

    const tried = prepared.type === 'prepared' ? await this.#try(claimed, prepared, stop) : prepared
    if (tried === undefined) return await this.giveBack(claim, stop)

    const { delivery, message } = claimed
    const now = clock.now()
    const policy = prepared.type === 'prepared' ? prepared.settings : writtenOut
    const attempt = {
      at: startedAt,
      durationMs: Math.round(clock.monotonic() - started),
      ...toRecord(tried),
      ...(prepared.type === 'prepared' ? { request: redacted(prepared, message) } : {}),
    }
    const next = afterAttempt(policy, { delivery, tried, startedAt, now, random })
    const heard = toNews(policy, { lane: delivery.lane, tried, next, now })
    const news = (await this.#speaksOfAnother(claimed, heard)) ? undefined : heard
    if (next.status === 'delivered') await this.#insist(() => this.#keepAllowedRate(claimed, tried), stop)
    const consequences = this.#consequences(claimed, next)
    const outcome = await this.#insist(
      () =>
        session.recordAttempt({
          ...{ claim, attempt, next },
          ...(news === undefined ? {} : { news }),
          ...consequences,
          now: clock.now(),
        }),
      stop,
    )
    if (outcome === 'recorded' || outcome === 'ended') {
      reports.attempted(claimed, attempt, outcome === 'recorded' ? next : undefined)
    }
    if (outcome === 'recorded' && consequences.tells === true) {
      const untold = endpoints.whyUntold(delivery.lane)
      if (untold !== undefined) reports.untold(delivery, untold)
    }
    return outcome === 'recorded' && news?.type === 'answered'
  }

  /** Whether `gone` comes from a URL that the subscription has left since. Where the store cannot say, it is not believed. */
  async #speaksOfAnother({ subscription }: ClaimedDelivery, news: LaneNews | undefined): Promise<boolean> {
    if (subscription === undefined || news?.type !== 'gone') return false
    const { session, onError } = this.#parts
    try {
      const current = await session.findSubscription({ id: subscription.id })
      return current?.url !== subscription.url
    } catch (error) {
      onError(error)
      return true
    }
  }

  /** As if it had never been claimed. */
  async giveBack(claim: DeliveryClaim, stop: AbortSignal): Promise<false> {
    await this.#insist(() => this.#parts.session.releaseDelivery({ claim }), stop)
    return false
  }

  /** `undefined`: its endpoint is not declared here. */
  #prepare(claimed: ClaimedDelivery, at: number): Prepared | Unprepared | undefined {
    try {
      const settings = this.#settingsFor(claimed, at)
      if (settings === undefined) return undefined
      return { type: 'prepared', settings, request: toRequest(claimed.message, settings, { at }) }
    } catch (error) {
      if (error instanceof EndpointRefusedError) {
        return { type: 'refused', error: `address refused: ${error.message}` }
      }
      if (error instanceof InvalidOptionsError) {
        // What a later version has stored may be understood by another node.
        return claimed.subscription === undefined
          ? { type: 'refused', error: error.message }
          : { type: 'failed', error: error.message, errorClass: 'other' }
      }
      this.#parts.onError(error)
      return { type: 'failed', error: 'could not be prepared', errorClass: 'other' }
    }
  }

  #settingsFor({ delivery, subscription }: ClaimedDelivery, at: number): TargetSettings | undefined {
    const { endpoints, subscribers } = this.#parts
    return subscription === undefined
      ? endpoints.settingsFor(delivery)
      : subscribers.find(subscription, at).settings
  }

  async #try(
    { delivery, message, subscription }: ClaimedDelivery,
    { settings, request }: Prepared,
    stop: AbortSignal,
  ): Promise<Judged | undefined> {
    const { clock } = this.#parts
    const { timeoutMs } = settings
    const tried = await tryOnce(request, { carrier: this.#carrierFor(settings), clock, timeoutMs, stop })
    if (tried?.type !== 'answered') return tried
    const isProof = subscription !== undefined && delivery.lane.startsWith('proof:')
    // Of a proof the body may be the point.
    const objection = isProof
      ? objectionToProof(fromStored(subscription).proof, message, tried.answer)
      : objectionTo(settings, tried.answer)
    return objection === undefined ? tried : { ...tried, objection }
  }

  /** Who has to be told of the end, and what it proves. */
  #consequences({ delivery, message, subscription }: ClaimedDelivery, next: AfterAttempt): Consequences {
    if (next.status === 'due') return {}
    const stored = subscription && fromStored(subscription)
    if (delivery.lane.startsWith('proof:')) {
      return { proves: next.status === 'delivered' && stored?.proof !== 'visit' }
    }
    if (message.follows !== undefined) return {}
    const deadLetter = stored?.deadLetter ?? this.#parts.endpoints.deadLetterOf(delivery.lane)
    return { tells: (next.status === 'dead' ? deadLetter : stored?.callback) !== undefined }
  }

  /** Before the proof is recorded, which would not come again. Whatever was changed meanwhile stands. */
  async #keepAllowedRate({ delivery, subscription }: ClaimedDelivery, tried: Judged): Promise<void> {
    if (subscription === undefined || !delivery.lane.startsWith('proof:') || tried.type !== 'answered') return
    const stored = fromStored(subscription)
    const allowedRate = stored.proof === 'cloudevents' ? allowedRateOf(tried.answer) : undefined
    if (allowedRate === undefined) return
    const { version, pause: _, ...kept } = subscription
    const rate = slower(kept.rate, allowedRate)
    await this.#parts.session.putSubscription({
      subscription: {
        ...kept,
        options: toStored({ ...stored, allowedRate }),
        ...(rate === undefined ? {} : { rate }),
      },
      ifVersion: version,
      keepsRetired: true,
      now: this.#parts.clock.now(),
    })
  }

  #carrierFor({ credentials }: Policy): Pick<Carrier, 'carry'> {
    const { carrier, tokens } = this.#parts
    return credentials?.type === 'oauth2' ? tokens.carrierFor(credentials.oauth2) : carrier
  }

  /** Until the store has taken it. Once `stop` is aborted, one more try and no further: then it goes back with the lease. */
  async #insist<T>(command: () => Promise<T>, stop: AbortSignal): Promise<T | undefined> {
    const { clock, onError } = this.#parts
    for (let delayMs = SHORTEST_RETRY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_RETRY_MS)) {
      try {
        return await command()
      } catch (error) {
        onError(error)
        if (stop.aborted) return undefined
        await pause(clock, delayMs, stop)
      }
    }
  }
}

/** What follows from an end. */
interface Consequences {
  readonly tells?: boolean
  readonly proves?: boolean
}

function toRecord(tried: Judged): Omit<AttemptRecord, 'at' | 'durationMs'> {
  switch (tried.type) {
    case 'failed':
      return { error: tried.error, errorClass: tried.errorClass }
    case 'refused':
      return { error: tried.error, errorClass: 'refused' }
    case 'answered': {
      const { status, ...answer } = tried.answer
      const { objection } = tried
      return {
        status,
        answer,
        ...(objection === undefined ? {} : { error: objection, errorClass: 'answer' }),
      }
    }
  }
}

function redacted({ request, settings }: Prepared, message: MessageRecord): RequestRecord {
  return redact(request, { ...settings, url: fillUrl(settings, message) })
}

/** Ends early when `stop` is aborted. */
function pause(clock: Clock, ms: number, stop: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      cancelTimer()
      stop.removeEventListener('abort', end)
      resolve()
    }
    const cancelTimer = after(clock, ms, end)
    stop.addEventListener('abort', end)
    if (stop.aborted) end()
  })
}
