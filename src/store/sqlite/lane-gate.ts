import type { Lane } from '../../model/delivery.js'
import { fromBucket, healthyLane, type LaneRecord, type Rate, slower } from '../../model/lane.js'
import type { SubscriptionRecord } from '../../model/subscription.js'

export interface GateParts {
  readonly lane: Lane
  readonly now: number
  /** Slots of the lane that are not taken. */
  readonly room: number
  readonly state?: LaneRecord | undefined
  /** Of the endpoint, or of the subscription. */
  readonly rate?: Rate | undefined
  readonly subscription?: SubscriptionRecord | undefined
}

/** What one claim may take from a lane, and has taken. */
export class LaneGate {
  readonly lane: Lane
  readonly subscription: SubscriptionRecord | undefined
  readonly #parts: GateParts
  readonly #bucket
  #taken = 0

  constructor(parts: GateParts) {
    this.lane = parts.lane
    this.subscription = parts.subscription
    this.#parts = parts
    const rate = slower(parts.rate, parts.state?.catchUp)
    this.#bucket = rate && fromBucket(rate, { nextAt: parts.state?.nextAt, now: parts.now })
  }

  /** Slots that are left, whenever something may be taken for them. */
  get room(): number {
    const { state, room } = this.#parts
    if (state?.pause !== undefined) return 0
    return room - this.#taken
  }

  /** When something may be taken again. */
  get opensAt(): number {
    const { restsUntil = 0 } = this.#parts.state ?? {}
    const bucket = this.#bucket
    const isEmpty = bucket !== undefined && bucket.free <= this.#taken
    return Math.max(restsUntil, isEmpty ? Math.ceil(bucket.nextAfter(this.#taken)) : 0)
  }

  /** How many may be taken now. */
  get free(): number {
    const { state, now } = this.#parts
    if ((state?.restsUntil ?? 0) > now) return 0
    const left = this.#bucket === undefined ? this.room : this.#bucket.free - this.#taken
    return Math.min(this.room, left)
  }

  get isCatchingUp(): boolean {
    return this.#parts.state?.catchUp !== undefined
  }

  took(count: number): void {
    this.#taken += count
  }

  /** What is known of the lane now, if that has changed. `drained`: nothing is due in it any more. */
  after({ drained }: { readonly drained: boolean }): LaneRecord | undefined {
    const bucket = this.#bucket
    if (bucket === undefined || this.#taken === 0) return undefined
    const { catchUp, ...rest } = this.#parts.state ?? healthyLane
    const nextAt = bucket.nextAfter(this.#taken)
    return catchUp === undefined || drained ? { ...rest, nextAt } : { ...rest, catchUp, nextAt }
  }
}
