import type { IncomingMessage, ServerResponse } from 'node:http'
import { ServerClosedError } from '../errors.js'
import type { Answer } from '../model/code.js'
import type { Payload } from '../model/payload.js'
import type { ReceiverRecord } from '../model/receiver.js'
import { DEFAULTS, type ServerSettings } from '../options.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { Admission } from './admission.js'
import { Answers } from './answers.js'
import { Deadlines } from './deadlines.js'
import { acceptDirectly } from './direct.js'
import { FetchRequest, targetOf, toResponse } from './from-fetch.js'
import { NodeRequest, targetsOf } from './from-node.js'
import { comesTooLate, sendBare, sendReply, whenSent } from './node-response.js'
import { problem, retryLater } from './problem.js'
import { bareOf, type Reply } from './reply.js'
import type { IntakeRequest } from './request.js'
import { type Route, routeFinder } from './route.js'
import type { Sources } from './sources.js'

interface IntakeParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly sources: Sources
  readonly settings: ServerSettings
}

const UNSENDABLE = 'an answer could not be sent; its sender reads whether the request was taken'

// Where requests come in: by `node:http`, by fetch, or by hand.
//
// Owns:   which requests are under way, and whether new ones are let in.
// Leaves: judging them (admission), and who waits for an answer (answers).
//
//   K1. Every request of ours is answered, whatever fails: what cannot be stored is never answered 2xx or 4xx.
//   K2. After `refuse` nothing new is accepted. `drain` resolves when everybody under way has been answered.
export class Intake {
  /** Bound. Answers `404` for a path that is not ours. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Bound. Calls `next` for what is not ours, before anything of it is read; without one the answer is `404`. */
  readonly node: (
    request: IncomingMessage,
    response: ServerResponse,
    next?: (error?: unknown) => void,
  ) => void

  readonly #parts: IntakeParts
  readonly #answers: Answers
  readonly #admission: Admission
  readonly #findRoute: (target: string) => Route | undefined
  readonly #deadlines: Deadlines
  #underWay = 0
  #refusing = false
  #onDrained: (() => void)[] = []

  constructor(parts: IntakeParts) {
    const { session, watch, sources, settings } = parts
    this.#parts = parts
    this.#deadlines = new Deadlines(settings.clock, DEFAULTS.bodyTimeoutMs)
    this.#findRoute = routeFinder(settings.prefix)
    this.#answers = new Answers({ session, watch, clock: settings.clock, logger: settings.logger })
    this.#admission = new Admission({
      session,
      sources,
      settings,
      answers: this.#answers,
      observe: settings.observe,
    })
    this.fetch = request => this.#fetch(request)
    this.node = (request, response, next) => this.#node(request, response, next)
  }

  /** A receiver that is about to be called: its first request need not be looked up. */
  expect(receiver: ReceiverRecord): void {
    this.#admission.expect(receiver)
  }

  /** Puts something in without HTTP. A `deliveryId` that came before is accepted without effect. */
  async accept(
    receiver: ReceiverRecord,
    data: Payload,
    options: { readonly deliveryId?: string } = {},
  ): Promise<void> {
    if (this.#refusing) throw new ServerClosedError()
    const accepted = await acceptDirectly(this.#parts, receiver, data, options)
    if (accepted !== undefined) {
      const { clock, observe } = this.#parts.settings
      const at = new Date(clock.now())
      observe({ type: 'callback.accepted', at, receiverId: receiver.id, ...accepted })
    }
  }

  /**
   * What the sender of an accepted callback reads. The first answer stands, also for repetitions of the request.
   *
   * @returns whether it was this one, and the sender was there to read it.
   */
  respond(
    receiver: ReceiverRecord,
    callback: { readonly id: string; readonly receivedAt: number },
    answer: Answer,
  ): Promise<boolean> {
    const { dedupeWindowMs } = this.#parts.sources.limitsFor(receiver)
    return this.#answers.respond({ ...callback, dedupeWindowMs }, answer)
  }

  /** From now on requests are asked to come again, to another process or after a restart. */
  refuse(): void {
    this.#refusing = true
  }

  /** Resolves when nobody is owed an answer. Those who wait for one by hand read `202` now. */
  drain(): Promise<void> {
    this.#answers.giveUpAll()
    if (this.#underWay === 0) return Promise.resolve()
    return new Promise(resolve => this.#onDrained.push(resolve))
  }

  async #fetch(request: Request): Promise<Response> {
    const route = this.#findRoute(targetOf(request))
    if (route === undefined) return toResponse(problem('not-found'), request.method)
    this.#underWay++
    const incoming = new FetchRequest(request, { route, deadlines: this.#deadlines })
    try {
      const reply = (await this.#answer(incoming)) ?? this.#admission.unknown()
      if (reply.close) incoming.stop()
      return this.#toResponse(reply, request.method)
    } finally {
      this.#answered()
    }
  }

  #toResponse(reply: Reply, method: string): Response {
    try {
      return toResponse(reply, method)
    } catch (err) {
      this.#parts.settings.logger.error({ err }, UNSENDABLE)
      return toResponse(bareOf(reply), method)
    }
  }

  #node(message: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void {
    const { clock } = this.#parts.settings
    const route = this.#findNodeRoute(message)
    if (route === undefined) {
      if (next !== undefined) next()
      else sendReply(response, problem('not-found'), clock)
      return
    }
    if (comesTooLate(message)) return
    this.#underWay++
    const incoming = new NodeRequest(message, response, { route, deadlines: this.#deadlines })
    void this.#serve(incoming, response, next)
  }

  async #serve(request: IntakeRequest, response: ServerResponse, next?: () => void): Promise<void> {
    const reply = await this.#answer(request)
    if (reply === undefined && next !== undefined) {
      this.#answered()
      next()
      return
    }
    this.#send(response, reply ?? this.#admission.unknown())
    whenSent(response, () => this.#answered())
  }

  #send(response: ServerResponse, reply: Reply): void {
    const { clock, logger } = this.#parts.settings
    try {
      sendReply(response, reply, clock)
    } catch (err) {
      logger.error({ err }, UNSENDABLE)
      sendBare(response, reply, clock)
    }
  }

  #findNodeRoute(message: IncomingMessage): Route | undefined {
    for (const target of targetsOf(message)) {
      const route = this.#findRoute(target)
      if (route !== undefined) return route
    }
    return undefined
  }

  async #answer(request: IntakeRequest): Promise<Reply | undefined> {
    if (this.#refusing) return retryLater('unavailable')
    try {
      return await this.#admission.admit(request)
    } catch (error) {
      this.#parts.settings.logger.error(
        { err: error },
        'a request could not be judged or stored; its sender reads 503',
      )
      return retryLater('unavailable')
    }
  }

  #answered(): void {
    this.#underWay--
    if (this.#underWay > 0) return
    const waiting = this.#onDrained
    this.#onDrained = []
    for (const resolve of waiting) resolve()
  }
}
