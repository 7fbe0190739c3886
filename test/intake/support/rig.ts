import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { createId, createToken } from '../../../src/core/ids.js'
import { Intake } from '../../../src/intake/intake.js'
import { toReceiverSettings } from '../../../src/intake/receiver-settings.js'
import { Sources } from '../../../src/intake/sources.js'
import type { CallbackRecord } from '../../../src/model/callback.js'
import type { ReceiverRecord } from '../../../src/model/receiver.js'
import {
  type Observation,
  type ReceiverOptions,
  type ServerOptions,
  toServerSettings,
} from '../../../src/options.js'
import { memoryStore } from '../../../src/store/memory/memory-store.js'
import type { StoreSession } from '../../../src/store/store.js'
import { Watch } from '../../../src/store/watch.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'

export const PUBLIC_URL = 'https://hooks.example.com/base'

export interface Logged {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly facts: Readonly<Record<string, unknown>>
  readonly message: string
}

type Faults = { -readonly [N in keyof StoreSession]?: StoreSession[N] }

/** An intake over a store in memory, with a clock driven by hand, and eyes on everything that goes in and out. */
export class Rig {
  readonly clock: ManualClock
  readonly logged: Logged[] = []
  readonly observed: Observation[] = []
  readonly sources = new Sources()
  /** Commands put here are carried out instead of the store's. */
  readonly faults: Faults = {}
  /** Names of the commands that reached the store, in order. */
  readonly commands: string[] = []
  readonly session: StoreSession
  readonly watch: Watch
  readonly intake: Intake

  private constructor(
    session: StoreSession,
    options: ServerOptions,
    clock: ManualClock,
    publicUrl = PUBLIC_URL,
  ) {
    this.clock = clock
    this.session = this.#watched(session)
    this.watch = new Watch({
      session: this.session,
      clock: this.clock,
      pollMs: 1_000,
      onError: error => this.#log('error', { error }, 'poll'),
    })
    const level = (name: Logged['level']) => (facts: object, message: string) =>
      this.#log(name, facts, message)
    const settings = toServerSettings(
      {
        clock: this.clock,
        logger: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') },
        observe: event => void this.observed.push(event),
        ...options,
      },
      () => publicUrl,
    )
    this.intake = new Intake({ session: this.session, watch: this.watch, sources: this.sources, settings })
  }

  static async open(options: ServerOptions = {}, session?: StoreSession, publicUrl?: string): Promise<Rig> {
    return new Rig(session ?? (await memoryStore().open()), options, new ManualClock(), publicUrl)
  }

  /** What a second process is, or the same after a restart: the store and the time of the first, and no code. */
  another(): Rig {
    return new Rig(this.session, {}, this.clock)
  }

  /** What the server does for `spawn`. Without a key the receiver belongs to a node that lives. */
  async spawn(
    options: ReceiverOptions<unknown> & { key?: string; reopen?: boolean } = {},
  ): Promise<ReceiverRecord> {
    const { key, ...given } = options
    const { patch, code } = toReceiverSettings(given, this.sources)
    const now = this.clock.now()
    const { epoch } = await this.session.join({ node: 'test', now, leaseMs: 1e12 })
    const outcome = await this.session.spawn({
      id: createId('rcv', now),
      token: createToken(),
      now,
      patch,
      reopen: given.reopen ?? false,
      ...(key === undefined ? { epoch } : { key }),
    })
    if (outcome.type === 'conflict') throw new Error(outcome.message)
    this.sources.attach(outcome.receiver.id, code)
    return outcome.receiver
  }

  /** What is unread in a mailbox, read in the way a mailbox reads it. */
  async unread(receiver: ReceiverRecord): Promise<readonly CallbackRecord[]> {
    const now = this.clock.now()
    const { epoch } = await this.session.join({ node: 'reader', now, leaseMs: 1e12 })
    const { callbacks } = await this.session.claim({
      receiverId: receiver.id,
      epoch,
      limit: 1_000,
      now,
      ordered: false,
    })
    for (const { id: callbackId, receiverId, fence } of callbacks) {
      await this.session.release({ claim: { callbackId, receiverId, epoch, fence }, now, as: 'uncounted' })
    }
    return callbacks
  }

  close(receiver: ReceiverRecord): Promise<readonly CallbackRecord[]> {
    return this.session.closeReceiver({ receiverId: receiver.id, now: this.clock.now() })
  }

  /** A request to a receiver, by fetch values. */
  request(
    receiver: Pick<ReceiverRecord, 'token'>,
    init: RequestInit & { path?: string } = {},
  ): Promise<Response> {
    return byFetch(this, receiver, init)
  }

  json(
    receiver: Pick<ReceiverRecord, 'token'>,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return this.request(receiver, toJsonInit(body, headers))
  }

  /** Requests that came in over sockets. */
  requests = 0
  /** Connections that ended, whoever ended them. */
  connectionsLost = 0

  /** The same intake behind a real port. */
  listen(listener: RequestListener = this.intake.node): Promise<Port> {
    return openPort((request, response) => {
      this.requests++
      request.socket.once('close', () => this.connectionsLost++)
      listener(request, response)
    })
  }

  logsOf(level: Logged['level']): readonly Logged[] {
    return this.logged.filter(entry => entry.level === level)
  }

  #log(level: Logged['level'], facts: object, message: string): void {
    this.logged.push({ level, facts: { ...facts }, message })
  }

  #watched(session: StoreSession): StoreSession {
    return new Proxy(session, {
      get: (target, name, receiver) => {
        const command: unknown = Reflect.get(this.faults, name) ?? Reflect.get(target, name, receiver)
        if (typeof command !== 'function') return command
        return (...given: unknown[]) => {
          this.commands.push(String(name))
          return command.apply(target, given)
        }
      },
    })
  }
}

export function toJsonInit(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
}

/** How a request reaches the intake. */
export type Transport = (
  rig: Rig,
  receiver: Pick<ReceiverRecord, 'token'>,
  init?: RequestInit & { path?: string },
) => Promise<Response>

const byFetch: Transport = (rig, { token }, { path = '', ...init } = {}) =>
  rig.intake.fetch(new Request(`${PUBLIC_URL}/r/${token}${path}`, { method: 'POST', ...init }))

const ports = new WeakMap<Rig, Promise<Port>>()

/** Over a real socket on loopback. */
export const byNode: Transport = async (rig, { token }, { path = '', ...init } = {}) => {
  const opening = ports.get(rig) ?? rig.listen()
  ports.set(rig, opening)
  const { url } = await opening
  return fetch(`${url}/base/r/${token}${path}`, { method: 'POST', redirect: 'manual', ...init })
}

export const transports: readonly { readonly name: string; readonly send: Transport }[] = [
  { name: 'fetch', send: byFetch },
  { name: 'node:http', send: byNode },
]

export interface Port {
  readonly url: string
  readonly port: number
}

export async function openPort(listener: RequestListener): Promise<Port> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port }
}

/** A connection on which anything can be written, well-formed or not. */
export class Wire {
  readonly #socket: Socket
  readonly closed: Promise<string>
  #text = ''
  #onText: (() => void)[] = []

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('error', () => {}) // a reset is what some tests wait for; `closed` tells of the end
    this.#socket.on('data', chunk => {
      this.#text += chunk.toString('latin1')
      for (const look of this.#onText.splice(0)) look()
    })
    this.closed = new Promise(resolve =>
      this.#socket.on('close', () => {
        resolve(this.#text)
        for (const look of this.#onText.splice(0)) look()
      }),
    )
    onTestFinished(() => void this.#socket.destroy())
  }

  write(text: string | Uint8Array): this {
    this.#socket.write(text)
    return this
  }

  /** Writes for as long as the other side takes anything, and says how much that was. */
  async flood(chunk: Uint8Array): Promise<number> {
    while (!this.#socket.destroyed) {
      const more = this.#socket.write(chunk)
      if (!more) await new Promise(resolve => this.#socket.once('drain', resolve).once('close', resolve))
    }
    return this.#socket.bytesWritten
  }

  get open(): boolean {
    return this.#socket.readyState === 'open'
  }

  /** Waits until the other side has taken nothing more for a while. */
  async stalled(): Promise<void> {
    let [taken, quietTurns] = [-1, 0]
    await eventually(() => {
      const { bytesWritten, writableLength } = this.#socket
      const now = bytesWritten - writableLength
      quietTurns = now === taken ? quietTurns + 1 : 0
      taken = now
      return quietTurns > 500
    })
  }

  end(): void {
    this.#socket.end()
  }

  cut(): void {
    this.#socket.resetAndDestroy()
  }

  /** Everything that came, as soon as it matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) {
      if (this.#socket.closed) throw new Error(`The connection ended after: ${this.#text}`)
      await new Promise<void>(resolve => this.#onText.push(resolve))
    }
    return this.#text
  }
}

/** Turns of the event loop until something holds: for what has no promise to wait for. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    if (await holds()) return
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error('It never came to hold')
}
