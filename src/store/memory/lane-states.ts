import type { Lane } from '../../model/delivery.js'
import { healthyFrom, type LaneRecord, STRIKES } from '../../model/lane.js'
import { Heap } from './heap.js'
import type { LaneRow } from './rows.js'

/** What is known of lanes. Of one that is not here nothing is. */
export class LaneStates {
  readonly #rows = new Map<Lane, LaneRow>()
  /** Those that only time has to heal. */
  readonly #healing = new Heap<LaneRow>((a, b) => (healthyFrom(a.state) ?? 0) < (healthyFrom(b.state) ?? 0))
  /** Not paused, and nobody was told that they fail. */
  readonly #unwarned = new Heap<LaneRow>(byFailure)
  /** Not paused, with strikes enough to be. */
  readonly #struck = new Heap<LaneRow>(byFailure)

  of(lane: Lane): LaneRecord | undefined {
    return this.#rows.get(lane)?.state
  }

  put(lane: Lane, state: LaneRecord): void {
    const row = this.#rows.get(lane) ?? { lane, state }
    this.forget(lane)
    const healsAt = healthyFrom(state)
    if (healsAt === 0) return
    row.state = state
    this.#rows.set(lane, row)
    if (healsAt !== undefined) this.#healing.add(row)
    if (state.failingSince === undefined || state.pause !== undefined) return
    if (!state.warned && state.strikes >= STRIKES.told) this.#unwarned.add(row)
    if (state.strikes >= STRIKES.paused) this.#struck.add(row)
  }

  forget(lane: Lane): void {
    const row = this.#rows.get(lane)
    if (row === undefined) return
    this.#rows.delete(lane)
    for (const heap of [this.#healing, this.#unwarned, this.#struck]) heap.delete(row)
  }

  /** Healthy by now. */
  firstHealed(now: number): Lane | undefined {
    const { first } = this.#healing
    return first !== undefined && (healthyFrom(first.state) ?? now) <= now ? first.lane : undefined
  }

  firstUnwarned(failingSince: number): LaneRow | undefined {
    return failingBy(this.#unwarned, failingSince)
  }

  firstStruck(failingSince: number): LaneRow | undefined {
    return failingBy(this.#struck, failingSince)
  }
}

function failingBy({ first }: Heap<LaneRow>, failingSince: number): LaneRow | undefined {
  return (first?.state.failingSince ?? Number.POSITIVE_INFINITY) <= failingSince ? first : undefined
}

function byFailure({ state: a }: LaneRow, { state: b }: LaneRow): boolean {
  return (a.failingSince ?? 0) < (b.failingSince ?? 0)
}
