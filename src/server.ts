import type { IncomingMessage, ServerResponse } from 'node:http'
import { closeParts } from './closing.js'
import { checkKey } from './core/bytes.js'
import { type Duration, toMs } from './core/duration.js'
import type { Wait } from './core/wait.js'
import { Declarations } from './declarations.js'
import { InvalidOptionsError, ServerClosedError } from './errors.js'
import { checkHealth, type Health } from './health.js'
import { type Listener, openListener } from './intake/listener.js'
import type { Source } from './model/code.js'
import type { EndpointOptions } from './model/endpoint-options.js'
import type { JoinOptions } from './model/joining.js'
import type { Delivery, Message, Publication, Published } from './model/message.js'
import { checkPublicUrl, toReceiverUrl } from './model/public-url.js'
import type { ReceiverRecord, ReceiverState } from './model/receiver.js'
import type { Callback, ExchangeOptions, Run, Workflow, WorkflowOptions } from './model/scope.js'
import { openStore } from './open-store.js'
import {
  DEFAULTS,
  type ListenOptions,
  type ReceiverOptions,
  type ServerOptions,
  type SourceOptions,
  toServerSettings,
} from './options.js'
import { assemble, type Parts } from './parts.js'
import { Passes, type PassOptions } from './passes.js'
import { type Receiver, ReceiverHandle } from './receiver/receiver.js'
import { listReceivers, type ReceiverInfo, type SpawnArguments, spawnReceiver } from './receivers.js'
import { checkUnscoped } from './scope/callback-scopes.js'
import type { Deliveries } from './sender/deliveries.js'
import type { Endpoint } from './sender/endpoints.js'
import type { Subscriptions } from './sender/subscriptions.js'
import type { Topics } from './sender/topics.js'
import { untilClosed } from './store/until-closed.js'

/**
 * Callbacks you expect, each with a URL of its own, and messages you send.
 *
 * ```ts
 * await using server = await CallbackServer.listen({ port: 3000, publicUrl: 'https://hooks.example.com' })
 * const video = await server.spawn('video/7')
 * await startRendering({ webhook: video.url })
 * const done = await video.next({ timeout: '1h' })
 * ```
 */
export class CallbackServer implements AsyncDisposable {
  readonly #parts: Parts
  readonly #declarations: Declarations
  #listener: Listener | undefined
  #closing: Promise<void> | undefined
  readonly #passes: Passes
  /** The grace is over: what is begun now would not end. */
  #stopped = false
  /** Bound: `export const POST = server.fetch`. Answers `404` for a path that is not ours. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Bound; for Express, Fastify, `node:http`, before any body parser. Calls `next` for a path that is not ours. */
  readonly node: (
    request: IncomingMessage,
    response: ServerResponse,
    next?: (error?: unknown) => void,
  ) => void

  private constructor(parts: Parts) {
    this.#parts = parts
    this.#declarations = new Declarations(parts.settings.logger)
    this.fetch = request => parts.intake.fetch(request)
    this.node = (request, response, next) => parts.intake.node(request, response, next)
    this.#passes = new Passes(parts, () => !this.#stopped)
  }

  /**
   * Opens store and port (default 3000). Without a `publicUrl`, or with one of this machine, it listens on loopback only.
   *
   * @throws InvalidOptionsError when an option is wrong or the port is taken.
   * @throws StoreInUseError when another process has the store and does not leave within 15 s.
   * @throws StoreUnusableError when the store is corrupt, read-only, full, or was written by a newer version.
   */
  static async listen(options: ListenOptions = {}): Promise<CallbackServer> {
    const { publicUrl } = options
    const host = options.host ?? (isLocal(publicUrl) ? '127.0.0.1' : '0.0.0.0')
    let local = 'http://localhost' // until the port is known; nothing of it is given to anybody before
    const server = await CallbackServer.open({ ...options, publicUrl: publicUrl ?? (() => local) })
    try {
      server.#listener = await openListener(options.port ?? DEFAULTS.port, host, server.node)
      local = server.#listener.url
      if (publicUrl === undefined && process.env.NODE_ENV === 'production') {
        server.#parts.settings.logger.warn(
          { url: local },
          'without a publicUrl only this machine reaches the server, and its URLs lead nowhere from elsewhere',
        )
      }
      return server
    } catch (error) {
      await server.close({ grace: 0 })
      throw error
    }
  }

  /**
   * Opens the store; mount `fetch` or `node` in a server of your own.
   *
   * @throws StoreInUseError when another process has the store and does not leave within 15 s.
   * @throws StoreUnusableError when the store is corrupt, read-only, full, or was written by a newer version.
   */
  static async open(
    options: ServerOptions & { publicUrl: string | (() => string) },
  ): Promise<CallbackServer> {
    const { publicUrl } = options ?? {}
    if (typeof publicUrl === 'string') checkPublicUrl(publicUrl)
    else if (typeof publicUrl !== 'function') {
      throw new InvalidOptionsError(
        "CallbackServer.open needs a publicUrl such as 'https://hooks.example.com': how the world reaches the server you mount it in",
      )
    }
    const settings = toServerSettings(options, typeof publicUrl === 'string' ? () => publicUrl : publicUrl)
    const store = openStore(options.store ?? DEFAULTS.storePath, settings)
    const session = untilClosed(await store.open())
    if (session.note !== undefined) settings.logger.warn({ store: store.name }, session.note)
    try {
      return new CallbackServer(await assemble(settings, session, { shared: !store.exclusive }))
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /** How the world reaches this server. */
  get url(): string {
    return this.#parts.settings.publicUrl()
  }

  /**
   * Declares who calls us. A receiver is checked by its source from the moment the source is declared. Declared again, the
   * later declaration replaces the earlier one.
   *
   * @throws InvalidOptionsError for an empty name or options that cannot be.
   * @throws ServerClosedError once the server has closed.
   */
  source<T = unknown>(name: string, options: SourceOptions<T>): Source<T> {
    this.#checkOpen()
    const source = this.#parts.sources.declare(name, options)
    this.#declarations.add('source', name, [options])
    return source
  }

  /**
   * Declares whom we call. Declared again, the later declaration replaces the earlier one, also for what waits to be sent.
   *
   * @throws InvalidOptionsError for a URL or a policy that cannot be.
   * @throws EndpointRefusedError for an address that nothing is sent to.
   * @throws ServerClosedError once the server has closed.
   */
  endpoint(name: string, options: EndpointOptions): Endpoint {
    this.#checkOpen()
    const endpoint = this.#parts.sender.endpoint(name, options)
    this.#declarations.add('endpoint', name, [options])
    return endpoint
  }

  /**
   * Declares a workflow: code that is run durably, and carries on from where it was after a crash. Runs of it that wait in
   * the store are run from now on. Declared again, the later declaration replaces the earlier one.
   *
   * ```ts
   * const approval = server.workflow('approval', async (run, request: { by: string }) => {
   *   const answer = await run.exchange('ask', {
   *     send: url => ({ to: 'https://chat.example/ask', body: { who: request.by, callback: url } }),
   *     timeout: '3d',
   *   })
   *   return answer.data
   * })
   * const handle = await approval.start('invoice/7', { by: 'ada' })
   * ```
   *
   * @throws InvalidOptionsError for a name or options that cannot be.
   * @throws ServerClosedError once the server has closed.
   */
  workflow<I, O>(name: string, handler: (run: Run, input: I) => Promise<O>): Workflow<I, O>
  workflow<I, O, In = I>(
    name: string,
    options: WorkflowOptions<In, I>,
    handler: (run: Run, input: I) => Promise<O>,
  ): Workflow<In, O>
  workflow<I, O, In = I>(name: string, ...given: WorkflowArguments<In, I, O>): Workflow<In, O> {
    this.#checkOpen()
    const [options, handler] = given.length === 1 ? [{}, given[0]] : given
    const workflow = this.#parts.workflows.declare(name, options, handler)
    this.#declarations.add('workflow', name, given)
    return workflow
  }

  /** Without a key: lives and dies with this process. Without a schema `T` is your word for it. */
  spawn<T = unknown>(options?: ReceiverOptions<T>): Promise<Receiver<T>>
  /**
   * The same key is the same URL, for ever. Options given replace the stored ones, what is left out keeps its value. A
   * closed receiver comes back closed, unless `reopen`.
   *
   * @throws InvalidOptionsError for a key or options that cannot be, and for `verify` beside `from`.
   */
  spawn<T = unknown>(key: string, options?: ReceiverOptions<T> & { reopen?: boolean }): Promise<Receiver<T>>
  async spawn<T>(...given: SpawnArguments<T>): Promise<Receiver<T>> {
    this.#checkOpen()
    const receiver = await spawnReceiver(this.#parts, given)
    return this.#handle<T>(receiver)
  }

  /** The registry: every receiver, open or ended, in order of creation. */
  receivers(filter: { key?: string; state?: ReceiverState } = {}): AsyncGenerator<ReceiverInfo> {
    return listReceivers(this.#parts, filter)
  }

  /**
   * Resolves when the message is durable; it is sent from then on, whatever happens to this process. `within` a transaction
   * of yours it is part of that: nothing is sent, and the delivery is not to be waited for, before the commit.
   *
   * @throws InvalidOptionsError for an endpoint that is not declared, or a path that would leave it.
   * @throws KeyConflictError when the key has a message to another target.
   */
  send(message: Message): Promise<Delivery>
  send(key: string, message: Message, options?: JoinOptions): Promise<Delivery>
  async send(...given: [Message] | [string, Message, (JoinOptions | undefined)?]): Promise<Delivery> {
    if (given.length === 1) {
      checkUnscoped('server.send() without a key', 'give it a key, or use send of the scope')
      return await this.#parts.sender.send(undefined, given[0])
    }
    const [key, message, options] = given
    return await this.#parts.sender.send(checkKey(key, 'The key of a message'), message, options)
  }

  /**
   * One message to many. To a topic, it resolves when the message and its place in the list of subscriptions are durable:
   * whoever subscribes later does not get it. To a list, when all its deliveries are.
   *
   * ```ts
   * await server.publish('book/7/created', { topic: 'book.created', body: { id: 7 } })
   * ```
   *
   * @throws InvalidOptionsError for a topic, a target or a body that cannot be.
   * @throws KeyConflictError when the key has a publication to something else.
   */
  publish(publication: Publication): Promise<Published>
  publish(key: string, publication: Publication, options?: JoinOptions): Promise<Published>
  async publish(
    ...given: [Publication] | [string, Publication, (JoinOptions | undefined)?]
  ): Promise<Published> {
    if (given.length === 1) {
      checkUnscoped('server.publish() without a key', 'give it a key, or use publish of the scope')
      return await this.#parts.sender.publish(undefined, given[0])
    }
    const [key, publication, options] = given
    return await this.#parts.sender.publish(checkKey(key, 'The key of a publication'), publication, options)
  }

  /** Named streams of messages. */
  get topics(): Topics {
    return this.#parts.sender.topics
  }

  /** Who wants which topic. */
  get subscriptions(): Subscriptions {
    return this.#parts.sender.subscriptions
  }

  /** What became of messages: lists, streams, dead letters, and sending again. */
  get deliveries(): Deliveries {
    return this.#parts.sender.deliveries
  }

  /**
   * A message that carries the URL of a receiver of its own, and a wait for the answer: both are stored in one move, so no
   * answer is too fast. `ack()` is yours to call. The answer ends the delivery and closes the receiver.
   *
   * With a key there is one exchange, and asking again, also in the next process, waits on for its answer. Once that was
   * acknowledged, asking again gives it again, for as long as `retention.callbacks` keeps it. Without a key it lives with
   * its wait: given up, the receiver closes, and at a time-out no further attempt is made.
   *
   * `timeout` counts from each call: nothing re-enters the code of a server. In a scope use its own `exchange`.
   *
   * ```ts
   * const offer = await server.exchange('offer/7', {
   *   send: url => ({ to: partner, path: 'orders', body: { order: 7, callback_url: url } }),
   *   timeout: '1m',
   * })
   * await offer.ack()
   * ```
   *
   * @throws TimeoutError when no answer came in time and there is no `fallback`.
   * @throws DeliveryFailedError as soon as the message is given up.
   * @throws ReceiverClosedError when its receiver ends before (`ttl`).
   * @throws InvalidInputError when the answer does not fit a schema that was not loaded when it came.
   * @throws KeyConflictError when the key has an exchange with another target.
   * @throws InvalidOptionsError, EndpointRefusedError for options, or a message, that cannot be; for an answer that is not kept
   *   any more.
   * @throws NonRetryableError when the answer was set aside, for each process that had it in hand died.
   * @throws CancelledError, ServerClosedError when it is given up, or the server closes.
   * @throws UnscopedCallError inside a scope, with a key or without.
   */
  exchange<T = unknown, F = never>(options: ExchangeOptions<T, F>): Wait<Callback<T> | NoInfer<F>>
  exchange<T = unknown, F = never>(
    key: string,
    options: ExchangeOptions<T, F>,
  ): Wait<Callback<T> | NoInfer<F>>
  exchange<T, F>(
    ...given: [ExchangeOptions<T, F>] | [string, ExchangeOptions<T, F>]
  ): Wait<Callback<T> | NoInfer<F>> {
    checkUnscoped('server.exchange()', 'use run.exchange, or exchange of the callback')
    const { exchanges } = this.#parts
    if (given.length === 1) return exchanges.exchange<T, NoInfer<F>>(undefined, given[0])
    const [key, options] = given
    return exchanges.exchange<T, NoInfer<F>>(checkKey(key, 'The key of an exchange'), options)
  }

  health(): Promise<Health> {
    return checkHealth(this.#parts, () => this.#closing !== undefined)
  }

  /**
   * One pass over what is due, for those who have a scheduler of their own (`work: false`): each attempt, each batch of a
   * publication, each run, until it has ended or only waits. What falls due of it is for the next pass. `limit` is for
   * each kind; default 100.
   *
   * ```ts
   * export const GET = async () => Response.json(await server.processDue())
   * ```
   *
   * @throws InvalidOptionsError on a server that works by itself.
   */
  processDue(options: PassOptions = {}): Promise<{ processed: number }> {
    return this.#passes.next(options)
  }

  /**
   * Takes up no new work; accepts on, while handlers finish, for `grace` (5 s); then stops. What is still in hand goes
   * back, uncounted. Loses nothing.
   */
  async close({ grace = DEFAULTS.graceMs }: { grace?: Duration } = {}): Promise<void> {
    const graceMs = toMs(grace, 'grace')
    this.#closing ??= closeParts(this.#parts, {
      graceMs,
      listener: this.#listener,
      onStopped: () => {
        this.#stopped = true
      },
    })
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #checkOpen(): void {
    if (this.#stopped) throw new ServerClosedError()
  }

  #handle<T>(receiver: ReceiverRecord): Receiver<T> {
    const { session, settings, sources, mailboxes, intake } = this.#parts
    return new ReceiverHandle<T>(receiver, {
      session,
      mailboxes,
      logger: settings.logger,
      toUrl: () => toReceiverUrl(settings, receiver.token),
      accept: (data, options) => intake.accept(receiver, data, options),
      checkOpen: () => this.#checkOpen(),
      checkUnscoped: what =>
        checkUnscoped(what, 'read it outside, or read a receiver that the scope has spawned'),
      checkWorking: () => {
        if (settings.work) return
        throw new InvalidOptionsError(
          'This server only accepts (work: false); consume on a node that works, and read single callbacks here with next()',
        )
      },
      isOpen: () => !this.#stopped,
      onClosed: () => {
        if (receiver.key === undefined) sources.retire(receiver)
      },
    })
  }
}

type WorkflowArguments<In, I, O> =
  | [handler: (run: Run, input: I) => Promise<O>]
  | [options: WorkflowOptions<In, I>, handler: (run: Run, input: I) => Promise<O>]

/** Nobody but this machine is told a loopback URL, so nobody else has to get in. */
function isLocal(publicUrl: string | (() => string) | undefined): boolean {
  if (publicUrl === undefined) return true
  if (typeof publicUrl !== 'string' || !URL.canParse(publicUrl)) return false
  const { hostname } = new URL(publicUrl)
  return hostname === 'localhost' || hostname.startsWith('127.')
}
