import { within } from '../core/within.js'
import { VerificationError } from '../errors.js'
import type { Answer, Handshake } from '../model/code.js'
import type { RawRequest } from '../model/received.js'
import type { ReceiverRecord } from '../model/receiver.js'
import { DEFAULTS, type ServerSettings } from '../options.js'
import { type Judgement, judge } from '../verify/verdict.js'
import type { IntakeRules } from './answering.js'
import { problem } from './problem.js'
import { toPublicUrl, UnacceptedRequest } from './raw-request.js'
import type { Refusals } from './refusals.js'
import { type Reply, toReply } from './reply.js'
import type { IntakeRequest } from './request.js'

/** Not to be accepted, by settings that may be out of date; `say` is asked once they are known to be current. */
export interface Refusal {
  readonly type: 'refused'
  readonly say: (current: ReceiverRecord) => Reply | Promise<Reply>
}

/** It was a question. Told as a refusal is: what was closed in the meantime answers none. */
export interface Answered {
  readonly type: 'asked'
  readonly reply: Reply
}

export interface Passed {
  readonly type: 'passed'
  readonly deliveryId?: string | undefined
}

const PASSED: Passed = { type: 'passed' }

// What the user's code says of a request before it is accepted.
//
//   U1. Whatever it throws, and what it does not come to an end with, is a refusal: nothing is accepted by it.
//   U2. There is no promise where the code needs none.
//   U3. What an operator is told of it, the sender is not.
export class UserCode {
  readonly #settings: ServerSettings
  readonly #refusals: Refusals

  constructor(settings: ServerSettings, refusals: Refusals) {
    this.#settings = settings
    this.#refusals = refusals
  }

  /** What it sees. The URL is found out only where there is code to look at it. */
  show(
    { verify, dedupe, handshake }: IntakeRules,
    request: IntakeRequest,
    body: Uint8Array,
  ): UnacceptedRequest | Refusal {
    const isSeen = verify.length > 0 || dedupe !== undefined || handshake !== undefined
    try {
      const url = isSeen ? toPublicUrl(this.#settings, request) : ''
      return new UnacceptedRequest(request, { receivedAt: new Date(this.#settings.clock.now()), url, body })
    } catch (error) {
      return this.broken('publicUrl', error)
    }
  }

  verify({ verify }: IntakeRules, raw: RawRequest): Passed | Refusal | Promise<Passed | Refusal> {
    if (verify.length === 0) return PASSED
    const decide = (judgement: Judgement): Passed | Refusal =>
      judgement.ok
        ? { type: 'passed', deliveryId: judgement.deliveryId }
        : refusal(current => this.#refusals.notVerified(current, judgement.reason))
    const fail = (error: unknown) => this.broken('verify', error)
    try {
      const judging = judge(verify, raw)
      return judging instanceof Promise ? this.#inTime('verify', judging).then(decide, fail) : decide(judging)
    } catch (error) {
      return fail(error)
    }
  }

  /** `undefined`: it is no question. */
  ask(
    handshake: Handshake,
    raw: RawRequest,
  ): Answered | Refusal | undefined | Promise<Answered | Refusal | undefined> {
    const tell = (reply: Reply | undefined): Answered | undefined =>
      reply === undefined ? undefined : { type: 'asked', reply }
    const fail = (error: unknown): Refusal =>
      refusal(current => {
        if (current.state !== 'open') return problem('receiver-ended')
        return error instanceof VerificationError
          ? this.#refusals.notVerified(current, error.message)
          : this.#refusals.broken('handshake', current, error)
      })
    try {
      const answer = handshake(raw)
      if (answer === undefined) return undefined
      return this.#inTime('handshake', read(answer)).then(tell, fail)
    } catch (error) {
      return fail(error)
    }
  }

  broken(what: 'publicUrl' | 'verify' | 'dedupe', error: unknown): Refusal {
    return refusal(current => this.#refusals.broken(what, current, error))
  }

  #inTime<T>(what: string, work: Promise<T>): Promise<T> {
    return within(this.#settings.clock, DEFAULTS.codeTimeoutMs, what, work)
  }
}

export function refusal(say: Refusal['say']): Refusal {
  return { type: 'refused', say }
}

async function read(answer: Answer | Promise<Answer | undefined>): Promise<Reply | undefined> {
  const given = await answer
  return given === undefined ? undefined : toReply(given)
}
