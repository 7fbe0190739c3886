import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { type Engine, isBreaking } from './engine.js'
import { type FaultRecord, StoreFault } from './fault.js'
import { openFile } from './open-file.js'
import { packResults, type Reply, type Request, unpackBatch } from './protocol.js'

// The engine's side of the thread: built into a file of its own, and started by `worker.ts`.
//
//   E1. Requests are answered in the order in which they came, each by a reply of its own.
//   E2. Batches that wait when one is begun share its commit.
//   E3. After an error of input or output nothing is done any more: what the engine believes about the file may not be true.

type BatchRequest = Extract<Request, { readonly type: 'batch' }>

/** So many commands in one commit, and no batch more. */
const ENOUGH = 1_000

let engine: Engine | undefined
let broken: FaultRecord | undefined

parentPort?.on('message', handle)

function handle(request: Request): void {
  if (request.type !== 'batch') {
    void answer(request).catch(toFailure).then(reply)
    return
  }
  const batches = [request]
  let count = request.commands.length
  let other: Request | undefined
  while (count < ENOUGH && other === undefined) {
    const waiting = takeWaiting()
    if (waiting === undefined) break
    if (waiting.type === 'batch') {
      batches.push(waiting)
      count += waiting.commands.length
    } else other = waiting
  }
  for (const each of executeTogether(batches)) reply(each)
  if (other !== undefined) handle(other)
}

async function answer(request: Exclude<Request, BatchRequest>): Promise<Reply> {
  if (request.type === 'open') engine = await openFile(request.options)
  else {
    engine?.close()
    engine = undefined
  }
  return { type: 'done' }
}

function executeTogether(batches: readonly BatchRequest[]): readonly Reply[] {
  try {
    if (broken !== undefined) throw new StoreFault(broken.fault, broken.detail)
    if (engine === undefined) throw new StoreFault('other', 'the file is not open')
    const commands = batches.map(unpackBatch)
    const results = engine.execute(commands.flat())
    broken = results.find(isBreaking)?.fault
    let start = 0
    return commands.map(({ length }) => {
      start += length
      return packResults(results.slice(start - length, start))
    })
  } catch (error) {
    return batches.map(() => toFailure(error))
  }
}

function takeWaiting(): Request | undefined {
  if (parentPort === null) return undefined
  return receiveMessageOnPort(parentPort)?.message as Request | undefined
}

/** One that cannot be sent ends the thread, which its owner notices. */
function reply(each: Reply): void {
  parentPort?.postMessage(each, each.type === 'results' ? [each.bytes] : [])
}

function toFailure(error: unknown): Reply {
  return { type: 'failed', fault: toRecord(error) }
}

function toRecord(error: unknown): FaultRecord {
  if (error instanceof StoreFault) return { fault: error.fault, detail: error.detail }
  return { fault: 'other', detail: error instanceof Error ? error.message : String(error) }
}
