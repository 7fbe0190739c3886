import { type Duration, toMs } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { checkWaitOptions, type Wait, type WaitOptions } from '../core/wait.js'
import { ReceiverClosedError } from '../errors.js'
import type { MemoryKey, WaitEnd } from '../model/memory.js'
import type { Payload } from '../model/payload.js'
import { type Received, readData, StoredCallback } from '../model/received.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Callback, ScopeReceiver } from '../model/scope.js'
import { Numbers } from './numbers.js'
import type { ScopeEntry } from './scope-entry.js'
import type { ScopeParts } from './scope-parts.js'

interface OwnReceiverParts {
  readonly entry: ScopeEntry
  readonly parts: ScopeParts
  readonly toCallback: (
    receiver: ReceiverRecord,
    end: WaitEnd & { type: 'callback' },
  ) => Promise<Callback<unknown>>
}

const IDLE = Symbol('idle')

/** A receiver of a scope: the n-th read of it in one entry gives what the n-th gave in every entry before. */
export class OwnReceiver<T> implements ScopeReceiver<T> {
  readonly id: string
  readonly #key: string
  readonly #receiver: ReceiverRecord
  readonly #own: OwnReceiverParts
  readonly #numbers: Numbers
  #wait: Wait<unknown> | undefined

  constructor(at: MemoryKey, receiver: ReceiverRecord, own: OwnReceiverParts) {
    this.id = receiver.id
    this.#key = at.key
    this.#receiver = receiver
    this.#own = own
    this.#numbers = new Numbers(at)
  }

  get url(): string {
    return this.#own.parts.toUrl(this.#receiver.token)
  }

  next<F = never>(options: WaitOptions<F> = {}): Wait<Callback<T> | F> {
    checkWaitOptions(options, 'next')
    this.#wait?.cancel()
    const wait = this.#numbers.wait<Callback<T>, F>(this.#own.entry, {
      options,
      what: `a callback of '${this.#key}'`,
      target: { type: 'receiver', receiverId: this.id },
      succeeds: ['callback'],
      toValue: async end => {
        if (end.type === 'callback') {
          return (await this.#own.toCallback(this.#receiver, end)) as Callback<T>
        }
        throw new ReceiverClosedError({
          receiver: this.#key,
          reason: end.type === 'expired' ? 'expired' : 'closed',
        })
      },
    })
    this.#wait = wait
    return wait
  }

  [Symbol.asyncIterator](): AsyncIterator<Callback<T>> {
    return this.stream()[Symbol.asyncIterator]()
  }

  stream(options: { signal?: AbortSignal; idle?: Duration } = {}): AsyncIterable<Callback<T>> {
    checkOptionNames(options, ['signal', 'idle'], 'stream')
    if (options.idle !== undefined) toMs(options.idle, 'idle')
    return { [Symbol.asyncIterator]: () => this.#read(options) }
  }

  accept(data: Payload, options: { deliveryId?: string } = {}): Promise<void> {
    return this.#own.parts.accept(this.#receiver, data, options)
  }

  async close(): Promise<Received<T>[]> {
    const { entry, parts } = this.#own
    const unread = await entry.perform(() =>
      entry.ask(() => parts.session.closeReceiver({ receiverId: this.id, now: parts.clock.now() })),
    )
    return await Promise.all(
      unread.map(async record => new StoredCallback<T>(record, (await readData(record)) as T)),
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#wait?.cancel()
    return Promise.resolve()
  }

  async *#read({ signal, idle }: { signal?: AbortSignal; idle?: Duration }): AsyncGenerator<Callback<T>> {
    for (;;) {
      let found: Callback<T> | typeof IDLE
      try {
        found = await this.next<typeof IDLE>({
          ...(signal === undefined ? {} : { signal }),
          ...(idle === undefined ? {} : { timeout: idle, fallback: () => IDLE }),
        })
      } catch (error) {
        if (error instanceof ReceiverClosedError) return
        throw error
      }
      if (found === IDLE) return
      yield found as Callback<T>
    }
  }
}
