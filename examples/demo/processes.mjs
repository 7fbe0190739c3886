// The processes of the demo: started, killed, stopped.
//
//   C1. One that ends when it should not fails the demo.
//   C2. Once the demo is over before its end nothing is started any more, and nothing goes on.
//   C3. None outlives it: `endAll` kills what is left, and a child whose main is gone leaves by itself.

import { fork } from 'node:child_process'
import { once } from 'node:events'

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Message } from './protocol.mjs' */

/** How long anything here may take, on a busy machine. */
const patienceMs = 60_000

export class Processes {
  /** Aborts when the demo is over before its end. */
  get signal() {
    return this.#fails.signal
  }

  #fails = new AbortController()
  /** @type {Set<ChildProcess>} */
  #children = new Set()
  /** @type {(message: Message) => void} */
  #listener

  /** @param {(message: Message) => void} listener hears what children say once they are ready */
  constructor(listener) {
    this.#listener = listener
  }

  /** @param {Error} reason */
  fail(reason) {
    this.#fails.abort(reason)
  }

  /**
   * @param {string} file
   * @param {string} [parameter]
   */
  start(file, parameter) {
    this.signal.throwIfAborted()
    const child = fork(new URL(file, import.meta.url), parameter === undefined ? [] : [parameter], {
      env: { ...process.env, NODE_ENV: 'development' }, // so that messages may go to this very machine
    })
    this.#children.add(child)
    child.on('message', message => this.#listener(/** @type {Message} */ (message)))
    child.on('exit', (code, signal) => {
      if (this.#children.delete(child))
        this.fail(new Error(`${file} ended by itself (${signal ?? `exit code ${code}`})`))
    })
    return child
  }

  /**
   * The URL of a child, once it is there.
   *
   * @param {ChildProcess} child
   * @returns {Promise<string>}
   */
  async ready(child) {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(patienceMs)])
    while (true) {
      const [message] = await once(child, 'message', { signal })
      if (message.type === 'ready') return message.url
    }
  }

  /** @param {ChildProcess} child */
  async kill(child) {
    this.#children.delete(child)
    child.kill('SIGKILL')
    await once(child, 'exit')
    this.signal.throwIfAborted()
  }

  /** @param {ChildProcess} child */
  async stop(child) {
    this.#children.delete(child)
    child.send('stop')
    const [code, signal] = await once(child, 'exit', { signal: AbortSignal.timeout(patienceMs) })
    this.signal.throwIfAborted()
    if (code !== 0) throw new Error(`a child did not stop in good order (${signal ?? `exit code ${code}`})`)
  }

  endAll() {
    for (const child of this.#children) child.kill('SIGKILL')
    this.#children.clear()
  }
}
