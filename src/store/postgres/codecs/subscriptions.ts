import type { LaneRecord } from '../../../model/lane.js'
import type { SubscriptionRecord } from '../../../model/subscription.js'
import type { PutSubscriptionOutcome, SubscriptionCommands } from '../../subscribing.js'
import { type Codecs, orUndefined } from '../codec.js'
import { toSend } from './outbox.js'

export const SUBSCRIPTION_CODECS: Codecs<keyof SubscriptionCommands> = {
  putTopic: { fromWire: () => undefined },
  listTopics: {},
  deleteTopic: {},
  putSubscription: {
    toWire: ({ proof, ...input }) => ({ ...input, ...(proof === undefined ? {} : { proof: toSend(proof) }) }),
    fromWire: (wire: PutSubscriptionOutcome) => wire,
  },
  findSubscription: { fromWire: orUndefined((wire: SubscriptionRecord) => wire) },
  listSubscriptions: {},
  deleteSubscription: {},
  proveSubscription: {},
  findLane: { fromWire: orUndefined((wire: LaneRecord) => wire) },
  pauseLane: {},
  resumeLane: {},
}
