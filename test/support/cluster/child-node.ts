import { type ChildProcess, fork } from 'node:child_process'
import { onTestFinished } from 'vitest'
import type { Pace } from '../../../src/store/store.js'

// Nodes of a cluster that are processes of their own, to be killed and stopped as only those can be.

export interface NodeSettings {
  /** Not that of another node. */
  readonly name: string
  readonly url: string
  readonly schema: string
  readonly pace: Pace
  readonly publicUrl: string
  /** Whom stories ask. */
  readonly partner?: string
  /** Keys of the receivers that it consumes. */
  readonly receivers?: readonly string[]
}

export type What = 'spawn' | 'spawnKeyless' | 'take' | 'acknowledge' | 'hold' | 'finish' | 'start' | 'stories'

export interface Request {
  readonly id: number
  readonly what: What
  readonly given?: string
}

interface Reply {
  readonly id: number
  readonly answer?: unknown
  readonly failure?: string
}

/** A run of the workflow, and what it came to. */
export interface Story {
  readonly key: string
  readonly status: string
  readonly result?: readonly string[]
}

export class ChildNode {
  readonly name: string
  readonly port: number
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #asked = new Map<number, (reply: Reply) => void>()
  #asks = 0

  private constructor(name: string, child: ChildProcess, ended: Promise<unknown>, port: number) {
    this.name = name
    this.port = port
    this.#child = child
    this.#ended = ended
    child.on('message', (reply: Reply) => {
      this.#asked.get(reply.id)?.(reply)
      this.#asked.delete(reply.id)
    })
  }

  static async start(settings: NodeSettings): Promise<ChildNode> {
    const child = fork(new URL('node.mjs', import.meta.url), [JSON.stringify(settings)], {
      env: { ...process.env, NODE_ENV: 'development' }, // so that messages may go to this very machine
    })
    const ended = new Promise(resolve => child.once('exit', resolve))
    onTestFinished(() => void child.kill('SIGKILL'))
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', ({ answer }: Reply) => resolve(Number(answer)))
      child.once('error', reject)
      void ended.then(code => reject(new Error(`a node ended by itself, with code ${String(code)}`)))
    })
    return new ChildNode(settings.name, child, ended, port)
  }

  /** Rejects when the node is killed before it has answered. */
  ask<T = unknown>(what: What, given?: string): Promise<T> {
    const id = ++this.#asks
    return new Promise((resolve, reject) => {
      void this.#ended.then(() => reject(new Error(`${this.name} died`)))
      this.#asked.set(id, ({ answer, failure }) =>
        failure === undefined ? resolve(answer as T) : reject(new Error(failure)),
      )
      const request: Request = { id, what, ...(given === undefined ? {} : { given }) }
      this.#child.send(request, error => {
        if (error !== null) reject(error)
      })
    })
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** As a machine does that is suspended. */
  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  goOn(): void {
    this.#child.kill('SIGCONT')
  }
}
