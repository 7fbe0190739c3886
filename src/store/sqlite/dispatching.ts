import type { ClaimedDelivery, Lane, MessageRecord } from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { ClaimDeliveriesOutcome, OutboxCommands } from '../sending.js'
import type { EngineParts, Part } from './engine-parts.js'
import { type DeliveryRow, toDelivery } from './outbox.js'

type ClaimInput = Parameters<OutboxCommands['claimDeliveries']>[0]

/** What one claim hands out at most, in bytes of bodies; the first is handed out whatever its size. */
const LARGEST_CLAIM_BYTES = 8 * 1024 * 1024

interface MessageRow {
  readonly id: string
  readonly key: string | null
  readonly lane: Lane
  readonly url: string | null
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: string
  readonly type: string | null
  readonly body: Uint8Array
  readonly created_at: number
}

type DueRow = DeliveryRow & { readonly no: number; readonly message: number; readonly fence: number }

/** A lane with something due, and how many of it may be taken. */
interface Open {
  readonly lane: Lane
  readonly dueAt: number
  room: number
}

// Handing out what is due to be sent.
//
//   L1. Lanes are looked at one by one, through an index, so a long queue in one costs the others nothing.
//   L2. When the limit is smaller than what is due, every lane gets its share first (P19).

export class Dispatching implements Part<'claimDeliveries'> {
  readonly #parts: EngineParts
  readonly #head
  readonly #due
  readonly #message
  readonly #take

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    this.#head = db.prepare<{ due_at: number }>(`
      select due_at from deliveries
       where lane = ? and status = 'due' and deadline_at > ? order by due_at, id limit 1`)
    // The message is joined for its id alone; its bytes are read for those that are taken.
    this.#due = db.prepare<DueRow>(`
      select d.*, '' as message_id from deliveries d
       where lane = ? and status = 'due' and due_at <= ? and deadline_at > ? order by due_at, id limit ?`)
    this.#message = db.prepare<MessageRow>('select * from messages where no = ?', ['body'])
    this.#take = db.prepare(
      "update deliveries set status = 'sending', epoch = ?, fence = fence + 1 where no = ?",
    )
  }

  claimDeliveries(input: ClaimInput): ClaimDeliveriesOutcome {
    const { epoch, now, limit } = input
    if (!this.#parts.epochs.isLive(epoch, now)) return { claimed: [] }

    this.#parts.origins.flush()
    const open = this.#openLanes(input)
    const budget = { count: limit, bytes: LARGEST_CLAIM_BYTES }
    const claimed: ClaimedDelivery[] = []
    for (let lanes = open; lanes.length > 0 && budget.count > 0 && budget.bytes > 0; ) {
      const share = Math.max(1, Math.floor(budget.count / lanes.length))
      lanes = lanes.filter(lane => {
        const taken = this.#takeFrom(lane, share, budget, input)
        claimed.push(...taken)
        return taken.length === share && lane.room > 0
      })
    }
    this.#parts.origins.flush()
    return { claimed, ...optional('nextDueAt', this.#nextDueAt(input, open)) }
  }

  /** Lanes that have something due and room for it, the one that waits longest first. */
  #openLanes(input: ClaimInput): readonly Open[] {
    const { now, limit, lanes } = input
    const open: Open[] = []
    const add = (lane: Lane) => {
      const room = roomOf(lane, input)
      const dueAt = room > 0 ? this.#headOf(lane, input) : undefined
      if (dueAt !== undefined && dueAt <= now) open.push({ lane, room, dueAt })
    }
    for (const lane of endpointsOf(lanes)) add(lane)
    const enough = open.length + limit
    for (const origin of this.#parts.origins.inOrder()) {
      if (origin.due_at > now || open.length >= enough) break
      add(origin.lane)
    }
    return open.sort((a, b) => a.dueAt - b.dueAt)
  }

  #takeFrom(
    open: Open,
    most: number,
    budget: { count: number; bytes: number },
    { epoch, now }: ClaimInput,
  ): readonly ClaimedDelivery[] {
    const limit = Math.min(most, open.room, budget.count)
    if (limit <= 0 || budget.bytes <= 0) return []
    const claimed: ClaimedDelivery[] = []
    for (const row of this.#due.all(open.lane, now, now, limit)) {
      if (budget.bytes <= 0) break
      const message = this.#messageOf(row)
      this.#take.run(epoch, row.no)
      budget.count--
      budget.bytes -= message.body.length
      open.room--
      const delivery = toDelivery({ ...row, message_id: message.id, status: 'sending' })
      claimed.push({ delivery, message, fence: row.fence + 1 })
    }
    this.#parts.origins.touch(open.lane)
    return claimed
  }

  #nextDueAt(input: ClaimInput, open: readonly Open[]): number | undefined {
    const left = new Map(open.map(({ lane, room }) => [lane, room]))
    let next: number | undefined
    const look = (lane: Lane) => {
      if ((left.get(lane) ?? roomOf(lane, input)) <= 0) return
      const dueAt = this.#headOf(lane, input)
      if (dueAt !== undefined) next = Math.min(next ?? dueAt, dueAt)
    }
    for (const lane of endpointsOf(input.lanes)) look(lane)
    for (const origin of this.#parts.origins.inOrder()) {
      if (next !== undefined && origin.due_at >= next) break
      look(origin.lane)
    }
    return next
  }

  #headOf(lane: Lane, { now }: ClaimInput): number | undefined {
    return this.#head.get(lane, now)?.due_at
  }

  #messageOf(row: DueRow): MessageRecord {
    const message = this.#message.get(row.message)
    if (message === undefined) throw new Error('a delivery has no message')
    return {
      id: message.id,
      ...optional('key', message.key),
      lane: message.lane,
      ...optional('url', message.url),
      method: message.method,
      path: message.path,
      query: message.query,
      headers: JSON.parse(message.headers) as MessageRecord['headers'],
      ...optional('type', message.type),
      body: message.body,
      createdAt: message.created_at,
    }
  }
}

function endpointsOf(lanes: ClaimInput['lanes']): Lane[] {
  return (Object.keys(lanes) as Lane[]).filter(lane => lane.startsWith('endpoint:'))
}

/** For an endpoint, `lanes` says how much room there is; for an origin, how much of it is taken. */
function roomOf(lane: Lane, { lanes, originRoom }: ClaimInput): number {
  const named = lanes[lane] ?? 0
  return lane.startsWith('origin:') ? originRoom - named : named
}
