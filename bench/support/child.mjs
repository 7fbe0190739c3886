// Processes of their own for whatever is measured: the runner asks them by name and waits for the answer.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/**
 * What the processes are asked, and what they answer.
 *
 * @typedef {object} Answers
 * @property {number} held callbacks or rows that the server has kept
 * @property {number} rss bytes resident
 * @property {number} cpu microseconds of processor time so far, of all its threads
 * @property {import('./load.mjs').LoadResult} load
 * @property {number} drained callbacks that a node has handled when nothing is left
 * @property {import('../servers/latency.mjs').LatencyResult} latency
 * @property {import('./roundtrips.mjs').RoundTripsResult} together
 * @property {import('./roundtrips.mjs').RoundTripsResult} alone
 * @property {import('../servers/reentry.mjs').Entries} entries
 * @property {number} parked runs that are
 * @property {number} calls that a partner has got
 * @property {number} delivered messages a second
 * @property {readonly import('../servers/verifier.mjs').Compared[]} verifications of one round
 * @property {Spread} healthy from `send` until the endpoint has it, while all endpoints are healthy
 * @property {Spread} dead the same, while one of them is dead
 */

/** @typedef {{ p50: number, p99: number }} Spread in milliseconds */
/** @typedef {{ port: number, paths: readonly string[], tookMs: number }} Ready where it listens, and what it took to prepare */
/** @typedef {{ [Name in keyof Answers]?: () => Promise<Answers[Name]> }} Abilities */
/** @typedef {{ ready: Ready } | { answer: unknown } | { failure: string } | { progress: string }} Report */

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Child {
  #process
  /** @type {Ready} */
  ready = { port: 0, paths: [], tookMs: 0 }
  /** @type {((report: Report) => void)} */
  #onReport = () => undefined
  #onProgress

  /**
   * @param {import('node:child_process').ChildProcess} started
   * @param {(text: string) => void} onProgress
   */
  constructor(started, onProgress) {
    this.#process = started
    this.#onProgress = onProgress
  }

  /**
   * Starts a file of `bench/` and waits until it is ready.
   *
   * @param {string} file
   * @param {object} task
   * @param {{ node?: string, nodeFlags?: readonly string[], onProgress?: (text: string) => void }} [options]
   */
  static async start(
    file,
    task,
    { node = process.execPath, nodeFlags = [], onProgress = () => undefined } = {},
  ) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
    const started = fork(path, [JSON.stringify(task)], { execPath: node, execArgv: [...nodeFlags] })
    running.add(started)
    started.once('exit', () => running.delete(started))
    const child = new Child(started, onProgress)
    started.on('message', message => child.#heard(/** @type {Report} */ (message)))
    const report = await child.#nextReport(file)
    if (!('ready' in report)) throw new Error(`${file} spoke before it was ready`)
    child.ready = report.ready
    return child
  }

  /**
   * @template {keyof Answers} Name
   * @param {Name} name
   * @returns {Promise<Answers[Name]>}
   */
  async ask(name) {
    const report = this.#nextReport(name)
    this.#process.send({ ask: name })
    const heard = await report
    if (!('answer' in heard)) throw new Error(`no answer to '${name}'`)
    return /** @type {Answers[Name]} */ (heard.answer)
  }

  /** Lets it end by itself. */
  async stop() {
    const exited = once(this.#process, 'exit')
    this.#process.send({ ask: 'stop' })
    const [code] = await exited
    if (code !== 0) throw new Error(`a process of the benchmark ended with ${code}`)
  }

  /** Power off. */
  async kill() {
    const exited = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exited
  }

  /** @param {Report} report */
  #heard(report) {
    if ('progress' in report) this.#onProgress(report.progress)
    else this.#onReport(report)
  }

  /**
   * @param {string} what
   * @returns {Promise<Report>}
   */
  #nextReport(what) {
    return new Promise((resolve, reject) => {
      /** @param {number | null} code */
      const onExit = code => reject(new Error(`${what}: its process ended with ${code}`))
      this.#process.once('exit', onExit)
      this.#onReport = report => {
        this.#process.off('exit', onExit)
        if ('failure' in report) reject(new Error(`${what}: ${report.failure}`))
        else resolve(report)
      }
    })
  }
}

// ── Inside such a process ──

/** @type {Abilities} */
const common = {
  rss: async () => process.memoryUsage.rss(),
  cpu: async () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
}

/**
 * What it was told to do.
 *
 * @template Task
 * @returns {Task}
 */
export function readTask() {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** @param {string} text */
export function reportProgress(text) {
  report({ progress: text })
}

/**
 * Answers the runner until it says stop, or is gone.
 *
 * @param {Partial<Ready>} ready
 * @param {Abilities} abilities
 * @param {() => Promise<void>} [close]
 */
export function answerRunner(ready, abilities, close = async () => undefined) {
  process.on('disconnect', () => process.exit(1))
  process.on('message', message => {
    const { ask } = /** @type {{ ask: keyof Answers | 'stop' }} */ (message)
    const ability = ask === 'stop' ? undefined : { ...common, ...abilities }[ask]
    if (ask === 'stop') void close().then(() => process.exit(0), fail)
    else if (ability === undefined) fail(new Error(`cannot answer '${ask}'`))
    else void ability().then(answer => report({ answer }), fail)
  })
  report({ ready: { port: 0, paths: [], tookMs: 0, ...ready } })
}

/** @param {unknown} error */
function fail(error) {
  report({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}

/** @param {Report} message */
function report(message) {
  process.send?.(message)
}
