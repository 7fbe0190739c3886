import type { Lane } from '../../model/delivery.js'
import { fromBucket, healthyLane, type LaneRecord, slower } from '../../model/lane.js'
import type { Input } from '../store.js'
import type { Data } from './data.js'
import type { DeliveryRow } from './rows.js'
import { isForsaken, subscriptionOf } from './subscribers.js'
import { Turns } from './turns.js'

type ClaimInput = Input<'claimDeliveries'>

/** A lane within one claim. */
interface OpenLane {
  readonly lane: Lane
  readonly state: LaneRecord
  readonly bucket: ReturnType<typeof fromBucket> | undefined
  readonly turns: Turns<DeliveryRow>
}

/** The lanes in which something waits that may be sent, now or at some instant. */
export function openLanes(data: Data, input: ClaimInput): readonly OpenLane[] {
  const { now } = input
  // What is past its deadline is passed over; a sweep will end it.
  const standing = {
    dueAt: ({ record }: DeliveryRow) => record.dueAt,
    isPassedOver: ({ record }: DeliveryRow) => record.deadlineAt <= now,
  }
  const underWay = lanesUnderWay(data)
  return [...data.lanes].flatMap(([lane, due]) => {
    const state = data.laneStates.of(lane) ?? healthyLane
    if (state.pause !== undefined || isForsaken(data, lane)) return []
    const probes = underWay.has(lane) ? 0 : 1
    const room = state.probing ? Math.min(probes, roomOf(data, lane, input)) : roomOf(data, lane, input)
    const rate = slower(state.catchUp, rateOf(data, lane, input))
    const bucket = rate === undefined ? undefined : fromBucket(rate, { nextAt: state.nextAt, now })
    const gate = { room, opensAt: state.restsUntil, bucket }
    return [{ lane, state, bucket, turns: new Turns(due, gate, now, standing) }]
  })
}

/** Writes down what was taken from buckets, and which lanes have caught up. */
export function closeLanes(data: Data, lanes: readonly OpenLane[]): void {
  for (const { lane, state, bucket, turns } of lanes) {
    if (bucket !== undefined && turns.taken > 0) {
      const { catchUp, ...rest } = state
      const nextAt = bucket.nextAfter(turns.taken)
      data.laneStates.put(
        lane,
        turns.hasDue && catchUp !== undefined ? { ...rest, catchUp, nextAt } : { ...rest, nextAt },
      )
    }
    turns.finish()
  }
  for (const { lane } of lanes) if (data.lanes.get(lane)?.size === 0) data.lanes.delete(lane)
}

function roomOf(data: Data, lane: Lane, { lanes, originRoom }: ClaimInput): number {
  if (lane.startsWith('endpoint:')) return lanes[lane] ?? 0
  return (subscriptionOf(data, lane)?.record.concurrency ?? originRoom) - (lanes[lane] ?? 0)
}

function rateOf(data: Data, lane: Lane, { rates = {} }: ClaimInput): LaneRecord['catchUp'] {
  if (lane.startsWith('endpoint:')) return rates[lane]
  return lane.startsWith('subscription:') ? subscriptionOf(data, lane)?.record.rate : undefined
}

/** Those in which an attempt is being made. */
function lanesUnderWay(data: Data): ReadonlySet<Lane> {
  const lanes = new Set<Lane>()
  for (const { deliveries } of data.nodes.values()) {
    for (const { record } of deliveries) if (record.status === 'sending') lanes.add(record.lane)
  }
  return lanes
}
