import { healthyLane } from '../../model/lane.js'
import type { SubscriptionCommands } from '../subscribing.js'
import type { Data } from './data.js'
import { putLaneState } from './subscribers.js'

/** What is known of lanes, and how they are paused and resumed by hand. */
export function laneCommands(
  data: Data,
): Pick<SubscriptionCommands, 'findLane' | 'pauseLane' | 'resumeLane'> {
  return {
    findLane({ lane }) {
      return data.laneStates.of(lane)
    },

    pauseLane({ lane, now }) {
      const state = data.laneStates.of(lane) ?? healthyLane
      if (state.pause !== undefined) return false
      putLaneState(data, lane, { ...state, pause: 'asked', pausedAt: now })
      return true
    },

    resumeLane({ lane, catchUp }) {
      const state = data.laneStates.of(lane)
      if (state?.pause === undefined || state.pause === 'unproven') return false
      // Its bucket stays as empty as it was: nobody gets more through by pausing and resuming.
      const { nextAt } = state
      putLaneState(data, lane, {
        ...healthyLane,
        catchUp: { ...catchUp },
        ...(nextAt === undefined ? {} : { nextAt }),
      })
      return true
    },
  }
}
