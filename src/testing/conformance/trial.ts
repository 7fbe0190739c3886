import assert from 'node:assert/strict'
import { toText, utf8 } from '../../core/bytes.js'
import { createId, createToken } from '../../core/ids.js'
import type { CallbackRecord, Claim, ClaimedCallback, FailureReason } from '../../model/callback.js'
import type {
  AddressedMessage,
  AfterAttempt,
  AttemptRecord,
  ClaimedDelivery,
  DeliveryClaim,
  Lane,
} from '../../model/delivery.js'
import type { ReceiverRecord, SettingsPatch } from '../../model/receiver.js'
import type { Swept, TakenOver } from '../../store/nodes.js'
import type {
  AcceptInput,
  AcceptOutcome,
  ClaimInput,
  ClaimOutcome,
  ReleaseInput,
} from '../../store/receiving.js'
import type { Input, Outcome, Store, StoreSession } from '../../store/store.js'
import { WakeLog } from './wake-log.js'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const LEASE = 15 * SECOND

export interface Case {
  /** A sentence about behaviour. */
  readonly title: string
  readonly run: (trial: Trial) => Promise<void>
}

export interface Area {
  readonly title: string
  readonly cases: readonly Case[]
}

/**
 * One case at work on a store of its own: a clock moved by hand, a node that never loses its lease, and the commands
 * in few words. Callbacks are told apart by their texts.
 */
export class Trial {
  readonly store: Store
  now = Date.UTC(2026, 0, 1)
  session: StoreSession
  /** Of a node whose lease does not run out. */
  epoch = 0

  private constructor(store: Store, session: StoreSession) {
    this.store = store
    this.session = session
  }

  static async run(open: () => Promise<Store>, run: (trial: Trial) => Promise<void>): Promise<void> {
    const store = await open()
    const trial = new Trial(store, await store.open())
    try {
      trial.epoch = await trial.join({ leaseMs: 1_000 * DAY })
      await run(trial)
    } finally {
      await trial.session.close()
    }
  }

  pass(ms: number): void {
    this.now += ms
  }

  /**
   * As when the process ends and another one starts: without a word, unless the case has said `leave` before. Where others
   * may be at the store, it starts when the lease has run out.
   */
  async restart(): Promise<void> {
    if (!this.store.exclusive) await this.session.renew({ epoch: this.epoch, now: this.now, leaseMs: 0 })
    await this.session.close()
    this.session = await this.store.open()
    this.epoch = await this.join({ leaseMs: 1_000 * DAY })
  }

  async join({
    leaseMs = LEASE,
    ...changes
  }: {
    leaseMs?: number
    node?: string
    moves?: number
  } = {}): Promise<number> {
    const { epoch } = await this.session.join({
      node: createId('node', this.now),
      now: this.now,
      leaseMs,
      ...changes,
    })
    return epoch
  }

  /** Where others may be at the store, a node is lost when somebody has found it to be, and not as soon as its lease ran out. */
  async noticeLosses(): Promise<void> {
    if (!this.store.exclusive) await this.takeOver()
  }

  leave(epoch = this.epoch): Promise<Outcome<'leave'>> {
    return this.session.leave({ epoch, now: this.now })
  }

  takeOver({ maxCrashes = 20, limit = 1_000 } = {}): Promise<TakenOver> {
    return this.session.takeOver({ now: this.now, maxCrashes, limit })
  }

  sweep(changes: Partial<Input<'sweep'>> = {}): Promise<Swept> {
    const retention = {
      callbacksMs: 7 * DAY,
      messagesMs: 30 * DAY,
      bodiesMs: 30 * DAY,
      failingMs: 5 * DAY,
      keylessMs: 30 * DAY,
      runsMs: 30 * DAY,
    }
    return this.session.sweep({ now: this.now, ...retention, limit: 1_000, ...changes })
  }

  // Receivers

  trySpawn(changes: Partial<Input<'spawn'>> = {}): Promise<Outcome<'spawn'>> {
    const { now } = this
    const fresh = { id: createId('rcv', now), token: createToken() }
    return this.session.spawn({ ...fresh, now, patch: {}, reopen: false, ...changes })
  }

  /** A receiver with that key, or without any. */
  async spawn(
    key?: string,
    patch: SettingsPatch = {},
    changes: Partial<Input<'spawn'>> = {},
  ): Promise<ReceiverRecord> {
    const outcome = await this.trySpawn({ ...(key === undefined ? {} : { key }), patch, ...changes })
    assert.equal(outcome.type, 'spawned')
    return outcome.receiver
  }

  async find(token: string): Promise<ReceiverRecord> {
    const receiver = await this.session.findReceiver({ token, now: this.now })
    assert.ok(receiver !== undefined, 'the receiver is not there')
    return receiver
  }

  /** What arrives at a receiver. Each has an id of its own. */
  request(receiver: ReceiverRecord, text: string, changes: Partial<AcceptInput> = {}): AcceptInput {
    return {
      callbackId: createId('cb', this.now),
      receiverId: receiver.id,
      now: this.now,
      method: 'POST',
      path: '',
      query: '',
      headers: '["content-type","text/plain"]',
      body: utf8(text),
      dedupeUntil: this.now + 7 * DAY,
      content: 'good',
      capacity: 10_000,
      ...changes,
    }
  }

  post(receiver: ReceiverRecord, text: string, changes: Partial<AcceptInput> = {}): Promise<AcceptOutcome> {
    return this.session.accept(this.request(receiver, text, changes))
  }

  /** Callbacks with these texts, one after the other. */
  async fill(receiver: ReceiverRecord, ...texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      const outcome = await this.post(receiver, text)
      assert.equal(outcome.type, 'accepted')
    }
  }

  close(receiver: ReceiverRecord): Promise<readonly CallbackRecord[]> {
    return this.session.closeReceiver({ receiverId: receiver.id, now: this.now })
  }

  async unreadOf(receiver: ReceiverRecord): Promise<number> {
    const page = await this.session.listReceivers({ now: this.now, limit: 1_000 })
    const found = page.find(({ id }) => id === receiver.id)
    assert.ok(found !== undefined, 'the receiver is not in the registry')
    return found.unread
  }

  // Hand-outs

  claim(receiver: ReceiverRecord, changes: Partial<ClaimInput> = {}): Promise<ClaimOutcome> {
    const { epoch, now } = this
    return this.session.claim({ receiverId: receiver.id, epoch, now, limit: 100, ordered: false, ...changes })
  }

  async take(
    receiver: ReceiverRecord,
    changes: Partial<ClaimInput> = {},
  ): Promise<readonly ClaimedCallback[]> {
    return (await this.claim(receiver, changes)).callbacks
  }

  async takeOne(receiver: ReceiverRecord, changes: Partial<ClaimInput> = {}): Promise<ClaimedCallback> {
    const [callback] = await this.take(receiver, { limit: 1, ...changes })
    assert.ok(callback !== undefined, 'nothing was handed out')
    return callback
  }

  toClaim(callback: ClaimedCallback, epoch = this.epoch): Claim {
    return { receiverId: callback.receiverId, callbackId: callback.id, epoch, fence: callback.fence }
  }

  async acknowledge(callback: ClaimedCallback, epoch = this.epoch): Promise<boolean> {
    const { done } = await this.session.acknowledge({
      claims: [this.toClaim(callback, epoch)],
      now: this.now,
    })
    assert.equal(done.length, 1)
    return done[0] === true
  }

  release(
    callback: ClaimedCallback,
    { epoch = this.epoch, as = 'counted', ...due }: Partial<ReleaseInput> & { readonly epoch?: number } = {},
  ): Promise<boolean> {
    return this.session.release({ claim: this.toClaim(callback, epoch), now: this.now, as, ...due })
  }

  giveUp(
    callback: ClaimedCallback,
    {
      epoch = this.epoch,
      reason = 'handler',
    }: { readonly epoch?: number; readonly reason?: FailureReason } = {},
  ): Promise<boolean> {
    const error = { name: 'Error', message: 'it does not work', stack: '    at handler' }
    return this.session.giveUp({ claim: this.toClaim(callback, epoch), now: this.now, reason, error })
  }

  async failedOf(receiver: ReceiverRecord): Promise<readonly string[]> {
    return texts(await this.session.listFailed({ receiverId: receiver.id, limit: 1_000 }))
  }

  // Messages

  message(lane: Lane, changes: Partial<AddressedMessage> = {}): AddressedMessage {
    return {
      id: createId('msg', this.now),
      lane,
      method: 'POST',
      path: '/orders',
      query: '',
      headers: [['content-type', 'application/json']],
      body: utf8('{}'),
      createdAt: this.now,
      ...changes,
    }
  }

  send(message: AddressedMessage, changes: Partial<Input<'send'>> = {}): Promise<Outcome<'send'>> {
    const deliveryId = createId('dlv', this.now)
    return this.session.send({
      message,
      deliveryId,
      dueAt: this.now,
      deadlineAt: this.now + 30 * DAY,
      ...changes,
    })
  }

  /** A delivery that is due, by its id. */
  async queue(lane: Lane, changes: Partial<Input<'send'>> = {}): Promise<string> {
    const outcome = await this.send(this.message(lane), changes)
    assert.equal(outcome.type, 'sent')
    return outcome.deliveryId
  }

  claimDeliveries(changes: Partial<Input<'claimDeliveries'>> = {}): Promise<Outcome<'claimDeliveries'>> {
    const { epoch, now } = this
    return this.session.claimDeliveries({ epoch, now, limit: 100, lanes: {}, originRoom: 0, ...changes })
  }

  async takeDelivery(lane: Lane, changes: Partial<Input<'claimDeliveries'>> = {}): Promise<ClaimedDelivery> {
    const room = lane.startsWith('origin:') ? { originRoom: 1 } : { lanes: { [lane]: 1 } }
    const { claimed } = await this.claimDeliveries({ limit: 1, ...room, ...changes })
    const [delivery] = claimed
    assert.ok(delivery !== undefined, 'no delivery was handed out')
    return delivery
  }

  toDeliveryClaim({ delivery, fence }: ClaimedDelivery, epoch = this.epoch): DeliveryClaim {
    return { deliveryId: delivery.id, epoch, fence }
  }

  record(
    claimed: ClaimedDelivery,
    next: AfterAttempt,
    { epoch = this.epoch, ...changes }: Partial<AttemptRecord> & { readonly epoch?: number } = {},
  ): Promise<Outcome<'recordAttempt'>> {
    const attempt = { at: this.now, durationMs: 5, status: 503, ...changes }
    return this.session.recordAttempt({
      claim: this.toDeliveryClaim(claimed, epoch),
      now: this.now,
      attempt,
      next,
    })
  }

  // Wake-ups

  /** The wake-ups that come from now on, and how to wait for one. */
  listen(): WakeLog {
    return new WakeLog(this.session)
  }
}

export function texts(callbacks: readonly CallbackRecord[]): readonly string[] {
  return callbacks.map(({ body }) => toText(body))
}
