import { expect, it } from 'vitest'
import { StoreUnavailableError } from '../../../src/errors.js'
import type { Request } from '../../../src/store/sqlite/protocol.js'
import { EngineWorker } from '../../../src/store/sqlite/worker.js'
import { threadOf } from './support/watched-thread.js'

/** Says for each request what it was, and ends when it is told to. */
function startEcho(): EngineWorker {
  return new EngineWorker(
    threadOf(`
      parentPort.on('message', ({ type, options }) => {
        if (options?.path === 'die') process.exit(7)
        parentPort.postMessage({ type: 'failed', fault: { fault: 'other', detail: options?.path ?? type } })
      })`),
  )
}

function open(path: unknown): Request {
  return { type: 'open', options: { path: path as string, now: 0, isReopened: false } }
}

function said(detail: string) {
  return { type: 'failed', fault: { fault: 'other', detail } }
}

it('gives each of several requests under way its own reply', async () => {
  const worker = startEcho()
  const replies = await Promise.all(['a', 'b', 'c'].map(path => worker.ask(open(path))))
  expect(replies).toEqual(['a', 'b', 'c'].map(said))
  await worker.end()
})

it('a request that cannot be sent fails alone: the replies go to those who were understood', async () => {
  const worker = startEcho()
  const [before, odd, after] = await Promise.allSettled([
    worker.ask(open('before')),
    worker.ask(open(() => 'no path')),
    worker.ask({ type: 'close' }),
  ])
  expect(before).toEqual({ status: 'fulfilled', value: said('before') })
  expect(odd).toMatchObject({ status: 'rejected', reason: { name: 'DataCloneError' } })
  expect(after).toEqual({ status: 'fulfilled', value: said('close') })
  await worker.end()
})

it('ends after what it was asked, once, and refuses what it is asked then', async () => {
  const worker = startEcho()
  const asked = worker.ask(open('a'))
  const order: string[] = []
  const ended = worker.end().then(() => order.push('ended'))
  expect(worker.isOver).toBe(true)
  await expect(worker.ask(open('b'))).rejects.toThrow(StoreUnavailableError)
  expect(await asked).toEqual(said('a'))
  order.push('a')
  await Promise.all([ended, worker.end(), worker.end()])
  expect(order).toEqual(['a', 'ended'])
})

it('fails, when it dies, all that it was asked, and refuses the rest', async () => {
  const worker = startEcho()
  const asked = ['a', 'die', 'b', 'c'].map(path => worker.ask(open(path)))
  const [first, ...lost] = await Promise.allSettled(asked)
  expect(first).toEqual({ status: 'fulfilled', value: said('a') })
  expect(lost).toHaveLength(3)
  for (const each of lost) {
    expect(each).toMatchObject({
      reason: { code: 'store_unavailable', cause: { message: 'it ended with code 7' } },
    })
  }
  expect(worker.isOver).toBe(true)
  await expect(worker.ask(open('d'))).rejects.toThrow(StoreUnavailableError)
  await worker.end()
})
