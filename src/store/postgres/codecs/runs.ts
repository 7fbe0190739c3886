import type { Result, RunRecord } from '../../../model/run.js'
import { optional } from '../../optional.js'
import type { ClaimRunsOutcome, RunCommands, RunSummary, StartRunOutcome } from '../../running.js'
import type { Input } from '../../store.js'
import { fromBase64 } from '../bytes.js'
import { type Codecs, orUndefined } from '../codec.js'
import { type RecallWire, toRecall } from './memories.js'
import type { Wired } from './receiving.js'
import { type KnownWire, toKnown } from './scopes.js'

/** `cancelReason` is a JSON string, because it may hold anything. */
type RunWire = Omit<Wired<RunRecord>, 'result'> & { readonly result?: Wired<Result> }

type SummaryWire = RunWire & Pick<RunSummary, 'waitingFor'>

type StartWire =
  | { readonly type: 'started'; readonly run: RunWire; readonly created: false }
  /** Its input is the one that was given. */
  | { readonly type: 'started'; readonly run: Omit<RunWire, 'input'>; readonly created: true }
  | KnownWire
  | { readonly type: 'lost' }

interface ClaimWire {
  readonly claimed: readonly { readonly run: RunWire; readonly fence: number; readonly memory: RecallWire }[]
  readonly nextDueAt?: number
}

function toRun({ input, ...run }: RunWire): RunRecord {
  return withInput(run, fromBase64(input))
}

function withInput({ cancelReason, result, ...run }: Omit<RunWire, 'input'>, input: Uint8Array): RunRecord {
  return {
    ...run,
    input,
    ...(cancelReason === undefined ? {} : { cancelReason: JSON.parse(cancelReason) as string }),
    ...(result === undefined ? {} : { result: { ...result, bytes: fromBase64(result.bytes) } }),
  }
}

function toSummary({ waitingFor, ...run }: SummaryWire): RunSummary {
  return { ...toRun(run), waitingFor }
}

function toStarted(wire: StartWire, { input }: Input<'startRun'>): StartRunOutcome {
  if (wire.type === 'lost') return wire
  if (wire.type === 'known') return toKnown(wire)
  return { ...wire, run: wire.created ? withInput(wire.run, input) : toRun(wire.run) }
}

function toClaimed({ claimed, nextDueAt }: ClaimWire): ClaimRunsOutcome {
  return {
    claimed: claimed.map(({ run, fence, memory }) => ({ run: toRun(run), fence, memory: toRecall(memory) })),
    ...optional('nextDueAt', nextDueAt),
  }
}

export const RUN_CODECS: Codecs<keyof RunCommands> = {
  startRun: { fromWire: toStarted },
  claimRuns: { fromWire: toClaimed },
  park: {},
  endRun: {},
  releaseRun: {},
  reclaimRuns: {},
  retryRun: {},
  cancelRun: {
    toWire: ({ reason, ...input }) => ({
      ...input,
      ...(reason === undefined ? {} : { reason: JSON.stringify(reason) }),
    }),
  },
  findRun: { fromWire: orUndefined(toSummary) },
  listRuns: { fromWire: (wire: readonly SummaryWire[]) => wire.map(toSummary) },
}
