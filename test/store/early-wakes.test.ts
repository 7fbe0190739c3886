import { expect, it } from 'vitest'
import { type Command, createSession, IN_TURN } from '../../src/store/group-commit.js'
import type { AcceptInput } from '../../src/store/receiving.js'

const accept: AcceptInput = {
  callbackId: 'cb_1',
  receiverId: 'rcv_1',
  now: 0,
  method: 'POST',
  path: '',
  query: '',
  headers: '[]',
  body: new Uint8Array(),
  dedupeUntil: 0,
  content: 'good',
  capacity: 1,
}

it('whoever waits for a callback claims it in the commit in which it is stored', async () => {
  const batches: string[][] = []
  const session = createSession({
    pace: IN_TURN,
    async execute(batch: readonly Command[]) {
      batches.push(batch.map(command => command.name))
      return batch.map(() => ({ ok: true, outcome: { type: 'accepted', seq: 1 } }))
    },
    close: async () => {},
  })
  let looked = false
  session.subscribe(wake => {
    if (wake.kind !== 'receiver' || looked) return
    looked = true
    void session.claim({ receiverId: wake.receiverId, epoch: 1, limit: 1, now: 0, ordered: false })
  })

  await session.accept(accept)

  expect(batches).toEqual([['accept', 'claim']])
})

it('whoever waits for a run reads its result in the commit that ends it', async () => {
  const batches: string[][] = []
  const session = createSession({
    pace: IN_TURN,
    async execute(batch: readonly Command[]) {
      batches.push(batch.map(command => command.name))
      return batch.map(() => ({ ok: true, outcome: true }))
    },
    close: async () => {},
  })
  let looked = false
  session.subscribe(wake => {
    if (wake.kind !== 'run' || looked) return
    looked = true
    void session.findRun({ runId: wake.runId })
  })

  await session.endRun({
    claim: { runId: 'run_1', epoch: 1, fence: 1 },
    now: 0,
    end: { status: 'done', result: { type: 'value', bytes: new Uint8Array() } },
  })

  expect(batches).toEqual([['endRun', 'findRun']])
})
