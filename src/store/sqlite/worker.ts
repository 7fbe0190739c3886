import { Worker } from 'node:worker_threads'
import { StoreUnavailableError } from '../../errors.js'
import type { Reply, Request } from './protocol.js'

interface Waiting {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/** One thread, from its start to its end. It answers in the order in which it is asked. */
export class EngineWorker {
  readonly #worker: Worker
  readonly #waiting: Waiting[] = []
  #isOver = false
  #ended: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  constructor(file: string) {
    // The thread is ours alone, and so is what it is told to keep quiet: that the runtime's SQLite is young.
    this.#worker = new Worker(file, { execArgv: ['--disable-warning=ExperimentalWarning'] })
    this.#worker.unref()
    this.#worker.on('message', (reply: Reply) => this.#settle()?.resolve(reply))
    this.#worker.on('error', error => this.#died(error))
    this.#worker.on('exit', code => this.#died(new Error(`it ended with code ${code}`)))
  }

  /** It must not be asked any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** `handedOver` is its own from now on. */
  ask(request: Request, handedOver: ArrayBuffer[] = []): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) throw new StoreUnavailableError('The thread of the store has ended')
      this.#worker.postMessage(request, handedOver)
      if (this.#waiting.push({ resolve, reject }) === 1) this.#worker.ref()
    })
  }

  /** Lets it answer what it was asked, and ends it. Afterwards nothing of it is left, nor its hold on the file. */
  end(): Promise<void> {
    this.#isOver = true
    this.#ended ??= this.#end()
    return this.#ended
  }

  async #end(): Promise<void> {
    if (this.#waiting.length > 0) {
      await new Promise<void>(resolve => {
        this.#onIdle = resolve
      })
    }
    await this.#worker.terminate()
  }

  #settle(): Waiting | undefined {
    const waiting = this.#waiting.shift()
    if (this.#waiting.length === 0) {
      this.#worker.unref()
      this.#onIdle?.()
    }
    return waiting
  }

  #died(cause: Error): void {
    this.#isOver = true
    const error = new StoreUnavailableError(
      'The thread of the store ended; what it was doing may have happened',
      { cause },
    )
    while (this.#waiting.length > 0) this.#settle()?.reject(error)
  }
}
