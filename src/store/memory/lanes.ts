import { afterResume, healthyLane } from '../../model/lane.js'
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
      const resumed = afterResume(data.laneStates.of(lane) ?? healthyLane, catchUp)
      if (resumed === undefined) return false
      putLaneState(data, lane, resumed)
      return true
    },
  }
}
