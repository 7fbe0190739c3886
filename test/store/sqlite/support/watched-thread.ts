import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { setEnvironmentData, Worker } from 'node:worker_threads'
import { onTestFinished, vi } from 'vitest'
import { EngineThread } from '../../../../src/store/sqlite/thread.js'
import { temporaryFile } from './temporary-file.js'

/** Places in the memory that the thread shares with its test. */
const SLOT = { started: 0, commits: 1, gate: 2, atGate: 3, ending: 4 }
const KEY = 'watched-thread'

/** How a thread goes wrong: the disk fails, it ends in the middle of a commit, or it cannot send what came of one. */
const ENDINGS = { io: 1, exit: 2, unsendable: 3 }

/**
 * The thread of the store, where commits can be counted, held up, and made to go wrong. All that are started from the file
 * are watched together.
 */
export class WatchedThread {
  readonly file: string
  readonly #shared = new Int32Array(new SharedArrayBuffer(4 * Object.keys(SLOT).length))

  constructor() {
    setEnvironmentData(KEY, this.#shared)
    this.file = threadOf(`
      import { createRequire } from 'node:module'
      import { getEnvironmentData } from 'node:worker_threads'

      const shared = getEnvironmentData(${JSON.stringify(KEY)})
      const slot = ${JSON.stringify(SLOT)}
      const endings = ${JSON.stringify(ENDINGS)}
      Atomics.add(shared, slot.started, 1)

      const entry = ${JSON.stringify(locateThread())}
      const Database = process.getBuiltinModule?.('node:sqlite')?.DatabaseSync ?? createRequire(entry)('libsql')
      const { prepare } = Database.prototype
      Database.prototype.prepare = function (sql, ...rest) {
        const statement = prepare.call(this, sql, ...rest)
        if (sql !== 'commit') return statement
        const run = statement.run.bind(statement)
        statement.run = (...values) => {
          if (Atomics.load(shared, slot.gate) === 1) {
            Atomics.store(shared, slot.atGate, 1)
            Atomics.notify(shared, slot.atGate)
            Atomics.wait(shared, slot.gate, 1)
          }
          if (takes(endings.exit)) process.exit(7)
          if (takes(endings.io)) throw Object.assign(new Error('disk I/O error'), { errcode: 10, rawCode: 10 })
          const done = run(...values)
          Atomics.add(shared, slot.commits, 1)
          return done
        }
        return statement
      }
      const post = parentPort.postMessage.bind(parentPort)
      parentPort.postMessage = (...values) => {
        if (takes(endings.unsendable)) throw new Error('it cannot be sent')
        post(...values)
      }
      function takes(ending) {
        return Atomics.compareExchange(shared, slot.ending, ending, 0) === ending
      }
      await import(${JSON.stringify(pathToFileURL(locateThread()).href)})`)
  }

  /** How many threads have been started. */
  get started(): number {
    return Atomics.load(this.#shared, SLOT.started)
  }

  get commits(): number {
    return Atomics.load(this.#shared, SLOT.commits)
  }

  /** From now on a commit waits until it is let go. */
  hold(): void {
    Atomics.store(this.#shared, SLOT.atGate, 0)
    Atomics.store(this.#shared, SLOT.gate, 1)
  }

  /** Until a commit is held up: the thread sees nothing of what it is sent from now on. */
  async isHolding(): Promise<void> {
    const waiting = Atomics.waitAsync(this.#shared, SLOT.atGate, 0)
    if (waiting.async) await waiting.value
  }

  letGo(): void {
    Atomics.store(this.#shared, SLOT.gate, 0)
    Atomics.notify(this.#shared, SLOT.gate)
  }

  /** The next commit that is not held up ends so, once. */
  endsBy(ending: keyof typeof ENDINGS): void {
    Atomics.store(this.#shared, SLOT.ending, ENDINGS[ending])
  }
}

interface Openings {
  /** For each thread that was asked to open the file: whether all that were asked before it had ended by then. */
  readonly afterEnd: readonly boolean[]
  /** All threads that were asked to open the file have ended. */
  readonly areOver: boolean
}

export function watchOpenings(): Openings {
  const afterEnd: boolean[] = []
  const workers = new Set<Worker>()
  const areOver = () => [...workers].every(({ threadId }) => threadId === -1)
  const { postMessage } = Worker.prototype
  const spy = vi.spyOn(Worker.prototype, 'postMessage')
  spy.mockImplementation(function (this: Worker, message: { readonly type?: string }, transfer = []) {
    if (message.type === 'open') {
      workers.delete(this)
      afterEnd.push(areOver())
      workers.add(this)
    }
    postMessage.call(this, message, transfer)
  })
  onTestFinished(() => {
    spy.mockRestore()
  })
  return {
    afterEnd,
    get areOver() {
      return areOver()
    },
  }
}

/** The file of the store's own thread. */
export function locateThread(): string {
  const located = EngineThread.locate()
  if ('file' in located) return located.file
  throw located.missing
}

/** A file that a thread can be started from. */
export function threadOf(program: string): string {
  const file = temporaryFile('thread.mjs')
  writeFileSync(file, `import { parentPort, threadId } from 'node:worker_threads'\n${program}`)
  return file
}
