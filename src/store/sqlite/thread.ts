import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { StoreUnavailableError } from '../../errors.js'
import type { Command, Result } from '../group-commit.js'
import { StoreFault, toError } from './fault.js'
import type { Host } from './host.js'
import type { OpenOptions } from './open-file.js'
import { forgetOwner } from './owner.js'
import { packBatch, type Reply, type Request, unpackResults } from './protocol.js'

// The engine on a thread of its own, so that no commit holds up the event loop.
//
// Owns:   the thread, and the one request under way.
// Leaves: the file to the engine over there; queues and order to group commit.
//
//   T1. One request at a time, one reply for each.
//   T2. A thread that dies fails the request under way, whose outcome nobody knows. The next one starts another thread;
//       the process has not ended, so its epochs go on.
//   T3. An input or output error ends the thread too: what its engine believes about the file may no longer be true.
//   T4. The thread keeps the process alive only while something is asked of it.

export class EngineThread implements Host {
  readonly #path: string
  readonly #file: string
  #worker: Worker | undefined
  #options: OpenOptions | undefined
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined

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
    this.#worker ??= this.#start()
    const reply = await this.#ask(this.#worker, { type: 'open', options })
    if (reply.type === 'failed') throw new StoreFault(reply.fault.fault, reply.fault.detail)
    this.#options = options
  }

  async execute(batch: readonly Command[]): Promise<readonly Result[]> {
    const worker = this.#worker ?? (await this.#restart())
    const { request, refused } = packBatch(batch)
    const reply = await this.#ask(worker, request, [request.bytes])
    if (reply.type === 'failed') throw toError(reply.fault, this.#path)
    if (reply.type === 'done') throw new StoreUnavailableError('The store gave no answer')
    let isBroken = false
    const results = [
      ...unpackResults(reply, fault => {
        isBroken ||= fault.fault === 'io'
        return toError(fault, this.#path)
      }),
    ]
    if (isBroken) await this.#stop()
    for (const [index, fault] of refused)
      results.splice(index, 0, { ok: false, error: toError(fault, this.#path) })
    return results
  }

  async close(): Promise<void> {
    if (this.#worker === undefined) return
    // While the lock is ours: afterwards the name may be the next owner's.
    if (this.#options !== undefined) forgetOwner(this.#path)
    try {
      const reply = await this.#ask(this.#worker, { type: 'close' })
      if (reply.type === 'failed') throw toError(reply.fault, this.#path)
    } finally {
      await this.#stop()
    }
  }

  async #restart(): Promise<Worker> {
    const options = this.#options
    if (options === undefined) throw new StoreUnavailableError('The store is not open')
    try {
      await this.open({ ...options, isReopened: true })
    } catch (error) {
      await this.#stop()
      throw error instanceof StoreFault ? toError(error, this.#path) : error
    }
    return this.#worker ?? this.#restart()
  }

  async #stop(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #start(): Worker {
    // The thread is ours alone, and so is what it is told to keep quiet: that the runtime's SQLite is young.
    const worker = new Worker(this.#file, { execArgv: ['--disable-warning=ExperimentalWarning'] })
    worker.unref()
    worker.on('message', (reply: Reply) => this.#settle()?.resolve(reply))
    worker.on('error', error => this.#died(worker, error))
    worker.on('exit', code => this.#died(worker, new Error(`it ended with code ${code}`)))
    return worker
  }

  #ask(worker: Worker, request: Request, handedOver: ArrayBuffer[] = []): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      worker.ref()
      try {
        worker.postMessage(request, handedOver)
      } catch (error) {
        this.#settle()?.reject(error as Error)
      }
    })
  }

  #settle() {
    const waiting = this.#waiting
    this.#waiting = undefined
    this.#worker?.unref()
    return waiting
  }

  #died(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#settle()?.reject(
      new StoreUnavailableError('The thread of the store ended; what it was doing may have happened', {
        cause,
      }),
    )
  }
}
