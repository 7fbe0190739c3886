import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import type { AfterAttempt, ClaimedDelivery, Lane } from '../../../src/model/delivery.js'
import { healthyFrom, healthyLane, type LaneNews, type LaneRecord } from '../../../src/model/lane.js'
import { patternsOf } from '../../../src/model/topic.js'
import type { LoggedDeath } from '../../../src/store/history.js'
import { memoryStore } from '../../../src/store/memory/memory-store.js'
import type { CommandName, Input, Outcome, StoreSession } from '../../../src/store/store.js'
import type { OtherStore } from './other-store.js'
import { sorted } from './sorted.js'

// The same for topics, subscriptions, publications, lanes and what is told of ends.

const DAY = 86_400_000
const TOPICS = ['a', 'a.b', 'a.b.c', 'd']
const PATTERNS = [...TOPICS, '*', 'a.*', 'a.b.*']
const ENDPOINT = 'endpoint:a'

const pick = fc.nat({ max: 1_000 })
const ops = [
  ...(['put', 'put', 'put', 'delete', 'prove', 'putTopic', 'deleteTopic', 'publish', 'publish'] as const),
  ...(['list', 'fanOut', 'fanOut', 'fanOut', 'claim', 'claim', 'claim', 'claim', 'attempt'] as const),
  ...(['attempt', 'attempt', 'attempt', 'attempt', 'pause', 'resume', 'redeliver', 'ends'] as const),
  ...(['settle', 'cancel', 'sweep', 'pass', 'pass', 'passDays'] as const),
]
const step = fc.record({ op: fc.constantFrom(...ops), a: pick, b: pick, c: pick })
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Fails with the shortest story in which it says of topics and lanes something else than the store in memory. */
export async function expectSameTopics({ open, stories }: OtherStore): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 120, size: 'max' }), async steps => {
      const twin = new Twin([await memoryStore().open(), await (await open()).open()])
      try {
        await twin.begin()
        for (const one of steps) await twin.run(one)
        await twin.compareAll()
      } finally {
        await twin.close()
      }
    }),
    { numRuns: Number(process.env.LONGLINE_FUZZ_RUNS ?? stories), interruptAfterTimeLimit: 200_000 },
  )
}

class Twin {
  readonly #sessions: readonly [StoreSession, StoreSession]
  #now = 1_000_000
  #count = 0
  #epoch = 0
  #subscriptions: string[] = []
  readonly #deliveries: string[] = []
  readonly #messages: string[] = []
  #claims: ClaimedDelivery[] = []
  #ended: string[] = []

  constructor(sessions: readonly [StoreSession, StoreSession]) {
    this.#sessions = sessions
  }

  async begin(): Promise<void> {
    const { epoch } = await this.#both('join', { node: 'long', now: this.#now, leaseMs: 1_000 * DAY })
    this.#epoch = epoch
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map(session => session.close()))
  }

  /** Whose turn it is among those of one instant is nobody's promise. So each step has its own, and an even one: turns that are held are odd. */
  async run({ op, a, b, c }: Step): Promise<void> {
    this.#now += 2
    const now = this.#now
    const id = at(this.#subscriptions, a) ?? 'sub_nobody'
    const lane = this.#laneOf(id, c)
    switch (op) {
      case 'put':
        return this.#put(a, b, c)
      case 'delete':
        if (c % 4 !== 0) return
        await this.#both('deleteSubscription', { id, now })
        // Nobody gives an id a second time.
        this.#subscriptions = this.#subscriptions.filter(one => one !== id)
        return
      case 'prove':
        await this.#both('proveSubscription', { id, now })
        return
      case 'putTopic':
        await this.#both('putTopic', {
          id: at(TOPICS, a) ?? '',
          ...(c % 2 === 0 ? { name: `${b}` } : {}),
          now,
        })
        return
      case 'deleteTopic':
        await this.#both('deleteTopic', { id: at(TOPICS, a) ?? '' })
        return
      case 'publish':
      case 'list':
        return this.#publish(op, a, b, c)
      case 'fanOut':
        return this.#fanOut(a, c)
      case 'claim':
        return this.#claim(a, b, c)
      case 'attempt':
        return this.#attempt(a, b, c)
      case 'pause':
        // Nothing is known of a lane whose subscription is gone.
        if (c % 3 === 0) await this.#both('pauseLane', { lane, now })
        return
      case 'resume':
        await this.#both('resumeLane', { lane, catchUp: { count: 1 + (b % 40), perMs: 1_000 }, now })
        return
      case 'redeliver': {
        const again = this.#newDelivery(b)
        const deliveryId = at(this.#deliveries, a) ?? 'dlv_nobody'
        await this.#both('redeliver', { deliveryId, again, now })
        return
      }
      case 'ends': {
        const lanes: Lane[] = c % 2 === 0 ? [ENDPOINT] : []
        const { ends } = await this.#both('claimEnds', {
          ...{ now, holdMs: 501, holdMostMs: 4_001 },
          ...{ limit: 100, lanes },
        })
        this.#ended = ends.map(({ delivery }) => delivery.id)
        return
      }
      case 'settle': {
        const deliveryId = at(this.#ended, a) ?? at(this.#deliveries, a) ?? ''
        await this.#both('settleEnd', { deliveryId, now })
        return
      }
      case 'cancel':
        await this.#both('cancelDelivery', { deliveryId: at(this.#deliveries, c) ?? '', now })
        return
      case 'sweep':
        return this.#sweep()
      case 'pass':
        this.#now += 2 * (1 + (c % 450))
        return
      case 'passDays':
        if (c % 3 === 0) this.#now += DAY
        return
    }
  }

  /** Everything there is to see. */
  async compareAll(): Promise<void> {
    this.#now += 2
    await this.#sweep()
    await this.#both('listTopics', { limit: 100 })
    await this.#both('listSubscriptions', { limit: 100 })
    for (const newest of [true, false]) await this.#both('listDeliveries', { limit: 1_000, newest })
    for (const status of ['due', 'sending', 'dead'] as const) {
      await this.#both('listDeliveries', { limit: 3, status, topic: 'a.b' })
    }
    await this.#both('readAttempts', { limit: 1_000 })
    await this.#both('readDead', { limit: 1_000 })
    for (const messageId of this.#messages) await this.#both('findMessage', { messageId })
    for (const id of [...this.#subscriptions, 'sub_nobody']) {
      await this.#both('findSubscription', { id })
      for (const index of [0, 1, 2]) await this.#both('findLane', { lane: this.#laneOf(id, index) })
    }
  }

  async #put(a: number, b: number, c: number): Promise<void> {
    const fresh = `sub_${this.#next()}`
    const id = c % 3 === 0 ? (at(this.#subscriptions, a) ?? fresh) : fresh
    const subscription = {
      id,
      topic: at(PATTERNS, b) ?? '*',
      url: `https://${a % 3}.example/`,
      options: `{"n":${c}}`,
      ...(c % 4 === 0 ? { concurrency: 1 + (b % 3) } : {}),
      ...(c % 5 === 0 ? { rate: { count: 1 + (b % 50), perMs: 1_000 } } : {}),
      createdAt: this.#now,
    }
    const message = this.#newMessage(`proof:${id}`, b)
    const outcome = await this.#both('putSubscription', {
      subscription,
      ...(b % 6 === 0 ? { ifVersion: 1 } : {}),
      ...(b % 3 === 0 ? { proof: { message, ...this.#newDelivery(b) } } : {}),
      now: this.#now,
    })
    if (outcome.type === 'put' && outcome.created) this.#subscriptions.push(id)
  }

  async #publish(op: 'publish' | 'list', a: number, b: number, c: number): Promise<void> {
    const topic = at(TOPICS, a) ?? 'a'
    const lane = op === 'list' ? ('list:' as const) : (`topic:${topic}` as const)
    const lanes: Lane[] = [
      ENDPOINT,
      this.#laneOf(at(this.#subscriptions, b) ?? '', 1),
      'origin:https://x.example',
    ]
    const { deliveryId: _, ...instants } = this.#newDelivery(c)
    await this.#both('publish', {
      message: this.#newMessage(lane, b),
      ...(c % 4 === 0 ? { key: `key/${b % 3}` } : {}),
      to:
        op === 'list'
          ? {
              type: 'list',
              deliveries: lanes.slice(0, c % 4).map(one => ({ lane: one, ...this.#newDelivery(c) })),
            }
          : { type: 'topic', patterns: patternsOf(topic), ...instants },
    })
  }

  async #fanOut(a: number, c: number): Promise<void> {
    const now = this.#now
    const { fanOut } = await this.#both('claimFanOut', {
      now,
      holdMs: c % 3 === 0 ? 0 : 501,
      limit: 1 + (a % 3),
    })
    if (fanOut === undefined || c % 7 === 0) return
    const { message, from, page, last } = fanOut
    await this.#both('fanOut', {
      messageId: message.id,
      from: c % 11 === 0 ? from + 1 : from,
      to: page.at(-1)?.no ?? from,
      done: last,
      deliveries: page.map(({ subscription }) => ({
        ...this.#newDelivery(c),
        subscriptionId: subscription.id,
      })),
      now,
    })
  }

  async #claim(a: number, b: number, c: number): Promise<void> {
    const { claimed } = await this.#both('claimDeliveries', {
      epoch: this.#epoch,
      now: this.#now,
      // Which of two lanes comes first when there is not enough for both is the store's own business.
      limit: 1_000,
      lanes: { [ENDPOINT]: a % 4 },
      originRoom: b % 4,
      ...(c % 3 === 0 ? { rates: { [ENDPOINT]: { count: 1 + (b % 30), perMs: 1_000 } } } : {}),
    })
    this.#claims.push(...claimed)
  }

  async #attempt(a: number, b: number, c: number): Promise<void> {
    const claimed = at(this.#claims, a)
    if (claimed === undefined) return
    this.#claims = this.#claims.filter(one => one !== claimed)
    const now = this.#now
    const { delivery, fence } = claimed
    const ends: AfterAttempt[] = [
      { status: 'due', dueAt: now + b },
      { status: 'delivered' },
      { status: 'dead', reason: 'exhausted' },
    ]
    const failed = { type: 'failed', strikeMs: DAY / 2 } as const
    const news: LaneNews[] = [
      { type: 'answered' },
      failed,
      { ...failed, restsUntil: now + b },
      { ...failed, breaker: { failures: 2, pauseMs: 700 } },
      ...(c % 20 === 0 ? [{ type: 'gone' } as const] : []),
    ]
    const answer = { headers: [], body: new Uint8Array(b % 5), truncated: false }
    const one = at(news, c)
    await this.#both('recordAttempt', {
      claim: { deliveryId: delivery.id, epoch: this.#epoch, fence },
      now,
      attempt: { at: now, durationMs: b, ...(b % 2 === 0 ? { status: 500, answer } : { error: 'no' }) },
      next: at(ends, b) ?? { status: 'delivered' },
      ...(one === undefined || b % 4 === 0 ? {} : { news: one }),
      ...(b % 3 === 0 ? {} : { tells: b % 2 === 0 }),
      ...(b % 5 === 0 ? { proves: false } : {}),
    })
  }

  async #sweep(): Promise<void> {
    const retention = { callbacksMs: DAY, messagesMs: 4 * DAY, bodiesMs: DAY, keylessMs: DAY, runsMs: DAY }
    await this.#both('sweep', { now: this.#now, ...retention, failingMs: 2 * DAY, limit: 1_000 })
  }

  #laneOf(id: string, index: number): Lane {
    return at([`proof:${id}`, `subscription:${id}`, ENDPOINT] as const, index) ?? ENDPOINT
  }

  #next(): string {
    return String(this.#count++).padStart(4, '0')
  }

  #newDelivery(b: number): Input<'redeliver'>['again'] {
    const deliveryId = `dlv_${this.#next()}`
    this.#deliveries.push(deliveryId)
    return { deliveryId, dueAt: this.#now + (b % 3) * 300, deadlineAt: this.#now + 3 * DAY + b }
  }

  #newMessage<L extends string>(lane: L, b: number) {
    const id = `msg_${this.#next()}`
    this.#messages.push(id)
    const rest = { method: 'POST', path: '/x', query: '', headers: [], createdAt: this.#now }
    return { id, lane, ...rest, body: new Uint8Array(b % 40), ...(b % 9 === 0 ? { follows: 'dlv_x' } : {}) }
  }

  async #both<N extends CommandName>(name: N, input: Input<N>): Promise<Outcome<N>> {
    const [memory, other] = this.#sessions
    const ask = (session: StoreSession) => (session[name] as (input: Input<N>) => Promise<Outcome<N>>)(input)
    const [expected, actual] = [await ask(memory), await ask(other)]
    deepStrictEqual(
      toComparable(name, actual, this.#now),
      toComparable(name, expected, this.#now),
      `${name} ${JSON.stringify(input)}:\nother ${JSON.stringify(actual)}\nmemory ${JSON.stringify(expected)}`,
    )
    return expected
  }
}

/** Sets have no order, cursors are the store's own business, and so is until when it keeps what time has healed. */
function toComparable(name: CommandName, outcome: unknown, now: number): unknown {
  if (name === 'findLane') return toKnown((outcome as LaneRecord | undefined) ?? healthyLane, now)
  if (Array.isArray(outcome)) {
    const list = outcome.map(one => ({ ...one, cursor: undefined }))
    return name === 'readDead' ? sortedWithin(list as Omit<LoggedDeath, 'cursor'>[]) : list
  }
  if (typeof outcome !== 'object' || outcome === null) return outcome
  const { claimed, ends, lanes, expiredDeliveryIds, unsubscribedDeliveryIds, nextDueAt, ...rest } =
    outcome as Record<string, unknown>
  return {
    ...rest,
    nextDueAt: typeof nextDueAt === 'number' && nextDueAt <= now ? 'now' : nextDueAt,
    claimed: sorted(claimed),
    ends: sorted(ends),
    lanes: sorted(lanes),
    expiredDeliveryIds: sorted(expiredDeliveryIds),
    unsubscribedDeliveryIds: sorted(unsubscribedDeliveryIds),
  }
}

/** Those that died at one instant were found by one sweep, and in which order it found them is its own business. */
function sortedWithin<T extends Omit<LoggedDeath, 'cursor'>>(list: readonly T[]): readonly T[] {
  const instants = [...new Set(list.map(({ delivery }) => delivery.endedAt))]
  return instants.flatMap(
    instant => sorted(list.filter(({ delivery }) => delivery.endedAt === instant)) as T[],
  )
}

function toKnown(lane: LaneRecord, now: number): LaneRecord {
  if ((healthyFrom(lane) ?? Number.POSITIVE_INFINITY) <= now) return healthyLane
  return lane
}

function at<T>(list: readonly T[], index: number): T | undefined {
  return list.length === 0 ? undefined : list[index % list.length]
}
