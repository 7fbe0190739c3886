import type { CallbackRecord, ClaimedCallback, FailedRecord } from '../../../model/callback.js'
import { patchConflict, type ReceiverRecord } from '../../../model/receiver.js'
import type {
  AcceptOutcome,
  CallbackCommands,
  ClaimOutcome,
  ReceiverCommands,
  SpawnOutcome,
} from '../../receiving.js'
import type { Conflict } from '../../scoping.js'
import { fromAnswer, fromBase64, toAnswer } from '../bytes.js'
import { type Codecs, orUndefined } from '../codec.js'

/** What is bytes in the library is base64 here. */
export type Wired<T> = { readonly [K in keyof T]: T[K] extends Uint8Array ? string : T[K] }

export function toCallback<T extends { readonly body: string }>(
  wire: T,
): Omit<T, 'body'> & { readonly body: Uint8Array } {
  return { ...wire, body: fromBase64(wire.body) }
}

export interface ConflictWire {
  readonly type: 'conflict'
  readonly source: string
}

type SpawnWire = Extract<SpawnOutcome, { readonly type: 'spawned' }> | ConflictWire

function toSpawnOutcome(wire: SpawnWire): SpawnOutcome {
  return wire.type === 'spawned' ? wire : toConflict(wire)
}

/** The database knows which source is in the way, the model how to say so. */
export function toConflict({ type, source }: ConflictWire): Conflict {
  return { type, message: patchConflict({ source, inline: [] }, { brings: ['verify'] }) ?? '' }
}

type ClaimWire = Omit<ClaimOutcome, 'callbacks' | 'ungrouped'> & {
  readonly callbacks: readonly Wired<ClaimedCallback>[]
  readonly ungrouped: readonly Wired<CallbackRecord>[]
}

type AcceptWire =
  | Exclude<AcceptOutcome, { readonly type: 'duplicate' }>
  | (Omit<Extract<AcceptOutcome, { readonly type: 'duplicate' }>, 'answer'> & { readonly answer?: string })

export const RECEIVING_CODECS: Codecs<keyof (ReceiverCommands & CallbackCommands)> = {
  spawn: { fromWire: toSpawnOutcome },
  findReceiver: { fromWire: orUndefined((wire: ReceiverRecord) => wire) },
  listReceivers: {},
  accept: {
    toWire: ({ answer, ...input }) => ({
      ...input,
      ...(answer === undefined ? {} : { answer: fromAnswer(answer) }),
    }),
    fromWire: (wire: AcceptWire) =>
      wire.type === 'duplicate' && wire.answer !== undefined
        ? { ...wire, answer: toAnswer(wire.answer) }
        : (wire as AcceptOutcome),
  },
  closeReceiver: { fromWire: (wire: readonly Wired<CallbackRecord>[]) => wire.map(toCallback) },
  answer: { toWire: ({ answer, ...input }) => ({ ...input, answer: fromAnswer(answer) }) },
  findAnswer: { fromWire: orUndefined(toAnswer) },
  claim: {
    fromWire: ({ callbacks, ungrouped, ...outcome }: ClaimWire) => ({
      ...outcome,
      callbacks: callbacks.map(toCallback),
      ungrouped: ungrouped.map(toCallback),
    }),
  },
  acknowledge: {},
  release: {},
  reclaim: {},
  giveUp: { toWire: ({ error, ...input }) => ({ ...input, error: JSON.stringify(error) }) },
  listFailed: {
    fromWire: (wire: readonly (Wired<FailedRecord> & { readonly error: string })[]) =>
      wire.map(({ error, ...failed }) => ({
        ...toCallback(failed),
        error: JSON.parse(error) as FailedRecord['error'],
      })),
  },
  retryFailed: {},
  discardFailed: {},
  news: {},
}
