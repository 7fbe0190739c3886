import assert from 'node:assert/strict'
import type { CallbackRecord, Claim, ClaimedCallback } from '../../../src/model/callback.js'
import type { ReceiverRecord } from '../../../src/model/receiver.js'
import type { AcceptInput } from '../../../src/store/receiving.js'
import type { StoreSession } from '../../../src/store/store.js'
import { about, at, type Held, notBefore, pick } from './held.js'
import { MessagePlay } from './message-play.js'
import { byText, epochOf, type Stage } from './stage.js'
import { DAY, HOUR, LEASE, SECOND, type Step, type StepNamed } from './steps.js'

/** One story, told to all stores. It remembers what was accepted, and what became of it. */
export class Play {
  readonly #stage: Stage
  readonly #messages: MessagePlay
  #ids = 0
  readonly #receivers: ReceiverRecord[] = []
  readonly #requests: AcceptInput[] = []
  readonly #held: Held<Claim>[] = []
  readonly #accepted = new Set<string>()
  readonly #settled = new Set<string>()
  #dropped = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#messages = new MessagePlay(stage)
  }

  async take(step: Step): Promise<void> {
    await this.#carryOut(step)
    await this.#lookAtEverything()
  }

  /** What was accepted was handled, discarded, let go of by a sweep that said so, or can still be read or retried. */
  async expectNothingLost(): Promise<void> {
    const stage = this.#stage
    const found = new Set(this.#settled)
    await stage.restart()
    await this.#takeOver(1_000)
    stage.now += 1_000 * DAY
    for (const { id: receiverId } of this.#receivers) {
      const failed = await stage.ask(({ session }) => session.listFailed({ receiverId, limit: 1_000 }))
      for (const { id } of failed) found.add(id)
      for (;;) {
        const { held } = await this.#claim({ receiverId, node: 0, limit: 100, ordered: false })
        if (held.length === 0) break
        for (const { id, claims } of held) {
          await stage.ask(({ session }, index) =>
            session.acknowledge({ claims: at(claims, index), now: stage.now }),
          )
          found.add(id)
        }
      }
    }
    assert.equal(found.size + this.#dropped, this.#accepted.size, 'something that was accepted is lost')
  }

  async #carryOut(step: Step): Promise<unknown> {
    const stage = this.#stage
    const { now } = stage
    switch (step.name) {
      case 'spawn':
        return await this.#spawn(step)
      case 'accept':
        return await this.#acceptNew(step)
      case 'accept again': {
        const request = pick(this.#requests, step.pick)
        // A callback that retention let go of is not known by its id any more.
        if (request !== undefined && now < request.now + DAY) await this.#accept({ ...request, now })
        return
      }
      case 'close': {
        const receiverId = pick(this.#receivers, step.receiver)?.id
        if (receiverId === undefined) return
        return await stage.ask(({ session }) => session.closeReceiver({ receiverId, now }))
      }
      case 'claim':
        return await this.#claimAndKeep(step)
      case 'acknowledge': {
        const held = pick(this.#held, step.pick)
        if (held === undefined) return
        const { done } = await stage.ask(({ session }, index) =>
          session.acknowledge({ claims: at(held.claims, index), now }),
        )
        if (done[0] === true) this.#settle(held.id)
        return
      }
      case 'release': {
        const due = step.delay === 0 ? {} : { dueAt: now + ([1, HOUR, DAY][step.delay - 1] ?? DAY) }
        return await about(stage, this.#held, step.pick, (session, claim) =>
          session.release({ claim, now, as: step.as, ...due }),
        )
      }
      case 'reclaim': {
        const receiverId = pick(this.#receivers, step.receiver)?.id
        if (receiverId === undefined) return
        const held = step.isForgetful ? [] : this.#held.map(({ id }) => id)
        return await stage.ask(actor =>
          actor.session.reclaim({ receiverId, epoch: epochOf(actor, step.node), held, now }),
        )
      }
      case 'give up': {
        const error = { name: 'Error', message: 'no' }
        return await about(stage, this.#held, step.pick, (session, claim) =>
          session.giveUp({ claim, now, reason: 'handler', error }),
        )
      }
      case 'retry':
      case 'discard': {
        const request = pick(this.#requests, step.pick)
        if (request === undefined) return
        const { callbackId, receiverId } = request
        const command = step.name === 'retry' ? 'retryFailed' : 'discardFailed'
        const done = await stage.ask(({ session }) => session[command]({ callbackId, receiverId, now }))
        if (done && step.name === 'discard') this.#settle(callbackId)
        return
      }
      case 'answer': {
        const answerable = this.#requests.filter(request => this.#isAnswerable(request))
        const request = pick(answerable, step.pick)
        if (request === undefined) return
        const answer = { status: 200, headers: [], body: Buffer.from('late') }
        const { callbackId, dedupeUntil: until } = request
        return await stage.ask(({ session }) => session.answer({ callbackId, answer, until }))
      }
      case 'join':
        return await (step.isLong ? stage.join() : stage.join(LEASE))
      case 'leave':
        return await stage.ask(
          actor => actor.session.leave({ epoch: epochOf(actor, step.node), now }),
          leftovers => [...leftovers].sort(byText(({ receiverId }) => receiverId)),
        )
      case 'renew':
        return await stage.ask(actor =>
          actor.session.renew({ epoch: epochOf(actor, step.node), now, leaseMs: LEASE }),
        )
      case 'take over':
        return await this.#takeOver(step.maxCrashes)
      case 'sweep':
        return await this.#sweep()
      case 'restart':
        return await stage.restart()
      case 'pass':
        stage.now += step.ms
        return
      default:
        return await this.#messages.take(step)
    }
  }

  async #lookAtEverything(): Promise<void> {
    const stage = this.#stage
    const { now } = stage
    await stage.ask(({ session }) => session.listReceivers({ now, limit: 1_000 }))
    await stage.ask(({ session }) => session.countDue({ now }))
    const receiverIds = this.#receivers.map(({ id }) => id)
    const answerable = this.#requests.filter(request => this.#isAnswerable(request))
    const callbackIds = answerable.map(({ callbackId }) => callbackId)
    await stage.ask(
      ({ session }) => session.news({ now, receiverIds, deliveryIds: [], callbackIds, runIds: [] }),
      told => [[...told.receiverIds].sort(), [...told.callbackIds].sort()],
    )
    for (const receiverId of receiverIds) {
      await stage.ask(({ session }) => session.listFailed({ receiverId, limit: 1_000 }))
    }
    await this.#messages.look()
  }

  async #spawn({ key, ttl, capacity, reopen, node }: StepNamed<'spawn'>): Promise<void> {
    const { now } = this.#stage
    const id = this.#id('rcv')
    const ttlMs = ttl === 0 ? {} : { ttlMs: [HOUR, DAY, 30 * DAY][ttl - 1] ?? DAY }
    const patch = { ...ttlMs, ...(capacity === 0 ? {} : { capacity }) }
    const outcome = await this.#stage.ask(actor => {
      const named = key === 0 ? { epoch: epochOf(actor, node) } : { key: `key ${key}` }
      return actor.session.spawn({ id, token: `token of ${id}`, now, patch, reopen, ...named })
    })
    assert.equal(outcome.type, 'spawned')
    const known = this.#receivers.findIndex(receiver => receiver.id === outcome.receiver.id)
    this.#receivers[known < 0 ? this.#receivers.length : known] = outcome.receiver
  }

  async #acceptNew(step: StepNamed<'accept'>): Promise<void> {
    const receiver = pick(this.#receivers, step.receiver)
    if (receiver === undefined) return
    const { now } = this.#stage
    const callbackId = this.#id('cb')
    const body = Buffer.from(callbackId)
    await this.#accept({
      callbackId,
      receiverId: receiver.id,
      ...(step.version < 2 ? {} : { version: receiver.version - (step.version - 2) }),
      now,
      method: 'POST',
      path: '',
      query: '',
      headers: '[]',
      body,
      ...(step.deliveryId === 0 ? {} : { deliveryId: `evt ${step.deliveryId}` }),
      dedupeUntil: now + ([SECOND, HOUR, 7 * DAY, 30 * DAY][step.window] ?? DAY),
      ...(step.isAnswered ? { answer: { status: 202, headers: [], body } } : {}),
      content: step.isRefused ? 'refused' : 'good',
      capacity: step.capacity,
    })
  }

  async #accept(request: AcceptInput): Promise<void> {
    const outcome = await this.#stage.ask(({ session }) => session.accept(request))
    if (!this.#requests.some(({ callbackId }) => callbackId === request.callbackId))
      this.#requests.push(request)
    if (outcome.type === 'accepted') this.#accepted.add(request.callbackId)
  }

  async #claimAndKeep({ receiver, isNaming, ...asked }: StepNamed<'claim'>): Promise<void> {
    const receiverId = pick(this.#receivers, receiver)?.id
    if (receiverId === undefined) return
    const { held, ungrouped } = await this.#claim({ receiverId, ...asked })
    this.#held.push(...held)
    if (!isNaming || ungrouped.length === 0) return
    const groups = ungrouped.map(({ id }) => ({ callbackId: id, group: `group ${Number(id.slice(-3)) % 3}` }))
    this.#held.push(...(await this.#claim({ receiverId, groups, ...asked })).held)
  }

  async #claim({
    node,
    ...asked
  }: Omit<Parameters<StoreSession['claim']>[0], 'epoch' | 'now'> & { readonly node: number }): Promise<{
    readonly held: readonly Held<Claim>[]
    readonly ungrouped: readonly CallbackRecord[]
  }> {
    const { now } = this.#stage
    const claims: Claim[][] = []
    const { callbacks, ungrouped } = await this.#stage.ask(
      async (actor, index) => {
        const epoch = epochOf(actor, node)
        const outcome = await actor.session.claim({ ...asked, epoch, now })
        claims[index] = outcome.callbacks.map(callback => toClaim(callback, epoch))
        return outcome
      },
      outcome => ({ ...outcome, lookAgainAt: notBefore(now, outcome.lookAgainAt) }),
    )
    return {
      held: callbacks.map(({ id }, place) => ({ id, claims: claims.flatMap(one => at(one, place)) })),
      ungrouped,
    }
  }

  async #takeOver(maxCrashes: number): Promise<void> {
    await this.#stage.ask(
      ({ session }) => session.takeOver({ now: this.#stage.now, maxCrashes, limit: 1_000 }),
      taken => ({ ...taken, receiverIds: [...taken.receiverIds].sort() }),
    )
  }

  async #sweep(): Promise<void> {
    const retention = {
      callbacksMs: 7 * DAY,
      messagesMs: 7 * DAY,
      bodiesMs: 7 * DAY,
      failingMs: 1e15,
      keylessMs: 14 * DAY,
      runsMs: 30 * DAY,
    }
    const { dropped } = await this.#stage.ask(
      ({ session }) => session.sweep({ now: this.#stage.now, ...retention, limit: 1_000 }),
      swept => ({
        ...swept,
        ended: [...swept.ended].sort(byText(({ receiverId }) => receiverId)),
        dropped: [...swept.dropped].sort(byText(({ receiverId }) => receiverId)),
        expiredDeliveryIds: [...swept.expiredDeliveryIds].sort(),
      }),
    )
    for (const { callbacks } of dropped) this.#dropped += callbacks
  }

  /** Whether its callback is certainly stored, and somebody may still ask what its sender was answered. */
  #isAnswerable({ callbackId, dedupeUntil, now }: AcceptInput): boolean {
    return this.#accepted.has(callbackId) && this.#stage.now < Math.min(dedupeUntil, now + 7 * DAY)
  }

  #settle(callbackId: string): void {
    assert.equal(this.#settled.has(callbackId), false, 'a callback was settled twice')
    this.#settled.add(callbackId)
  }

  #id(prefix: string): string {
    this.#ids += 1
    return `${prefix}_${String(this.#ids).padStart(6, '0')}`
  }
}

function toClaim({ receiverId, id, fence }: ClaimedCallback, epoch: number): Claim {
  return { receiverId, callbackId: id, epoch, fence }
}
