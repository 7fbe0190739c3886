import type { ClaimFanOutOutcome, PublicationCommands, PublishInput } from '../../publishing.js'
import type { Codecs } from '../codec.js'
import { fromMessage, type MessageWire, toMessage } from './outbox.js'

type FanOut = NonNullable<ClaimFanOutOutcome['fanOut']>

interface ClaimFanOutWire {
  readonly fanOut?: Omit<FanOut, 'message'> & { readonly message: MessageWire }
  readonly nextAt?: number
}

/** A message on its way to `store_publication`. */
export function toPublish({ message, ...input }: PublishInput): unknown {
  return { ...input, message: fromMessage(message) }
}

export const PUBLICATION_CODECS: Codecs<keyof PublicationCommands> = {
  publish: { toWire: toPublish },
  claimFanOut: {
    fromWire: ({ fanOut, ...outcome }: ClaimFanOutWire) => ({
      ...outcome,
      ...(fanOut === undefined ? {} : { fanOut: { ...fanOut, message: toMessage(fanOut.message) } }),
    }),
  },
  fanOut: {},
}
