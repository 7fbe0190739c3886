import { type Lane, subscriptionIdOf } from '../../model/delivery.js'
import {
  afterNews,
  afterProof,
  afterResume,
  healthyLane,
  type LaneNews,
  type LaneRecord,
} from '../../model/lane.js'
import type { Commands, Input } from '../store.js'
import type { DueLanes } from './due-lanes.js'
import type { LaneRows } from './lane-rows.js'
import type { SubscriptionRows } from './subscription-rows.js'

export interface LanesParts {
  readonly rows: LaneRows
  readonly subscriptions: SubscriptionRows
  readonly dueLanes: DueLanes
}

/** What is known of lanes beyond what waits in them, and what follows from it for when they are due. */
export class Lanes implements Pick<Commands, 'findLane' | 'pauseLane' | 'resumeLane'> {
  readonly #parts: LanesParts

  constructor(parts: LanesParts) {
    this.#parts = parts
  }

  find(lane: Lane): LaneRecord | undefined {
    return this.#parts.rows.find(lane)
  }

  /** Of a subscription that is not there nothing is kept. */
  put(lane: Lane, record: LaneRecord): void {
    const id = subscriptionIdOf(lane)
    if (id !== undefined && this.#parts.subscriptions.row(id) === undefined) return
    this.#parts.rows.put(lane, record)
    this.#touch(lane)
  }

  forget(lane: Lane): void {
    this.#parts.rows.delete(lane)
    this.#touch(lane)
  }

  /** What an attempt has shown. */
  hear(lane: Lane, news: LaneNews, now: number): void {
    const after = afterNews(this.find(lane) ?? healthyLane, news, now)
    if (after !== undefined) this.put(lane, after)
  }

  /** What is sent to it is sent again, if it waited for a proof. */
  prove(id: string): boolean {
    const lane: Lane = `subscription:${id}`
    const proven = afterProof(this.find(lane) ?? healthyLane)
    if (proven === undefined) return false
    this.put(lane, proven)
    return true
  }

  findLane({ lane }: Input<'findLane'>): LaneRecord | undefined {
    return this.find(lane)
  }

  pauseLane({ lane, now }: Input<'pauseLane'>): boolean {
    const known = this.find(lane) ?? healthyLane
    if (known.pause !== undefined) return false
    this.put(lane, { ...known, pause: 'asked', pausedAt: now })
    return true
  }

  resumeLane({ lane, catchUp }: Input<'resumeLane'>): boolean {
    const resumed = afterResume(this.find(lane) ?? healthyLane, catchUp)
    if (resumed === undefined) return false
    this.put(lane, resumed)
    return true
  }

  /** With a subscription that retires, or is wanted again, its proofs do. */
  #touch(lane: Lane): void {
    const { dueLanes } = this.#parts
    dueLanes.touch(lane)
    if (lane.startsWith('subscription:')) dueLanes.touch(`proof:${lane.slice('subscription:'.length)}`)
  }
}
