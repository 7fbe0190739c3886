import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import type { CallbackRecord, Claim, ClaimedCallback } from '../../../src/model/callback.js'
import type { DeliveryClaim, Lane } from '../../../src/model/delivery.js'
import { memoryStore } from '../../../src/store/memory/memory-store.js'
import type { SendInput } from '../../../src/store/sending.js'
import type { CommandName, Input, Outcome, Store, StoreSession } from '../../../src/store/store.js'
import type { OtherStore } from './other-store.js'
import { sorted } from './sorted.js'

// Two stores that share nothing but the contract are asked the same at random, and have to say the same.

const RECEIVERS = 3
const LANES: readonly Lane[] = [
  'endpoint:a',
  'endpoint:b',
  'origin:https://x.example',
  'origin:https://y.example',
]
const DAY = 86_400_000

const pick = fc.nat({ max: 1_000 })
const step = fc.record({
  op: fc.constantFrom(
    ...[
      'accept',
      'accept',
      'accept',
      'accept',
      'claim',
      'claim',
      'claimOrdered',
      'claimOrdered',
      'ack',
      'ack',
    ],
    ...['release', 'delay', 'uncounted', 'failure', 'giveUp', 'retry', 'discard', 'close', 'spawn', 'reopen'],
    ...[
      'spawnKeyless',
      'leave',
      'lapse',
      'restart',
      'takeOver',
      'sweep',
      'answer',
      'pass',
      'passLong',
      'passDays',
    ],
    ...[
      'send',
      'send',
      'claimDeliveries',
      'claimDeliveries',
      'attempt',
      'attempt',
      'releaseDelivery',
      'cancel',
    ],
    ...['beginExchange', 'beginExchange', 'takeAnswer', 'takeAnswer', 'takeAnswer', 'takeAnswer'],
  ),
  a: pick,
  b: pick,
  c: pick,
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Fails with the shortest story in which it says of receivers, callbacks and deliveries something else than the store in memory. */
export async function expectSameMessages({ open, stories }: OtherStore): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 150, size: 'max' }), async steps => {
      const stores = [memoryStore(), await open()] as const
      const twin = new Twin([await stores[0].open(), await stores[1].open()], stores)
      try {
        await twin.begin()
        for (const one of steps) await twin.run(one)
        await twin.compareAll()
      } finally {
        await twin.close()
      }
    }),
    // What takes longer than that is the search for a shorter story.
    { numRuns: Number(process.env.LONGLINE_FUZZ_RUNS ?? stories), interruptAfterTimeLimit: 200_000 },
  )
}

type Stores = readonly [Store, Store]

class Twin {
  #sessions: readonly [StoreSession, StoreSession]
  readonly #stores: Stores
  #now = 1_000_000
  #count = 0
  #epoch = 0
  #short = 0
  #receivers: string[] = []
  #tokens: string[] = []
  #callbacks: string[] = []
  #requests: Input<'accept'>[] = []
  #claims: Claim[] = []
  #ungrouped: CallbackRecord[] = []
  #deliveries: string[] = []
  #deliveryClaims: DeliveryClaim[] = []
  readonly #exchanges: { readonly receiverId: string; readonly deliveryId: string }[] = []

  constructor(sessions: readonly [StoreSession, StoreSession], stores: Stores) {
    this.#sessions = sessions
    this.#stores = stores
  }

  async begin(): Promise<void> {
    await this.#join()
    for (let index = 0; index < RECEIVERS; index++) {
      await this.#spawn(index, { patch: index === 1 ? { ttlMs: 5_000 } : {} })
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map(session => session.close()))
  }

  async run({ op, a, b, c }: Step): Promise<void> {
    const now = this.#now
    const receiverId = at(this.#receivers, a) ?? ''
    const claim = at(this.#claims, b)
    const deliveryClaim = at(this.#deliveryClaims, b)
    switch (op) {
      case 'accept':
        await this.#accept(receiverId, b, c)
        return
      case 'claim':
      case 'claimOrdered':
        await this.#claim(receiverId, op === 'claimOrdered', b, c)
        return
      case 'ack': {
        const claims = [claim, at(this.#claims, c)].filter(one => one !== undefined)
        await this.#both('acknowledge', { claims, now })
        return
      }
      case 'release':
      case 'delay':
      case 'uncounted':
      case 'failure': {
        const as = op === 'uncounted' || op === 'failure' ? op : 'counted'
        const due = op === 'delay' || c % 3 === 0 ? { dueAt: now + (c % 7) * 500 } : {}
        if (claim !== undefined) await this.#both('release', { claim, now, as, ...due })
        return
      }
      case 'giveUp': {
        const error = { name: 'Error', message: `failed ${c}` }
        if (claim !== undefined) await this.#both('giveUp', { claim, now, reason: 'handler', error })
        return
      }
      case 'retry':
      case 'discard': {
        const failed = await this.#both('listFailed', { receiverId, limit: 5, after: b % 4 })
        const callbackId = at(failed, c)?.id ?? at(this.#callbacks, c) ?? ''
        await this.#both(op === 'retry' ? 'retryFailed' : 'discardFailed', { receiverId, callbackId, now })
        return
      }
      case 'close':
        if (c % 4 === 0) await this.#both('closeReceiver', { receiverId, now })
        return
      case 'spawn':
        await this.#spawn(a % RECEIVERS, {
          patch: c % 2 === 0 ? { capacity: 1 + (c % 5) } : { ttlMs: 1 + c * 30 },
        })
        return
      case 'reopen':
        await this.#spawn(a % RECEIVERS, { reopen: true })
        return
      case 'spawnKeyless':
        await this.#spawn(undefined, { epoch: c % 3 === 0 ? this.#short : this.#epoch })
        return
      case 'leave':
        if (c % 5 === 0) {
          await this.#both('leave', { epoch: this.#epoch, now })
          await this.#join()
        }
        return
      case 'lapse':
        await this.#pass(1_500)
        await this.#both('renew', { epoch: this.#short, now: this.#now, leaseMs: 1_000 })
        return
      case 'restart':
        if (c % 4 === 0) await this.#restart()
        return
      case 'takeOver':
        return this.#takeOver()
      case 'sweep':
        await this.#sweep()
        return
      case 'answer': {
        // Until when an answer that is past its time is still there is the store's own business.
        await this.#sweep()
        const callbackId = at(this.#callbacks, b) ?? ''
        const answer = { status: 200, headers: [['x', `${c}`]] as const, body: new Uint8Array([c % 256]) }
        await this.#both('answer', { callbackId, answer, until: now + c * 10 })
        return
      }
      case 'pass':
        return this.#pass(1 + (c % 900))
      case 'passLong':
        return this.#pass(3_000)
      case 'passDays':
        if (c % 4 === 0) await this.#pass(4 * DAY)
        return
      case 'send':
        await this.#send(a, b, c)
        return
      case 'claimDeliveries':
        await this.#claimDeliveries(a, b, c)
        return
      case 'attempt': {
        if (deliveryClaim === undefined) return
        const next = [
          { status: 'due', dueAt: now + c } as const,
          { status: 'delivered' } as const,
          { status: 'dead', reason: 'exhausted' } as const,
        ][c % 3] as Input<'recordAttempt'>['next']
        const attempt = {
          at: now,
          durationMs: c / 7,
          ...(c % 2 === 0 ? { status: 500 } : { error: `no\0${c}` }),
        }
        await this.#both('recordAttempt', { claim: deliveryClaim, now, attempt, next })
        return
      }
      case 'releaseDelivery':
        if (deliveryClaim !== undefined) await this.#both('releaseDelivery', { claim: deliveryClaim })
        return
      case 'beginExchange':
        return this.#beginExchange(a, b, c)
      case 'takeAnswer':
        return this.#takeAnswer(b, c)
      case 'cancel':
        await this.#both('cancelDelivery', { deliveryId: at(this.#deliveries, c) ?? '', now })
        return
    }
  }

  /** Everything there is to see. */
  async compareAll(): Promise<void> {
    const now = this.#now
    await this.#sweep()
    for (const state of [undefined, 'open', 'closed', 'expired'] as const) {
      await this.#both('listReceivers', { now, limit: 100, ...(state === undefined ? {} : { state }) })
      await this.#both('listReceivers', {
        now,
        limit: 2,
        after: 'rcv_0001',
        ...(state === undefined ? {} : { state }),
      })
    }
    for (const token of this.#tokens) await this.#both('findReceiver', { token, now })
    for (const receiverId of this.#receivers) await this.#both('listFailed', { receiverId, limit: 100 })
    for (const callbackId of this.#callbacks) await this.#both('findAnswer', { callbackId })
    for (const deliveryId of this.#deliveries) {
      await this.#both('findDelivery', { deliveryId })
      await this.#both('listAttempts', { deliveryId })
    }
    const { callbackIds, deliveryIds, receiverIds } = {
      callbackIds: this.#callbacks,
      deliveryIds: this.#deliveries,
      receiverIds: [...this.#receivers, 'rcv_unknown'],
    }
    await this.#both('news', { now, callbackIds, deliveryIds, receiverIds, runIds: [] })
    await this.#both('countDue', { now })
    for (const receiverId of this.#receivers) await this.#both('closeReceiver', { receiverId, now })
  }

  async #join(): Promise<void> {
    const { epoch } = await this.#both('join', { node: 'long', now: this.#now, leaseMs: 1_000 * DAY })
    const short = await this.#both('join', { node: 'short', now: this.#now, leaseMs: 1_000 })
    this.#epoch = epoch
    this.#short = short.epoch
  }

  /** Where others may be at the store, a node is lost when somebody has found it to be, and not as soon as its lease ran out. */
  async #pass(ms: number): Promise<void> {
    this.#now += ms
    if (!this.#stores[1].exclusive) await this.#takeOver()
  }

  async #takeOver(): Promise<void> {
    await this.#both('takeOver', { now: this.#now, maxCrashes: 3, limit: 1_000 })
  }

  async #restart(): Promise<void> {
    // Where others may be at the store, a restart ends nobody's epoch.
    if (!this.#stores[1].exclusive) return
    await this.close()
    this.#sessions = [await this.#stores[0].open(), await this.#stores[1].open()]
    await this.#join()
  }

  async #spawn(key: number | undefined, changes: Partial<Input<'spawn'>>): Promise<void> {
    const n = this.#next()
    const outcome = await this.#both('spawn', {
      id: `rcv_${n}`,
      token: `token_${n}`,
      ...(key === undefined ? {} : { key: `key/${key}` }),
      now: this.#now,
      patch: {},
      reopen: false,
      ...changes,
    })
    if (outcome.type !== 'spawned' || this.#receivers.includes(outcome.receiver.id)) return
    this.#receivers.push(outcome.receiver.id)
    this.#tokens.push(outcome.receiver.token)
  }

  async #accept(receiverId: string, b: number, c: number): Promise<void> {
    const callbackId = `cb_${this.#next()}`
    const answer = {
      status: 202,
      headers: c % 2 === 0 ? [] : ([['a', 'b']] as const),
      body: new Uint8Array(c % 3),
    }
    const fresh: Input<'accept'> = {
      callbackId,
      receiverId,
      ...(c % 7 === 0 ? { version: 1 } : {}),
      now: this.#now,
      method: 'POST',
      path: '',
      query: '',
      headers: '[]',
      body: new Uint8Array(c % 9 === 0 ? 10_000 : c % 50).fill(b % 256),
      ...(b % 3 === 0 ? { deliveryId: `evt-${b % 7}` } : {}),
      dedupeUntil: this.#now + 1_000 + c * 5,
      ...(c % 4 === 0 ? { answer } : {}),
      content: c % 13 === 0 ? 'refused' : 'good',
      capacity: 8,
    }
    const repeated = c % 11 === 0 ? at(this.#requests, b) : undefined
    await this.#both('accept', repeated === undefined ? fresh : { ...repeated, now: this.#now })
    if (repeated !== undefined) return
    this.#requests.push(fresh)
    this.#callbacks.push(callbackId)
  }

  async #claim(receiverId: string, ordered: boolean, b: number, c: number): Promise<void> {
    const groups = this.#ungrouped
      .filter(record => record.receiverId === receiverId)
      .map(({ id, seq }) => ({ callbackId: id, group: `group-${(seq * 7 + b) % 3}` }))
    const outcome = await this.#both('claim', {
      receiverId,
      epoch: c % 6 === 0 ? this.#short : this.#epoch,
      limit: 1 + (b % 4),
      now: this.#now,
      ordered,
      ...(ordered ? { groups } : {}),
    })
    this.#ungrouped = [...outcome.ungrouped]
    const epoch = c % 6 === 0 ? this.#short : this.#epoch
    for (const { id, fence } of outcome.callbacks as readonly ClaimedCallback[]) {
      this.#claims.push({ receiverId, callbackId: id, epoch, fence })
    }
  }

  async #sweep(): Promise<void> {
    const retention = {
      callbacksMs: 3 * DAY,
      messagesMs: 5 * DAY,
      bodiesMs: 5 * DAY,
      failingMs: 1e15,
      keylessMs: 5 * DAY,
      runsMs: 5 * DAY,
    }
    await this.#both('sweep', { now: this.#now, ...retention, limit: 1_000 })
  }

  async #beginExchange(a: number, b: number, c: number): Promise<void> {
    const send = this.#newSend(a % 2, 1, c)
    const n = this.#next()
    const epoch = c % 3 === 0 ? this.#short : this.#epoch
    const patch =
      c % 7 === 0 ? { source: 's', brings: ['verify'] as const } : c % 4 === 0 ? { ttlMs: 2_000 } : {}
    const outcome = await this.#both('beginExchange', {
      ...(b % 3 === 0 ? { epoch } : { key: `exchange/${b % 4}` }),
      receiver: { id: `rcv_${n}`, token: `token_${n}`, patch },
      send,
      now: this.#now,
    })
    if (outcome.type !== 'begun') return
    const { receiver, deliveryId } = outcome
    this.#exchanges.push({ receiverId: receiver.id, deliveryId })
    if (!outcome.created) return
    this.#receivers.push(receiver.id)
    this.#tokens.push(receiver.token)
    this.#deliveries.push(deliveryId)
  }

  async #takeAnswer(b: number, c: number): Promise<void> {
    const exchange = at(this.#exchanges, b)
    if (exchange === undefined) return
    if (c % 2 === 0) await this.#accept(exchange.receiverId, b, c)
    const epoch = c % 6 === 0 ? this.#short : this.#epoch
    const outcome = await this.#both('takeAnswer', { ...exchange, epoch, now: this.#now })
    if (outcome.type !== 'taken') return
    const { id: callbackId, fence } = outcome.callback
    this.#claims.push({ receiverId: exchange.receiverId, callbackId, epoch, fence })
  }

  async #send(a: number, b: number, c: number): Promise<void> {
    const send = this.#newSend(a, b, c)
    await this.#both('send', send)
    this.#deliveries.push(send.deliveryId)
  }

  #next(): string {
    return String(this.#count++).padStart(4, '0')
  }

  #newSend(a: number, b: number, c: number): SendInput {
    const n = this.#next()
    const lane = at(LANES, a) ?? 'endpoint:a'
    const message = {
      id: `msg_${n}`,
      ...(b % 3 === 0 ? { key: `message/${b % 4}` } : {}),
      lane,
      ...(lane.startsWith('origin:') ? { url: 'https://x.example/hook' } : {}),
      method: 'POST',
      path: '/x',
      query: '',
      headers: [['content-type', 'text/plain']] as const,
      ...(c % 2 === 0 ? { type: 'thing.done' } : {}),
      body: new Uint8Array(c % 40).fill(a % 256),
      createdAt: this.#now,
    }
    const dueAt = this.#now + (c % 3) * 700
    return { message, deliveryId: `dlv_${n}`, dueAt, deadlineAt: this.#now + 20_000 + c }
  }

  async #claimDeliveries(a: number, b: number, c: number): Promise<void> {
    const epoch = c % 6 === 0 ? this.#short : this.#epoch
    const lanes: Record<Lane, number> = {
      'endpoint:a': a % 4,
      ...(b % 2 === 0 ? { 'endpoint:b': b % 3 } : {}),
    }
    if (c % 3 === 0) lanes['origin:https://x.example'] = c % 2
    const outcome = await this.#both('claimDeliveries', {
      epoch,
      now: this.#now,
      // Which of two lanes comes first when there is not enough for both is the store's own business.
      limit: 100,
      lanes,
      originRoom: a % 3,
    })
    for (const { delivery, fence } of outcome.claimed) {
      this.#deliveryClaims.push({ deliveryId: delivery.id, epoch, fence })
    }
  }

  async #both<N extends CommandName>(name: N, input: Input<N>): Promise<Outcome<N>> {
    const [memory, other] = this.#sessions
    const ask = (session: StoreSession) => (session[name] as (input: Input<N>) => Promise<Outcome<N>>)(input)
    const [expected, actual] = [await ask(memory), await ask(other)]
    deepStrictEqual(
      toComparable(actual, this.#now),
      toComparable(expected, this.#now),
      `${name} ${JSON.stringify(input)}:\n${this.#stores[1].name} ${JSON.stringify(actual)}\nmemory ${JSON.stringify(expected)}`,
    )
    return expected
  }
}

/** Sets have no order, and whether "at once" is now or long ago is the store's own business. */
function toComparable(outcome: unknown, now: number): unknown {
  if (typeof outcome !== 'object' || outcome === null || Array.isArray(outcome)) return outcome
  const { lookAgainAt, receiverIds, ended, dropped, expiredDeliveryIds, claimed, ...rest } =
    outcome as Record<string, unknown>
  return {
    ...rest,
    lookAgainAt: typeof lookAgainAt === 'number' && lookAgainAt <= now ? 'now' : lookAgainAt,
    receiverIds: sorted(receiverIds),
    ended: sorted(ended),
    dropped: sorted(dropped),
    expiredDeliveryIds: sorted(expiredDeliveryIds),
    claimed: sorted(claimed),
  }
}

function at<T>(list: readonly T[], index: number): T | undefined {
  return list.length === 0 ? undefined : list[index % list.length]
}
