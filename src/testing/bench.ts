import { AsyncResource } from 'node:async_hooks'
import type { Duration } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError, ServerClosedError } from '../errors.js'
import { encodePayload, type Payload } from '../model/payload.js'
import { openStore } from '../open-store.js'
import { CONSOLE, type ServerOptions, serverOptionNames } from '../options.js'
import { CallbackServer } from '../server.js'
import { Interruptions } from './interruptions.js'
import { ManualClock } from './manual-clock.js'
import { Process } from './process.js'

/** A callback from the world: posts to a receiver's URL, without a network. What is neither text nor bytes goes as JSON. */
export type Post = (url: string, body: Payload) => Promise<Response>

export interface BenchOptions extends ServerOptions {
  /** The third parties: answers what the server sends. Without it, everything is answered with `204`. */
  world?: (request: Request, post: Post) => Response | Promise<Response>
  /**
   * Enters every run, and every handler of `consume`, again after each verb, as if the process had died there: code that
   * cannot be re-entered fails. One that never ends for it is an error of `settle` and `advance`.
   */
  interrupt?: boolean
}

/** A server with its world, for tests. */
export interface Bench<Declared> extends AsyncDisposable {
  /** The one that runs now; `restart` makes another. */
  readonly server: CallbackServer
  /** What `declare` returned for it. */
  readonly declared: Declared
  /** What the server has sent, in order; the bodies can still be read. */
  readonly sent: readonly Request[]
  readonly post: Post
  /** Moves time, timer by timer, and settles after each. */
  advance(by: Duration): Promise<void>
  /** Until nothing can go on without time or a callback. */
  settle(): Promise<void>
  /**
   * What kill -9 and a new process do: keeps the store, runs `declare` again. What came from the server before never
   * settles any more; ask the new one.
   */
  restart(): Promise<void>
}

/**
 * A server in memory with a clock driven by hand.
 *
 * ```ts
 * await using bench = await openBench({}, server => server.workflow('greet', async (run, name: string) => `Hello ${name}`))
 * const run = await bench.declared.start('1', 'Ada')
 * await bench.settle()
 * await run.result() // 'Hello Ada'
 * ```
 *
 * @throws InvalidOptionsError for options that cannot be.
 */
export async function openBench<D>(
  options: BenchOptions,
  declare: (server: CallbackServer) => D,
): Promise<Bench<Awaited<D>>> {
  checkArguments(options, declare)
  const bench = new ServerBench<D>(options, declare)
  await bench.begin()
  return bench
}

/** @throws InvalidOptionsError that shows the call, where one of the two is missing. */
function checkArguments(options: unknown, declare: unknown): void {
  if (typeof options === 'function') {
    throw new InvalidOptionsError('openBench takes its options first: openBench({}, server => …)')
  }
  checkOptionNames(options, [...serverOptionNames, 'world', 'interrupt'], 'A bench')
  if (typeof declare !== 'function') {
    throw new InvalidOptionsError(
      'openBench needs a function that declares what there is: openBench({}, server => …)',
    )
  }
}

interface Life<D> {
  readonly process: Process
  readonly server: CallbackServer
  readonly declared: Awaited<D>
}

// Processes, one after the other, on one store and one clock.
//
//   B1. One lives at a time: the next begins when the store of the one before is closed.
//   B2. The world is none of the server's code: what it does belongs to no scope.
class ServerBench<D> implements Bench<Awaited<D>> {
  readonly sent: Request[] = []
  readonly post: Post
  readonly #begin: () => Promise<void>
  readonly #clock: ManualClock
  readonly #interruptions: Interruptions | undefined
  #life: Life<D> | undefined
  #changes: Promise<void> = Promise.resolve()
  #closed = false

  constructor(
    { world, interrupt = false, ...options }: BenchOptions,
    declare: (server: CallbackServer) => D,
  ) {
    const { clock = new ManualClock(), fetch, logger = CONSOLE, observe = () => {} } = options
    if (!(clock instanceof ManualClock)) {
      throw new InvalidOptionsError('A bench moves time by hand: give it a ManualClock, or no clock')
    }
    if (world !== undefined && fetch !== undefined) {
      throw new InvalidOptionsError('world and fetch both answer what is sent: give one of them')
    }
    const kept = openStore(options.store ?? 'memory:', { clock, logger })
    const failed = (err: unknown) => logger.error({ err }, 'a scope could not be given back')
    this.#interruptions = interrupt ? new Interruptions(failed) : undefined
    const store = this.#interruptions?.storeOf(kept) ?? kept
    const answer = world ?? fetch ?? (() => new Response(null, { status: 204 }))
    const carry = AsyncResource.bind(async (request: Request) => {
      this.sent.push(request.clone())
      return await answer(request, this.post)
    })
    this.#clock = clock
    this.post = AsyncResource.bind((url: string, body: Payload) => this.#post(url, body))
    this.#begin = AsyncResource.bind(async () => {
      const process = new Process({ clock, fetch: carry, logger, observe })
      const server = await CallbackServer.open({
        publicUrl: 'https://bench.example',
        ...options,
        store: process.storeOf(store),
        clock: process.clock,
        fetch: process.fetch,
        logger: process.logger,
        observe: process.observe,
      })
      try {
        this.#life = { process, server, declared: await declare(server) }
      } catch (error) {
        await server.close({ grace: 0 })
        throw error
      }
    })
  }

  get server(): CallbackServer {
    return this.#living.server
  }

  get declared(): Awaited<D> {
    return this.#living.declared
  }

  async advance(by: Duration): Promise<void> {
    await this.#clock.advance(by)
    this.#checkEnds()
  }

  async settle(): Promise<void> {
    await this.#clock.settle()
    this.#checkEnds()
  }

  begin(): Promise<void> {
    return this.#next(this.#begin)
  }

  restart(): Promise<void> {
    return this.#next(async () => {
      if (this.#closed) throw new ServerClosedError('The bench is closed')
      const { process } = this.#living
      this.#life = undefined
      await process.kill()
      await this.#begin()
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#next(async () => {
      this.#closed = true
      await this.#life?.server.close({ grace: 0 })
    })
  }

  async #post(url: string, body: Payload): Promise<Response> {
    if (typeof url !== 'string' || !URL.canParse(url)) {
      throw new InvalidOptionsError(
        'post needs a whole URL, such as the url of a receiver: post(receiver.url, body)',
      )
    }
    const { bytes, contentType } = encodePayload(body, 'The body of a callback')
    const { process, server } = this.#living
    const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
    const request = new Request(url, { method: 'POST', headers, body: new Uint8Array(bytes) })
    return await process.answer(() => server.fetch(request))
  }

  get #living(): Life<D> {
    if (this.#life === undefined) throw new Error('No server runs on this bench at the moment')
    return this.#life
  }

  #checkEnds(): void {
    const endless = this.#interruptions?.takeEndless()
    if (endless !== undefined) throw endless
  }

  /** One after the other: two processes at a time would have the same store. */
  #next(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change)
    this.#changes = done.catch(() => {}) // whoever asked for it hears of the failure
    return done
  }
}
