import { parentPort } from 'node:worker_threads'
import type { Engine } from './engine.js'
import { type FaultRecord, StoreFault } from './fault.js'
import { openFile } from './open-file.js'
import { packResults, type Reply, type Request, unpackBatch } from './protocol.js'

// The engine's side of the thread: built into a file of its own, and started by `thread.ts`.

let engine: Engine | undefined

async function answer(request: Request): Promise<Reply> {
  switch (request.type) {
    case 'open':
      engine = await openFile(request.options)
      return { type: 'done' }
    case 'batch':
      if (engine === undefined) throw new StoreFault('other', 'the file is not open')
      return packResults(engine.execute(unpackBatch(request)))
    case 'close':
      engine?.close()
      engine = undefined
      return { type: 'done' }
  }
}

// A reply that cannot be sent ends the thread, which its owner notices.
parentPort?.on('message', (request: Request) => {
  void answer(request)
    .catch((error: unknown): Reply => ({ type: 'failed', fault: toRecord(error) }))
    .then(reply => parentPort?.postMessage(reply, reply.type === 'results' ? [reply.bytes] : []))
})

function toRecord(error: unknown): FaultRecord {
  if (error instanceof StoreFault) return { fault: error.fault, detail: error.detail }
  return { fault: 'other', detail: error instanceof Error ? error.message : String(error) }
}
