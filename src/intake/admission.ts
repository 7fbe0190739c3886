import { createId } from '../core/ids.js'
import { within } from '../core/within.js'
import { encodeHeaders, StoredCallback } from '../model/received.js'
import { namesOf, type ReceiverRecord } from '../model/receiver.js'
import { DEFAULTS, type Observation, type ServerSettings } from '../options.js'
import type { AcceptInput, AcceptOutcome } from '../store/receiving.js'
import type { StoreSession } from '../store/store.js'
import type { IntakeRules } from './answering.js'
import type { Answers, Unanswered } from './answers.js'
import { findDeliveryId } from './delivery-id.js'
import { type Inspection, inspect } from './inspection.js'
import { problem, retryLater } from './problem.js'
import { UnacceptedRequest } from './raw-request.js'
import { ReceiverCache } from './receiver-cache.js'
import { Refusals } from './refusals.js'
import { ACCEPTED, asDuplicate, type Reply, toStoredAnswer } from './reply.js'
import { EMPTY_BODY, headerOf, type IntakeRequest } from './request.js'
import type { Sources } from './sources.js'
import { type Answered, type Refusal, refusal, UserCode } from './user-code.js'

interface AdmissionParts {
  readonly session: StoreSession
  readonly sources: Sources
  readonly answers: Answers
  readonly settings: ServerSettings
  /** Told what has happened, after it is durable. */
  readonly observe: (event: Observation) => void
}

/** What came of judging a request by one version of a receiver's settings. */
type Judged =
  | { readonly type: 'replied'; readonly reply: Reply }
  /** The settings were out of date: judge by these. */
  | { readonly type: 'stale'; readonly receiver: ReceiverRecord }
  | Refusal
  | Answered

interface Candidate {
  readonly request: IntakeRequest
  readonly receiver: ReceiverRecord
  readonly rules: IntakeRules
  readonly callbackId: string
  readonly body: Uint8Array
  readonly deliveryId: string | undefined
  readonly content: Inspection
}

/** How often settings may change under one request before its sender is asked to come again. */
const MOST_ROUNDS = 4

// From a request to what its sender reads, in the promised order: token, method, size, signature; then duplicate, ended,
// content and capacity, which the store judges in one command. A question that a handshake answers gets no further: by GET
// and OPTIONS not than the token, by the methods of callbacks not than the signature. HEAD asks nothing.
//
// Owns:   what is remembered of receivers between requests.
// Leaves: all that only the receiver's row can know to the store, and waiting for answers to `Answers`.
//
//   J1. What is remembered lets nothing in by itself, because the store compares the version of the settings; and it
//       keeps nothing out: before a request is refused its receiver is read, and if it has changed, judges anew.
//   J2. Where code is missing nothing is judged: ended receivers say so, open ones ask the sender to come again.
//   J3. Nothing a sender reads tells of keys, sources, other receivers, or why a signature did not pass.
export class Admission {
  readonly #parts: AdmissionParts
  readonly #refusals: Refusals
  readonly #code: UserCode
  readonly #cache = new ReceiverCache(DEFAULTS.cachedReceivers)

  constructor(parts: AdmissionParts) {
    this.#parts = parts
    this.#refusals = new Refusals(parts.settings)
    this.#code = new UserCode(parts.settings, this.#refusals)
  }

  /** `undefined`: nobody receives here, and nothing of the request has been read. */
  async admit(request: IntakeRequest): Promise<Reply | undefined> {
    const { token } = request.route
    const now = this.#now()
    const remembered = this.#cache.get(token, now)
    let receiver = remembered ?? (await this.#find(token))
    let current = remembered === undefined
    if (receiver === undefined) return undefined
    const callbackId = createId('cb', now)

    for (let round = 0; round < MOST_ROUNDS && receiver !== undefined; round++) {
      const judged: Judged = await this.#judge(request, receiver, callbackId)
      if (judged.type === 'replied') return judged.reply
      if (judged.type === 'stale') {
        receiver = judged.receiver
        this.#cache.put(receiver)
        current = true
        continue
      }
      const judgedVersion: number = receiver.version
      if (!current) receiver = await this.#find(token)
      current = true
      if (receiver?.version !== judgedVersion) continue
      if (judged.type === 'asked') return this.#answered(judged.reply, receiver)
      return this.#refused(await judged.say(receiver), receiver)
    }
    const reply = receiver === undefined ? problem('not-found') : retryLater('unavailable')
    return this.#refused(reply, receiver)
  }

  /** A receiver that is about to be called: its first request need not be looked up. */
  expect(receiver: ReceiverRecord): void {
    this.#cache.put(receiver)
  }

  /** What the sender of a request reads that nobody receives. */
  unknown(): Reply {
    return this.#refused(problem('not-found'), undefined)
  }

  /** The receiver behind a token, as it is now. */
  async #find(token: string): Promise<ReceiverRecord | undefined> {
    const receiver = await this.#parts.session.findReceiver({ token, now: this.#now() })
    if (receiver === undefined) this.#cache.drop(token)
    else this.#cache.put(receiver)
    return receiver
  }

  async #judge(request: IntakeRequest, receiver: ReceiverRecord, callbackId: string): Promise<Judged> {
    const { sources, settings } = this.#parts
    const rules = sources.rulesFor(receiver)
    if (rules === undefined) return refusal(current => this.#refusals.notLoaded(current))

    const { method, rawHeaders } = request
    const { handshake } = rules
    const asksAlone = method === 'GET' || method === 'OPTIONS'
    if (handshake !== undefined && asksAlone) {
      const shown = this.#code.show(rules, request, EMPTY_BODY)
      const asked = shown instanceof UnacceptedRequest ? await this.#code.ask(handshake, shown) : shown
      if (asked !== undefined) return asked
    }
    if (!rules.methods.some(taken => taken === method))
      return refusal(now => this.#refusals.visit(request, rules, now))

    const tooLarge = Number(headerOf(rawHeaders, 'content-length')) > rules.maxBodyBytes
    const body = tooLarge ? 'too_large' : await request.readBody(rules.maxBodyBytes)
    if (typeof body === 'string') return refusal(() => this.#refusals.withoutBody(body))

    const raw = this.#code.show(rules, request, body)
    if (!(raw instanceof UnacceptedRequest)) return raw
    const verifying = this.#code.verify(rules, raw)
    const verdict = verifying instanceof Promise ? await verifying : verifying
    if (verdict.type === 'refused') return verdict
    if (handshake !== undefined && !asksAlone) {
      const asked = await this.#code.ask(handshake, raw)
      if (asked !== undefined) return asked
    }
    let deliveryId: string | undefined
    try {
      deliveryId = findDeliveryId(rules.dedupe, { rawHeaders, raw, verified: verdict.deliveryId })
    } catch (error) {
      return this.#code.broken('dedupe', error)
    }
    const { clock } = settings
    const inspecting = inspect(headerOf(rawHeaders, 'content-type'), body, { schema: rules.schema, clock })
    const content = inspecting instanceof Promise ? await inspecting : inspecting
    return await this.#accept({ request, receiver, rules, callbackId, body, deliveryId, content })
  }

  async #accept(candidate: Candidate): Promise<Judged> {
    const { receiver, rules, content } = candidate
    const given = rules.answering.type === 'fixed' ? rules.answering.reply : undefined
    const fixed = given instanceof Promise ? await this.#read(given, rules) : given
    const command = this.#toCommand(candidate, fixed)
    const outcome = await this.#parts.session.accept(command)
    switch (outcome.type) {
      case 'accepted':
        return {
          type: 'replied',
          reply: await this.#accepted(candidate, { command, seq: outcome.seq, fixed }),
        }
      case 'duplicate':
        return { type: 'replied', reply: await this.#repeated(candidate, outcome) }
      case 'stale':
        return outcome
      case 'ended':
        this.#cache.drop(receiver.token)
        return this.#final(problem('receiver-ended'), receiver)
      case 'refused':
        return this.#final(this.#refusals.contentRefused(receiver, content), receiver)
      case 'full':
        return this.#final(retryLater('mailbox-full'), receiver)
      case 'unknown':
        this.#cache.drop(receiver.token)
        return this.#final(problem('not-found'), undefined)
    }
  }

  #toCommand(
    { request, receiver, rules, callbackId, body, deliveryId, content }: Candidate,
    answer: Reply | undefined,
  ): AcceptInput {
    const now = this.#now()
    return {
      callbackId,
      receiverId: receiver.id,
      version: receiver.version,
      now,
      method: request.method,
      path: request.route.path,
      query: request.route.query,
      headers: encodeHeaders(request.rawHeaders),
      body,
      dedupeUntil: now + rules.dedupeWindowMs,
      content: content.ok ? 'good' : 'refused',
      capacity: rules.capacity,
      ...(deliveryId === undefined ? {} : { deliveryId }),
      // Without an id nothing can repeat it, and nobody will ask for the answer.
      ...(deliveryId === undefined || answer === undefined ? {} : { answer: toStoredAnswer(answer) }),
    }
  }

  #accepted(
    { request, receiver, rules, body, content }: Candidate,
    { command, seq, fixed }: { command: AcceptInput; seq: number; fixed: Reply | undefined },
  ): Reply | Promise<Reply> {
    const { answers, observe } = this.#parts
    const { callbackId, now: receivedAt } = command
    observe({ type: 'callback.accepted', at: new Date(receivedAt), receiverId: receiver.id, callbackId, seq })
    if (fixed !== undefined) return fixed

    const callback = toUnanswered({ callbackId, receivedAt, receiver, rules })
    const { answering } = rules
    if (answering.type !== 'computed') return answers.wait(callback, request)
    const data = content.ok && content.data !== body ? content.data : new Uint8Array(body)
    const received = new StoredCallback({ ...command, id: callbackId, receivedAt, seq }, data)
    return answers.compute(callback, () => answering.respond(received))
  }

  #repeated(
    { request, receiver, rules }: Candidate,
    first: Extract<AcceptOutcome, { type: 'duplicate' }>,
  ): Reply | Promise<Reply> {
    const { callbackId, receivedAt, answer } = first
    const at = new Date(this.#now())
    this.#parts.observe({ type: 'callback.duplicate', at, receiverId: receiver.id, callbackId })
    if (answer !== undefined) return asDuplicate(answer)
    return this.#parts.answers
      .wait(toUnanswered({ callbackId, receivedAt, receiver, rules }), request)
      .then(asDuplicate)
  }

  async #read(reply: Promise<Reply>, { respondTimeoutMs }: IntakeRules): Promise<Reply> {
    try {
      return await within(this.#parts.settings.clock, respondTimeoutMs, 'respond', reply)
    } catch (error) {
      this.#parts.settings.logger.error(
        { err: error },
        'the answer given as respond cannot be sent; the sender reads 202',
      )
      return ACCEPTED
    }
  }

  /** To a question. Nothing has been accepted. */
  #answered(reply: Reply, receiver: ReceiverRecord): Reply {
    if (receiver.state !== 'open') return this.#refused(problem('receiver-ended'), receiver)
    const { settings, observe } = this.#parts
    const { status } = reply
    settings.logger.debug(
      { ...namesOf(receiver), status },
      'a question of a sender was answered by the handshake',
    )
    observe({ type: 'handshake.answered', at: new Date(this.#now()), receiverId: receiver.id, status })
    return reply
  }

  #final(reply: Reply, receiver: ReceiverRecord | undefined): Judged {
    return { type: 'replied', reply: this.#refused(reply, receiver) }
  }

  #refused(reply: Reply, receiver: ReceiverRecord | undefined): Reply {
    const { status } = reply
    if (status >= 400) {
      this.#parts.observe({
        type: 'callback.refused',
        at: new Date(this.#now()),
        status,
        ...(receiver === undefined ? {} : { receiverId: receiver.id }),
      })
    }
    return reply
  }

  #now(): number {
    return this.#parts.settings.clock.now()
  }
}

function toUnanswered(accepted: {
  callbackId: string
  receivedAt: number
  receiver: ReceiverRecord
  rules: IntakeRules
}): Unanswered {
  const { callbackId, receivedAt, receiver, rules } = accepted
  const { respondTimeoutMs, dedupeWindowMs } = rules
  return { callbackId, receiver, receivedAt, respondTimeoutMs, dedupeWindowMs }
}
