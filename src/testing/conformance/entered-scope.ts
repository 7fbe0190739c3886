import assert from 'node:assert/strict'
import { toText, utf8 } from '../../core/bytes.js'
import { createId, createToken } from '../../core/ids.js'
import {
  type Entry,
  type Memory,
  type MemoryKey,
  type Race,
  scopeIdOf,
  type WaitEnd,
  type WaitTarget,
} from '../../model/memory.js'
import type { ReceiverRecord, SettingsPatch } from '../../model/receiver.js'
import type { Result } from '../../model/run.js'
import type { DecideInput, DecideOutcome, NewReceiver, RecallInput, Remembered } from '../../store/scoping.js'
import type { NewDelivery, SendInput } from '../../store/sending.js'
import type { Input, Outcome } from '../../store/store.js'
import { DAY, type Trial } from './trial.js'

/** Where messages go that a case sends without caring where. */
export const APP = 'endpoint:app'
export const TIME: WaitTarget = { type: 'time' }
export const LOST = { type: 'lost' } as const

type ExchangeChanges = Partial<Omit<Input<'exchangeInScope'>, 'send'>> & {
  readonly send?: Partial<SendInput>
}
export type Begun = Extract<Outcome<'exchangeInScope'>, { readonly type: 'begun' }>

/** One entry of a scope: its verbs in few words. A text for a place is the key of a verb. */
export class EnteredScope {
  readonly trial: Trial
  readonly entry: Entry

  constructor(trial: Trial, entry: Entry) {
    this.trial = trial
    this.entry = entry
  }

  get id(): string {
    return scopeIdOf(this.entry)
  }

  // Memory

  recall(changes: Partial<RecallInput> = {}): Promise<Outcome<'recall'>> {
    const { id: scopeId, trial } = this
    return trial.session.recall({ scopeId, limit: 1_000, now: trial.now, ...changes })
  }

  async memories(): Promise<readonly Remembered[]> {
    return (await this.recall()).memories
  }

  async memoryAt(place: string | MemoryKey): Promise<Memory | undefined> {
    const { memories } = await this.recall({ from: toPlace(place), limit: 1 })
    return memories[0]?.memory
  }

  /** How the wait there ended, if it is remembered. */
  async endAt(place: string | MemoryKey): Promise<WaitEnd | undefined> {
    const memory = await this.memoryAt(place)
    return memory !== undefined && 'end' in memory ? memory.end : undefined
  }

  /** By whom a race was won, if that is remembered. */
  async winnerOf(place: string | MemoryKey): Promise<string | undefined> {
    const memory = await this.memoryAt(place)
    return memory !== undefined && 'decision' in memory ? memory.decision.winner : undefined
  }

  // Verbs

  remember(
    place: string | MemoryKey,
    memory: string | Input<'remember'>['memory'],
  ): Promise<Outcome<'remember'>> {
    const { entry, trial } = this
    const step = typeof memory === 'string' ? ({ verb: 'step', result: value(memory) } as const) : memory
    return trial.session.remember({ entry, at: toPlace(place), memory: step, now: trial.now })
  }

  trySpawn(place: string | MemoryKey, patch: SettingsPatch = {}): Promise<Outcome<'spawnInScope'>> {
    const { entry, trial } = this
    const receiver = newReceiver(trial, patch)
    return trial.session.spawnInScope({ entry, at: toPlace(place), receiver, now: trial.now })
  }

  async spawn(place: string | MemoryKey, patch: SettingsPatch = {}): Promise<ReceiverRecord> {
    const outcome = await this.trySpawn(place, patch)
    assert.equal(outcome.type, 'spawned')
    return outcome.receiver
  }

  trySend(place: string | MemoryKey, send: Partial<SendInput> = {}): Promise<Outcome<'sendInScope'>> {
    const { entry, trial } = this
    return trial.session.sendInScope({
      entry,
      at: toPlace(place),
      send: newSend(trial, send),
      now: trial.now,
    })
  }

  /** The id of the delivery. */
  async send(place: string | MemoryKey, send: Partial<SendInput> = {}): Promise<string> {
    const outcome = await this.trySend(place, send)
    assert.equal(outcome.type, 'sent')
    return outcome.deliveryId
  }

  tryExchange(
    place: string | MemoryKey,
    { send = {}, ...changes }: ExchangeChanges = {},
  ): Promise<Outcome<'exchangeInScope'>> {
    const { entry, trial } = this
    return trial.session.exchangeInScope({
      entry,
      at: toPlace(place),
      receiver: newReceiver(trial),
      send: newSend(trial, send),
      now: trial.now,
      ...changes,
    })
  }

  async exchange(place: string | MemoryKey, changes: ExchangeChanges = {}): Promise<Begun> {
    const outcome = await this.tryExchange(place, changes)
    assert.equal(outcome.type, 'begun')
    return outcome
  }

  /** Makes an exchange whole again after a retry. */
  tryResend(
    place: string | MemoryKey,
    changes: Partial<Input<'resendInScope'>> = {},
  ): Promise<Outcome<'resendInScope'>> {
    const { entry, trial } = this
    const delivery = newDelivery(trial)
    return trial.session.resendInScope({ entry, at: toPlace(place), delivery, now: trial.now, ...changes })
  }

  async resend(place: string | MemoryKey, changes: Partial<Input<'resendInScope'>> = {}): Promise<Begun> {
    const outcome = await this.tryResend(place, changes)
    assert.equal(outcome.type, 'begun')
    return outcome
  }

  // Waits

  decide(
    input: Pick<DecideInput, 'at' | 'verb' | 'target'> & Partial<DecideInput>,
  ): Promise<Outcome<'decide'>> {
    const { entry, trial } = this
    return trial.session.decide({ entry, anew: false, decides: [], now: trial.now, ...input })
  }

  /** A look at a wait under a key: the first one, if the key alone is given. */
  wait(
    place: string | MemoryKey,
    target: WaitTarget,
    changes: Partial<DecideInput> = {},
  ): Promise<Outcome<'decide'>> {
    const at = typeof place === 'string' ? placeAt(place, 1) : place
    return this.decide({ at, verb: 'wait', target, ...changes })
  }

  read(
    place: string | MemoryKey,
    receiver: ReceiverRecord,
    changes: Partial<DecideInput> = {},
  ): Promise<Outcome<'decide'>> {
    return this.wait(place, onReceiver(receiver), changes)
  }

  sleep(
    place: string | MemoryKey,
    deadlineAt: number,
    changes: Partial<DecideInput> = {},
  ): Promise<Outcome<'decide'>> {
    return this.decide({ at: toPlace(place), verb: 'sleep', target: TIME, deadlineAt, ...changes })
  }

  /** A look at the answer to an exchange. */
  hear(
    place: string | MemoryKey,
    begun: Begun,
    changes: Partial<DecideInput> = {},
  ): Promise<Outcome<'decide'>> {
    return this.decide({ at: toPlace(place), verb: 'exchange', target: onExchange(begun), ...changes })
  }

  throwCancel(
    place: string | MemoryKey,
    verb: Memory['verb'],
    decides: readonly Race[] = [],
  ): Promise<Outcome<'throwCancel'>> {
    const { entry, trial } = this
    return trial.session.throwCancel({ entry, at: toPlace(place), verb, decides, now: trial.now })
  }
}

export function placeAt(key: string, n = 0, part = ''): MemoryKey {
  return { part, key, n }
}

function toPlace(place: string | MemoryKey): MemoryKey {
  return typeof place === 'string' ? placeAt(place) : place
}

export function value(text: string): Result {
  return { type: 'value', bytes: utf8(text) }
}

export function failure(text: string): Result {
  return { type: 'error', bytes: utf8(text) }
}

/** What a step came to. */
export function bytesOf(memory: Memory): Uint8Array {
  assert.ok('result' in memory, 'it is not a step')
  return memory.result.bytes
}

export function onReceiver({ id }: ReceiverRecord): WaitTarget {
  return { type: 'receiver', receiverId: id }
}

export function onDelivery(deliveryId: string): WaitTarget {
  return { type: 'delivery', deliveryId }
}

export function onRun(runId: string): WaitTarget {
  return { type: 'run', runId }
}

export function onExchange({ receiver, deliveryId }: Begun): WaitTarget {
  return { type: 'exchange', receiverId: receiver.id, deliveryId }
}

/** How a wait has just ended. */
export function endOf(outcome: DecideOutcome): WaitEnd {
  assert.equal(outcome.type, 'ended')
  return outcome.end
}

/** The text of the callback that a wait has just ended with. */
export function textOf(outcome: DecideOutcome): string {
  const end = endOf(outcome)
  assert.equal(end.type, 'callback')
  return toText(end.callback.body)
}

export function newReceiver({ now }: Trial, patch: SettingsPatch = {}): NewReceiver {
  return { id: createId('rcv', now), token: createToken(), patch }
}

export function newSend(trial: Trial, changes: Partial<SendInput> = {}): SendInput {
  return { ...newDelivery(trial), message: trial.message(APP), ...changes }
}

export function newDelivery({ now }: Trial): NewDelivery {
  return { deliveryId: createId('dlv', now), dueAt: now, deadlineAt: now + 3_000 * DAY }
}
