import { after, type Clock, random } from '../core/clock.js'
import { EndpointRefusedError, InvalidOptionsError } from '../errors.js'
import type { AttemptRecord, ClaimedDelivery, DeliveryClaim, MessageRecord } from '../model/delivery.js'
import type { StoreSession } from '../store/store.js'
import { type Tried, tryOnce } from './attempt.js'
import type { CarriedRequest, Carrier } from './carrier.js'
import type { Endpoints } from './endpoints.js'
import type { Tokens } from './oauth2.js'
import { afterAttempt, objectionTo, type Policy } from './policy.js'
import { writtenOut } from './policy-options.js'
import type { Reports } from './reports.js'
import { toRequest } from './request.js'

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
  readonly carrier: Carrier
  readonly tokens: Tokens
  readonly reports: Reports
  readonly onError: (error: unknown) => void
}

interface Prepared {
  readonly type: 'prepared'
  readonly policy: Policy
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

  /** Resolves when the attempt is recorded, or the delivery given back. */
  async deliver(claimed: ClaimedDelivery, claim: DeliveryClaim, stop: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    const startedAt = clock.now()
    const started = clock.monotonic()
    const prepared = this.#prepare(claimed.message, startedAt)
    if (prepared === undefined) return this.giveBack(claim, stop)

    const policy = prepared.type === 'prepared' ? prepared.policy : writtenOut
    const tried =
      prepared.type === 'prepared'
        ? await tryOnce(prepared.request, {
            carrier: this.#carrierFor(policy),
            clock,
            timeoutMs: policy.timeoutMs,
            stop,
          })
        : prepared
    if (tried === undefined) return this.giveBack(claim, stop)

    const now = clock.now()
    const attempt = {
      at: startedAt,
      durationMs: Math.round(clock.monotonic() - started),
      ...toRecord(policy, tried),
    }
    const next = afterAttempt(policy, { delivery: claimed.delivery, tried, startedAt, now, random })
    const { session, reports } = this.#parts
    const outcome = await this.#insist(
      () => session.recordAttempt({ claim, attempt, next, now: clock.now() }),
      stop,
    )
    if (outcome === 'recorded' || outcome === 'ended') {
      reports.attempted(claimed, attempt, outcome === 'recorded' ? next : undefined)
    }
  }

  /** As if it had never been claimed. */
  async giveBack(claim: DeliveryClaim, stop: AbortSignal): Promise<void> {
    await this.#insist(() => this.#parts.session.releaseDelivery({ claim }), stop)
  }

  /** `undefined`: its endpoint is not declared here. */
  #prepare(message: MessageRecord, at: number): Prepared | Unprepared | undefined {
    try {
      const policy = this.#parts.endpoints.settingsFor(message)
      if (policy === undefined) return undefined
      return { type: 'prepared', policy, request: toRequest(message, policy, { at }) }
    } catch (error) {
      if (error instanceof EndpointRefusedError || error instanceof InvalidOptionsError) {
        return { type: 'refused', error: `address refused: ${error.message}` }
      }
      this.#parts.onError(error)
      return { type: 'failed', error: 'could not be prepared' }
    }
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

function toRecord(policy: Policy, tried: Tried): Omit<AttemptRecord, 'at' | 'durationMs'> {
  if (tried.type !== 'answered') return { error: tried.error }
  const { status, ...answer } = tried.answer
  const error = objectionTo(policy, tried.answer)
  return { status, answer, ...(error === undefined ? {} : { error }) }
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
