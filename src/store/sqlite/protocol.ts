import type { Command, Result } from '../group-commit.js'
import type { CommandName, Input } from '../store.js'
import { type AcceptColumns, AcceptReader, AcceptWriter } from './accept-columns.js'
import { Packer, unpack } from './codec.js'
import type { EngineResult } from './engine.js'
import { type FaultRecord, StoreFault } from './fault.js'
import type { OpenOptions } from './open-file.js'

// What the caller's thread and the engine's say to each other. Each request has one reply, in the order of the requests;
// several may be under way.

export type Request =
  | { readonly type: 'open'; readonly options: OpenOptions }
  | {
      readonly type: 'batch'
      readonly commands: readonly unknown[]
      readonly accepts: AcceptColumns
      readonly bytes: ArrayBuffer
    }
  | { readonly type: 'close' }

export type Reply =
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly fault: FaultRecord }
  | { readonly type: 'results'; readonly results: readonly unknown[]; readonly bytes: ArrayBuffer }

type BatchRequest = Extract<Request, { type: 'batch' }>
type ResultsReply = Extract<Reply, { type: 'results' }>

/** In the place of an `accept`, which is found among the columns. */
const ACCEPT = 0

type PackedCommand = typeof ACCEPT | { readonly name: CommandName; readonly input: unknown }

/** Of a callback that was accepted, and nobody was parked for: its number. */
type PackedResult = number | EngineResult

/** What is refused is left out of the request: by its place in the batch, in order, why. */
export interface PackedBatch {
  readonly request: BatchRequest
  readonly refused: ReadonlyMap<number, StoreFault>
}

export function packBatch(batch: readonly Command[]): PackedBatch {
  const packer = new Packer()
  const accepts = new AcceptWriter(packer)
  const commands: PackedCommand[] = []
  const refused = new Map<number, StoreFault>()
  for (const [index, command] of batch.entries()) {
    try {
      if (command.name === 'accept') {
        accepts.add(command.input)
        commands.push(ACCEPT)
      } else commands.push({ name: command.name, input: packer.pack(command.input) })
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error
      refused.set(index, error)
    }
  }
  const request = { type: 'batch', commands, accepts: accepts.toColumns(), bytes: packer.toBuffer() } as const
  return { request, refused }
}

export function unpackBatch({ commands, accepts, bytes }: BatchRequest): readonly Command[] {
  const reader = new AcceptReader(accepts, bytes)
  return (commands as readonly PackedCommand[]).map(command =>
    command === ACCEPT
      ? { name: 'accept', input: reader.next() }
      : ({
          name: command.name,
          input: unpack(command.input, bytes, 'window') as Input<CommandName>,
        } as Command),
  )
}

export function packResults(results: readonly EngineResult[]): ResultsReply {
  const packer = new Packer()
  const packed = results.map((result): PackedResult => {
    if (!result.ok) return result
    const seq = acceptedSeq(result.outcome)
    return seq ?? { ok: true, outcome: packer.pack(result.outcome) }
  })
  return { type: 'results', results: packed, bytes: packer.toBuffer() }
}

export function unpackResults(
  { results, bytes }: ResultsReply,
  toError: (fault: FaultRecord) => Error,
): readonly Result[] {
  return (results as readonly PackedResult[]).map((result): Result => {
    if (typeof result === 'number') return { ok: true, outcome: { type: 'accepted', seq: result } }
    if (!result.ok) return { ok: false, error: toError(result.fault) }
    return { ok: true, outcome: unpack(result.outcome, bytes, 'copy') }
  })
}

function acceptedSeq(outcome: unknown): number | undefined {
  const { type, seq, resumes } = (typeof outcome === 'object' && outcome !== null ? outcome : {}) as {
    readonly type?: unknown
    readonly seq?: unknown
    readonly resumes?: unknown
  }
  return type === 'accepted' && typeof seq === 'number' && resumes === undefined ? seq : undefined
}
