import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { expect, it } from 'vitest'
import { soon } from '../../../src/core/clock.js'
import { StoreUnavailableError } from '../../../src/errors.js'
import type { Command, Result } from '../../../src/store/group-commit.js'
import type { AcceptInput } from '../../../src/store/receiving.js'
import { CallingThread } from '../../../src/store/sqlite/calling-thread.js'
import { EngineThread } from '../../../src/store/sqlite/thread.js'
import { temporaryFile } from './support/temporary-file.js'
import { WatchedThread, watchOpenings } from './support/watched-thread.js'

// What would be wrong without it: a sender reads the outcome of another one's request, a callback is stored by an engine
// that no longer knows its file, or a store locks itself out.

const endOfTurn = () => new Promise<void>(resolve => soon(resolve))

const SPAWN: Command = {
  name: 'spawn',
  input: { id: 'rcv_1', token: 'token', key: 'orders', now: 0, patch: {}, reopen: false },
}

function accept(callbackId: string, changes: Partial<AcceptInput> = {}): Command {
  return {
    name: 'accept',
    input: {
      callbackId,
      receiverId: 'rcv_1',
      now: 0,
      method: 'POST',
      path: '',
      query: '',
      headers: '[]',
      body: new Uint8Array([1, 2, 3]),
      dedupeUntil: 1_000,
      content: 'good',
      capacity: 10_000,
      ...changes,
    },
  }
}

function accepts(count: number, prefix: string): readonly Command[] {
  return Array.from({ length: count }, (_, index) => accept(`${prefix}${index}`))
}

async function openHost() {
  const path = temporaryFile()
  const thread = new WatchedThread()
  const openings = watchOpenings()
  const host = new EngineThread(path, thread.file)
  const options = { path, now: 0, isReopened: false }
  await host.open(options)
  await host.execute([SPAWN])
  return { path, options, thread, openings, host }
}

type Opened = Awaited<ReturnType<typeof openHost>>

/** One commit is held up, and these batches wait behind it. The first of what it returns is the one that is held up. */
async function underWay({ host, thread }: Opened, batches: readonly (readonly Command[])[]) {
  thread.hold()
  const first = host.execute([accept('held')])
  await thread.isHolding()
  const others = batches.map(batch => host.execute(batch))
  await endOfTurn()
  return [first, ...others]
}

/** In few words: the number of what was accepted, the code of what failed. */
function briefly(results: readonly Result[]): unknown[] {
  return results.map(result =>
    result.ok ? (result.outcome as { seq?: number }).seq : (result.error as { code?: string }).code,
  )
}

async function unread({ host }: { readonly host: EngineThread }): Promise<unknown> {
  const [listed] = await host.execute([{ name: 'listReceivers', input: { now: 0, limit: 1 } }])
  return listed?.ok ? (listed.outcome as { unread: number }[])[0]?.unread : listed
}

it('batches that wait for the thread share its next commit, and are answered in order', async () => {
  const opened = await openHost()
  const { host, thread } = opened
  const before = thread.commits
  const waiting = await underWay(opened, [accepts(2, 'a'), accepts(1, 'b'), accepts(3, 'c')])
  const order: number[] = []
  const answered = waiting.map(async (results, index) => {
    const seqs = briefly(await results)
    order.push(index)
    return seqs
  })
  thread.letGo()
  expect(await Promise.all(answered)).toEqual([[1], [2, 3], [4], [5, 6, 7]])
  expect(order).toEqual([0, 1, 2, 3])
  expect(thread.commits - before).toBe(2)
  await host.close()
})

it('no batch joins a commit that has enough commands', async () => {
  const opened = await openHost()
  const { host, thread } = opened
  const before = thread.commits
  const waiting = await underWay(opened, [
    accepts(600, 'a'),
    accepts(400, 'b'),
    accepts(1, 'c'),
    accepts(1, 'd'),
  ])
  thread.letGo()
  const answered = await Promise.all(waiting)
  expect(answered.map(results => briefly(results).at(-1))).toEqual([1, 601, 1_001, 1_002, 1_003])
  expect(thread.commits - before).toBe(3)
  await host.close()
})

it('a command that is refused, here or there, fails alone in the commit that its batch shares', async () => {
  const opened = await openHost()
  const { host, thread } = opened
  const waiting = await underWay(opened, [
    [accept('a'), accept('b', { deliveryId: 'x\0y' }), accept('c')],
    [accept('d', { path: (() => '') as never }), accept('e')],
    [accept('f')],
  ])
  thread.letGo()
  expect((await Promise.all(waiting)).map(briefly)).toEqual([
    [1],
    [2, 'invalid_options', 3],
    ['invalid_options', 4],
    [5],
  ])
  await host.close()
})

it.each(['exit', 'unsendable'] as const)(
  'a thread that dies (%s) fails all that is under way, and the next goes on',
  async ending => {
    const opened = await openHost()
    const { host, thread, openings } = opened
    const waiting = await underWay(opened, [accepts(1, 'a'), accepts(2, 'b')])
    thread.endsBy(ending)
    thread.letGo()
    // Sent before anybody has been told, and in the tick in which the first is.
    const next = waiting[0]?.catch(() => host.execute([accept('next')]))
    for (const lost of await Promise.allSettled(waiting)) {
      expect(lost).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailableError) })
    }
    // What could not be told has happened.
    const stored = ending === 'exit' ? 0 : 1
    expect(briefly((await next) ?? [])).toEqual([stored + 1])
    expect(await unread(opened)).toBe(stored + 1)
    expect(thread.started).toBe(2)
    expect(openings.afterEnd).toEqual([true, true])
    await host.close()
  },
)

it('after an error of input or output whatever was under way behind it fails too, and is not done', async () => {
  const opened = await openHost()
  const { host, thread, openings } = opened
  const before = thread.commits
  const waiting = await underWay(opened, [accepts(1, 'a'), [{ name: 'countDue', input: { now: 0 } }]])
  thread.endsBy('io')
  thread.letGo()
  // Sent in the tick in which the error is told, while the others wait for their answers.
  const next = waiting[0]?.then(() => host.execute([accept('next')]))
  const [broken, ...behind] = await Promise.allSettled(waiting)
  expect(broken?.status === 'fulfilled' && briefly(broken.value)).toEqual(['store_unavailable'])
  expect(behind).toHaveLength(2)
  for (const lost of behind) {
    expect(lost).toMatchObject({
      status: 'rejected',
      reason: { code: 'store_unavailable', cause: { message: 'disk I/O error' } },
    })
  }
  expect(thread.commits).toBe(before)
  expect(briefly((await next) ?? [])).toEqual([1])
  expect(await unread(opened)).toBe(1)
  expect(thread.started).toBe(2)
  expect(openings.afterEnd).toEqual([true, true])
  await host.close()
})

it('a file that cannot be opened again fails those who ask, and is asked for again by the next', async () => {
  const opened = await openHost()
  const { path, options, host, thread, openings } = opened
  thread.endsBy('io')
  expect(briefly(await host.execute([accept('a')]))).toEqual(['store_unavailable'])
  // Ends the thread, and with it the hold on the file.
  await expect(host.execute([accept('b')])).resolves.toBeDefined()
  thread.endsBy('exit')
  await expect(host.execute([accept('c')])).rejects.toThrow(StoreUnavailableError)

  const other = new CallingThread(path)
  await other.open({ ...options, isReopened: true })
  const refused = await Promise.allSettled([host.execute([accept('d')]), host.execute([accept('e')])])
  for (const each of refused) {
    expect(each).toMatchObject({ reason: { message: `The store '${path}' is locked by another process` } })
  }
  const again = host.execute([accept('f')])
  await expect(again).rejects.toThrow('locked by another process')
  await other.close()
  expect(briefly(await host.execute([accept('g')]))).toEqual([2])
  expect(openings.afterEnd).toEqual([true, true, true, true, true])
  await host.close()
})

it('closes after what is under way, and lets go of the file', async () => {
  const opened = await openHost()
  const { path, options, host, thread, openings } = opened
  const waiting = await underWay(opened, [accepts(1, 'a'), accepts(1, 'b')])
  const order: string[] = []
  const all = waiting.map(async (results, index) => {
    const seqs = briefly(await results)
    order.push(`${index}`)
    return seqs
  })
  const closed = host.close().then(() => order.push('closed'))
  thread.letGo()
  expect(await Promise.all(all)).toEqual([[1], [2], [3]])
  await closed
  expect(order).toEqual(['0', '1', '2', 'closed'])
  expect(openings).toEqual({ afterEnd: [true], areOver: true })
  // Neither a log nor a name is left beside the file.
  expect(readdirSync(dirname(path))).toEqual([basename(path)])

  const other = new CallingThread(path)
  await other.open(options)
  const found = await other.execute([{ name: 'findReceiver', input: { token: 'token', now: 0 } }])
  expect(found).toMatchObject([{ ok: true, outcome: { id: 'rcv_1' } }])
  await other.close()
})

it.each(['told of it', 'not told of it'])(
  'closes after an error of input or output only when the thread has ended (%s)',
  async when => {
    const opened = await openHost()
    const { path, options, host, thread, openings } = opened
    const waiting = await underWay(opened, [accepts(1, 'a')])
    thread.endsBy('io')
    const closed = when === 'told of it' ? waiting[0]?.then(() => host.close()) : host.close()
    thread.letGo()
    const [broken, behind] = await Promise.allSettled(waiting)
    expect([broken?.status, behind?.status]).toEqual(['fulfilled', 'rejected'])
    await closed
    expect(openings.areOver).toBe(true)

    const other = new CallingThread(path)
    await other.open(options)
    await other.close()
  },
)
