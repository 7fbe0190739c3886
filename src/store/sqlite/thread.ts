import { createRequire } from 'node:module'
import { StoreUnavailableError } from '../../errors.js'
import type { Command, CommitPace, Result } from '../group-commit.js'
import { type FaultRecord, StoreFault, toError } from './fault.js'
import type { Host } from './host.js'
import type { OpenOptions } from './open-file.js'
import { forgetOwner } from './owner.js'
import { packBatch, unpackResults } from './protocol.js'
import { EngineWorker } from './worker.js'

// The engine on a thread of its own, so that no commit holds up the event loop.
//
// Owns:   the thread, and the requests under way.
// Leaves: the file to the engine over there; queues and order to group commit.
//
//   T1. Each request has one reply, in the order of the requests. Those that wait for the thread share its next commit.
//   T2. A thread that dies fails the requests under way, whose outcome nobody knows. The next one starts another thread;
//       the process has not ended, so its epochs go on.
//   T3. An input or output error ends the thread too: what its engine believes about the file may no longer be true. What
//       it was asked after that it does not do.
//   T4. The file is asked for again only when the thread before is gone: until then the lock is still its own.
//   T5. The thread keeps the process alive only while something is asked of it.

export class EngineThread implements Host {
  /**
   * Sixteen callbacks are worth a commit: while it is written the next ones are read. Measured with 64 connections;
   * with 8 there are too many commits, with 32 the thread waits.
   */
  readonly pace: CommitPace = { batches: 16, worthwhile: 16 }
  readonly #path: string
  readonly #file: string
  #worker: Promise<EngineWorker> | undefined
  #options: OpenOptions | undefined

  constructor(path: string, file: string) {
    this.#path = path
    this.#file = file
  }

  /** The file of the thread's code, or why there is none. */
  static locate(): { readonly file: string } | { readonly missing: Error } {
    try {
      return { file: createRequire(import.meta.url).resolve('#sqlite-thread') }
    } catch (error) {
      return { missing: error as Error }
    }
  }

  async open(options: OpenOptions): Promise<void> {
    this.#worker ??= Promise.resolve(new EngineWorker(this.#file))
    const reply = await (await this.#worker).ask({ type: 'open', options })
    if (reply.type === 'failed') throw new StoreFault(reply.fault.fault, reply.fault.detail)
    this.#options = options
  }

  async execute(batch: readonly Command[]): Promise<readonly Result[]> {
    const worker = await this.#liveWorker()
    const { request, refused } = packBatch(batch)
    const reply = await worker.ask(request, [request.bytes])
    if (reply.type === 'done') throw new StoreUnavailableError('The store gave no answer')
    const toOurs = (fault: FaultRecord) => {
      if (fault.fault === 'io') void worker.end() // the next thread waits for it
      return toError(fault, this.#path)
    }
    if (reply.type === 'failed') throw toOurs(reply.fault)
    const results = [...unpackResults(reply, toOurs)]
    for (const [index, fault] of refused)
      results.splice(index, 0, { ok: false, error: toError(fault, this.#path) })
    return results
  }

  async close(): Promise<void> {
    const worker = await this.#worker
    this.#worker = undefined
    if (worker === undefined) return
    if (worker.isOver) return worker.end()
    // While the lock is ours: afterwards the name may be the next owner's.
    if (this.#options !== undefined) forgetOwner(this.#path)
    try {
      const reply = await worker.ask({ type: 'close' })
      if (reply.type === 'failed') throw toError(reply.fault, this.#path)
    } finally {
      await worker.end()
    }
  }

  /** Whoever asks first goes first, also when another thread has to be started. */
  async #liveWorker(): Promise<EngineWorker> {
    for (;;) {
      this.#worker ??= this.#restart()
      const current = this.#worker
      const worker = await current
      if (!worker.isOver) return worker
      if (this.#worker === current) this.#worker = this.#restart(worker)
    }
  }

  async #restart(before?: EngineWorker): Promise<EngineWorker> {
    await before?.end()
    const options = this.#options
    let worker: EngineWorker | undefined
    try {
      if (options === undefined) throw new StoreUnavailableError('The store is not open')
      worker = new EngineWorker(this.#file)
      const reply = await worker.ask({ type: 'open', options: { ...options, isReopened: true } })
      if (reply.type === 'failed') throw toError(reply.fault, this.#path)
      return worker
    } catch (error) {
      await worker?.end()
      this.#worker = undefined
      throw error
    }
  }
}
