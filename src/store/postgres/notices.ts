import { after, type Clock } from '../../core/clock.js'
import { createToken } from '../../core/ids.js'
import { within } from '../../core/within.js'
import type { Wake } from '../store.js'
import type { Connections } from './connections.js'
import { quoted } from './names.js'
import type { Client, Notification } from './pool.js'

// Wake-ups between nodes: NOTIFY after the commit, LISTEN on a connection of its own.
//
// Owns:   the listening connection, what is to be announced, the listeners.
// Leaves: who must look, and what a lost wake-up costs (Watch).
//
//   N1. Wake-ups go out after the commit, a statement for all that have gathered: within the commit they would make the
//       commits of all nodes wait for one another.
//   N2. Losing one costs a poll interval (S13). So nothing is announced twice, nothing is waited for, and what has
//       gathered beyond a bound is dropped.
//   N3. A connection that broke is made anew, for ever. One that hears nothing (a pooler that gives every transaction another
//       connection) is let go of.

export interface NoticesParts {
  readonly connections: Connections
  readonly schema: string
  readonly clock: Clock
}

/** A payload has to be shorter than 8000 bytes. */
const LARGEST_PAYLOAD = 7_500
const MOST_GATHERED = 2_000
const RETRY_MS = 1_000
const ECHO_MS = 1_000

export class Notices {
  readonly #parts: NoticesParts
  readonly #channel: string
  /** Told apart from what other nodes announce. */
  readonly #self = createToken()
  readonly #listeners = new Set<(wake: Wake) => void>()
  readonly #gathered = new Set<string>()
  #client: Client | undefined
  #announcing: Promise<void> | undefined
  #stopTimer: () => void = () => {}
  #closed = false
  #onEcho: () => void = () => {}

  constructor(parts: NoticesParts) {
    this.#parts = parts
    this.#channel = `longline ${parts.schema}`
  }

  /** Begins to listen. Whether notifications get through; without them, nodes find out by polling. */
  async open(): Promise<boolean> {
    await this.#listen()
    const heard = new Promise<void>(resolve => {
      this.#onEcho = resolve
    })
    try {
      await this.#notify([''])
      await within(this.#parts.clock, ECHO_MS, 'a notification', heard)
      return true
    } catch {
      this.#letGo(this.#client)
      return false
    }
  }

  /** What other nodes have changed. Returns how to stop. */
  subscribe(listener: (wake: Wake) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  announce(wakes: readonly Wake[]): void {
    if (this.#closed) return
    for (const wake of wakes) {
      if (this.#gathered.size < MOST_GATHERED) this.#gathered.add(toText(wake))
    }
    if (this.#gathered.size > 0) this.#announcing ??= this.#announceGathered()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopTimer()
    await this.#announcing
    this.#letGo(this.#client)
  }

  async #announceGathered(): Promise<void> {
    while (this.#gathered.size > 0) {
      const wakes = [...this.#gathered]
      this.#gathered.clear()
      try {
        await this.#notify(wakes)
      } catch {
        // They are lost, which costs their readers a poll interval.
      }
    }
    this.#announcing = undefined
  }

  async #notify(wakes: readonly string[]): Promise<void> {
    const payloads = toPayloads(this.#self, wakes)
    await this.#parts.connections.query('select pg_notify($1, payload) from unnest($2::text[]) payload', [
      this.#channel,
      payloads,
    ])
  }

  async #listen(): Promise<void> {
    const client = await this.#parts.connections.take()
    this.#client = client
    const onEnd = () => {
      if (this.#client !== client) return
      this.#letGo(client)
      this.#listenLater()
    }
    client.on('notification', (notification: Notification) => {
      if (this.#client === client) this.#hear(notification)
    })
    client.on('error', onEnd)
    client.on('end', onEnd)
    try {
      await client.query(`listen ${quoted(this.#channel)}`)
    } catch (error) {
      this.#letGo(client)
      throw error
    }
  }

  #listenLater(): void {
    if (this.#closed) return
    this.#stopTimer = after(this.#parts.clock, RETRY_MS, () => {
      this.#listen().then(
        () => {
          if (this.#closed) this.#letGo(this.#client)
        },
        () => this.#listenLater(),
      )
    })
  }

  /** It has heard for us, so nobody else is to use it. */
  #letGo(client: Client | undefined): void {
    if (client === undefined || this.#client !== client) return
    this.#client = undefined
    client.release(true)
  }

  #hear({ channel, payload = '' }: Notification): void {
    if (channel !== this.#channel) return
    const [sender, ...wakes] = payload.split(' ')
    if (sender === this.#self) this.#onEcho()
    else this.#tell(wakes.flatMap(wake => fromText(wake) ?? []))
  }

  #tell(wakes: readonly Wake[]): void {
    for (const wake of wakes) {
      for (const listener of [...this.#listeners]) listener(wake)
    }
  }
}

/** The sender and its wake-ups, as many to a payload as have room. */
function toPayloads(sender: string, wakes: readonly string[]): readonly string[] {
  const payloads: string[] = []
  let payload = sender
  for (const wake of wakes) {
    if (payload.length + wake.length >= LARGEST_PAYLOAD) {
      payloads.push(payload)
      payload = sender
    }
    payload += ` ${wake}`
  }
  return [...payloads, payload]
}

function toText(wake: Wake): string {
  switch (wake.kind) {
    case 'receiver':
      return `receiver:${wake.receiverId}`
    case 'answer':
      return `answer:${wake.callbackId}`
    case 'delivery':
    case 'dead':
      return `${wake.kind}:${wake.deliveryId}`
    case 'run':
      return `run:${wake.runId}`
    case 'outbox':
    case 'runs':
    case 'fanOuts':
    case 'ends':
      return wake.kind
  }
}

/** Nothing for what a later version may announce. */
function fromText(text: string): Wake | undefined {
  const [kind = '', id = ''] = text.split(':')
  switch (kind) {
    case 'receiver':
      return { kind, receiverId: id }
    case 'answer':
      return { kind, callbackId: id }
    case 'delivery':
    case 'dead':
      return { kind, deliveryId: id }
    case 'run':
      return { kind, runId: id }
    case 'outbox':
    case 'runs':
    case 'fanOuts':
    case 'ends':
      return { kind }
    default:
      return undefined
  }
}
