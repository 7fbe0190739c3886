import { type ClaimedDelivery, type Lane, subscriptionIdOf, topicOf } from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { ClaimDeliveriesOutcome, OutboxCommands } from '../sending.js'
import { type DeliveryRow, toDelivery } from './delivery-rows.js'
import type { EngineParts, Part } from './engine-parts.js'
import { LaneGate } from './lane-gate.js'
import type { MessageRows } from './message-rows.js'

type ClaimInput = Parameters<OutboxCommands['claimDeliveries']>[0]

/** What one claim hands out at most, in bytes of bodies; the first is handed out whatever its size. */
const LARGEST_CLAIM_BYTES = 8 * 1024 * 1024

type DueRow = DeliveryRow & { readonly no: number; readonly message: number; readonly fence: number }

/** A lane with something due. */
interface Open {
  readonly gate: LaneGate
  readonly dueAt: number
}

// Handing out what is due to be sent.
//
//   L1. Lanes are looked at one by one, through an index, so a long queue in one costs the others nothing.
//   L2. When the limit is smaller than what is due, every lane gets its share first (P19).
//   L3. Of a lane that is healthy and has no rate, nothing is written.

export class Dispatching implements Part<'claimDeliveries'> {
  readonly #parts: EngineParts
  readonly #messages: MessageRows
  readonly #head
  readonly #due
  readonly #underWay
  readonly #take

  constructor(parts: EngineParts, messages: MessageRows) {
    this.#parts = parts
    this.#messages = messages
    const { db } = parts
    this.#head = db.prepare<{ due_at: number }>(`
      select due_at from deliveries
       where lane = ? and status = 'due' and deadline_at > ? order by due_at, id limit 1`)
    // Its message is read for those that are taken.
    this.#due = db.prepare<DueRow>(`
      select d.*, '' as message_id from deliveries d
       where lane = ? and status = 'due' and due_at <= ? and deadline_at > ? order by due_at, id limit ?`)
    this.#underWay = db.prepare<{ no: number }>(`
      select no from deliveries
       where epoch in (select epoch from nodes) and lane = ? and status = 'sending' limit 1`)
    this.#take = db.prepare(
      "update deliveries set status = 'sending', epoch = ?, fence = fence + 1 where no = ?",
    )
  }

  claimDeliveries(input: ClaimInput): ClaimDeliveriesOutcome {
    const { epoch, now, limit } = input
    const { epochs, dueLanes } = this.#parts
    if (!epochs.isLive(epoch, now)) return { claimed: [] }

    dueLanes.flush()
    const open = this.#openLanes(input)
    const budget = { count: limit, bytes: LARGEST_CLAIM_BYTES }
    const claimed: ClaimedDelivery[] = []
    for (let lanes = open; lanes.length > 0 && budget.count > 0 && budget.bytes > 0; ) {
      const share = Math.max(1, Math.floor(budget.count / lanes.length))
      lanes = lanes.filter(lane => {
        const taken = this.#takeFrom(lane, share, budget, input)
        claimed.push(...taken)
        return taken.length === share && lane.free > 0
      })
    }
    for (const gate of open) this.#writeDown(gate, input)
    dueLanes.flush()
    return { claimed, ...optional('nextDueAt', this.#nextDueAt(input, open)) }
  }

  /** Lanes from which something may be taken now, the one that waits longest first. */
  #openLanes(input: ClaimInput): readonly LaneGate[] {
    const { now, limit, lanes } = input
    const open: Open[] = []
    const add = (lane: Lane) => {
      const dueAt = hasRoom(lane, input) ? this.#headOf(lane, input) : undefined
      if (dueAt === undefined || dueAt > now) return
      const gate = this.#gateOf(lane, input)
      if (gate.free > 0) open.push({ gate, dueAt })
    }
    for (const lane of endpointsOf(lanes)) add(lane)
    const enough = open.length + limit
    for (const { lane, due_at } of this.#parts.dueLanes.inOrder()) {
      if (due_at > now || open.length >= enough) break
      add(lane)
    }
    return open.sort((a, b) => a.dueAt - b.dueAt).map(({ gate }) => gate)
  }

  #takeFrom(
    gate: LaneGate,
    most: number,
    budget: { count: number; bytes: number },
    { epoch, now }: ClaimInput,
  ): readonly ClaimedDelivery[] {
    const limit = Math.min(most, gate.free, budget.count)
    if (limit <= 0 || budget.bytes <= 0) return []
    const claimed: ClaimedDelivery[] = []
    for (const row of this.#due.all(gate.lane, now, now, limit)) {
      if (budget.bytes <= 0) break
      const message = this.#messages.of(row)
      this.#take.run(epoch, row.no)
      budget.count--
      budget.bytes -= message.body.length
      const delivery = toDelivery({
        ...row,
        url: row.url ?? message.url ?? null,
        message_id: message.id,
        message_at: message.createdAt,
        topic: topicOf(message.lane) ?? null,
        status: 'sending',
      })
      claimed.push({
        ...{ delivery, message, fence: row.fence + 1 },
        ...optional('subscription', gate.subscription),
      })
    }
    gate.took(claimed.length)
    this.#parts.dueLanes.touch(gate.lane)
    return claimed
  }

  /** What was taken from its bucket, and whether it has caught up. */
  #writeDown(gate: LaneGate, input: ClaimInput): void {
    const drained =
      gate.isCatchingUp && (this.#headOf(gate.lane, input) ?? Number.POSITIVE_INFINITY) > input.now
    const after = gate.after({ drained })
    if (after !== undefined) this.#parts.lanes.put(gate.lane, after)
  }

  #nextDueAt(input: ClaimInput, open: readonly LaneGate[]): number | undefined {
    const looked = new Map(open.map(gate => [gate.lane, gate]))
    let next: number | undefined
    const look = (lane: Lane) => {
      const dueAt = hasRoom(lane, input) ? this.#headOf(lane, input) : undefined
      if (dueAt === undefined || (next !== undefined && dueAt >= next)) return
      const { room, opensAt } = looked.get(lane) ?? this.#gateOf(lane, input)
      if (room > 0) next = Math.min(next ?? Number.POSITIVE_INFINITY, Math.max(dueAt, opensAt))
    }
    for (const lane of endpointsOf(input.lanes)) look(lane)
    for (const { lane, due_at } of this.#parts.dueLanes.inOrder()) {
      if (next !== undefined && due_at >= next) break
      look(lane)
    }
    return next
  }

  #gateOf(lane: Lane, input: ClaimInput): LaneGate {
    const { lanes, subscriptions } = this.#parts
    const { now, rates } = input
    const state = lanes.find(lane)
    const id = subscriptionIdOf(lane)
    const subscription = id === undefined ? undefined : subscriptions.find(id)
    const ownRate = lane.startsWith('subscription:') ? subscription?.rate : rates?.[lane]
    const room = roomOf(lane, input, subscription?.concurrency)
    const allowed = state?.probing === true ? (this.#underWay.get(lane) === undefined ? 1 : 0) : room
    return new LaneGate({ lane, now, room: Math.min(room, allowed), state, rate: ownRate, subscription })
  }

  #headOf(lane: Lane, { now }: ClaimInput): number | undefined {
    return this.#head.get(lane, now)?.due_at
  }
}

function endpointsOf(lanes: ClaimInput['lanes']): Lane[] {
  return (Object.keys(lanes) as Lane[]).filter(lane => lane.startsWith('endpoint:'))
}

/** For an endpoint, `lanes` says how much room there is; for any other lane, how much of it is taken. */
function roomOf(lane: Lane, { lanes, originRoom }: ClaimInput, concurrency = originRoom): number {
  const named = lanes[lane] ?? 0
  return lane.startsWith('endpoint:') ? named : concurrency - named
}

/** As far as it is known without looking at the lane. */
function hasRoom(lane: Lane, input: ClaimInput): boolean {
  return subscriptionIdOf(lane) !== undefined || roomOf(lane, input) > 0
}
