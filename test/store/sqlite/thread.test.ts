import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'tsup'
import { expect, it, onTestFinished } from 'vitest'
import { StoreUnavailableError } from '../../../src/errors.js'
import type { Command } from '../../../src/store/group-commit.js'
import { createSqlite, SETTINGS } from '../../../src/store/sqlite/create-sqlite.js'
import { EngineThread } from '../../../src/store/sqlite/thread.js'
import { Trial, texts } from '../../../src/testing/conformance/trial.js'
import { Child } from './support/child.js'
import { temporaryFile } from './support/temporary-file.js'
import { locateThread, threadOf, WatchedThread } from './support/watched-thread.js'

const ROOT = join(import.meta.dirname, '../../..')

it('runs on a thread of its own, and says nothing about it', async () => {
  expect(EngineThread.locate()).toHaveProperty('file')
  const session = await createSqlite({ ...SETTINGS, path: temporaryFile() }).open()
  expect(session.note).toBeUndefined()
  await session.close()
})

it('holds up the event loop for no commit', async () => {
  await Trial.run(
    async () => createSqlite({ ...SETTINGS, path: temporaryFile() }),
    async trial => {
      const receiver = await trial.spawn('orders')
      let isDone = false
      const all = Promise.all(
        Array.from({ length: 5_000 }, () => trial.post(receiver, 'x'.repeat(1_000))),
      ).finally(() => {
        isDone = true
      })
      let turns = 0
      while (!isDone) {
        await new Promise(resolve => setImmediate(resolve))
        turns++
      }
      await all
      // On the calling thread there is one turn for each batch, and five of them.
      expect(turns).toBeGreaterThan(20)
    },
  )
})

it('a thread that dies fails what is under way; another one goes on, under the same epochs', async () => {
  const path = temporaryFile()
  const thread = new WatchedThread()
  const host = new EngineThread(path, thread.file)
  await host.open({ path, now: 0, isReopened: false })
  const run = async (command: Command) => (await host.execute([command]))[0]
  const renewal: Command = { name: 'renew', input: { epoch: 1, now: 1, leaseMs: 1_000 } }
  const joined = await run({ name: 'join', input: { node: 'a', now: 0, leaseMs: 1_000 } })
  expect(joined).toEqual({ ok: true, outcome: { epoch: 1 } })

  thread.endsBy('exit')
  const dying = run(renewal)
  await expect(dying).rejects.toThrow(StoreUnavailableError)
  await expect(dying).rejects.toMatchObject({ cause: { message: expect.stringContaining('code 7') } })

  expect(await run(renewal)).toEqual({ ok: true, outcome: true })
  await host.close()
})

it('an error of input or output ends the thread: what it believes of the file may not be true', async () => {
  const faulty = threadOf(`
    parentPort.on('message', ({ type }) => parentPort.postMessage(
      type === 'batch'
        ? { type: 'results', results: [{ ok: false, fault: { fault: 'io', detail: 'thread ' + threadId } }], bytes: new ArrayBuffer(0) }
        : { type: 'done' }))`)
  const path = temporaryFile()
  const host = new EngineThread(path, faulty)
  await host.open({ path, now: 0, isReopened: false })
  const threads = new Set<unknown>()
  for (let command = 0; command < 2; command++) {
    const [result] = await host.execute([{ name: 'countDue', input: { now: 0 } }])
    expect(result).toMatchObject({ ok: false, error: { code: 'store_unavailable', retryable: true } })
    if (result?.ok === false) threads.add((result.error.cause as Error).message)
  }
  expect(threads.size).toBe(2)
  await host.close()
})

it('takes its name away while the lock is still its own, and says what became of closing', async () => {
  const path = temporaryFile()
  const watchful = threadOf(`
    const { existsSync } = await import('node:fs')
    parentPort.on('message', ({ type }) => parentPort.postMessage(
      type === 'close'
        ? { type: 'failed', fault: { fault: 'other', detail: 'named: ' + existsSync(${JSON.stringify(`${path}.owner`)}) } }
        : { type: 'done' }))`)
  const host = new EngineThread(path, watchful)
  await host.open({ path, now: 0, isReopened: false })
  writeFileSync(`${path}.owner`, '{}')
  await expect(host.close()).rejects.toMatchObject({ cause: { message: 'named: false' } })
})

it('refuses a command that is not plain data, and carries out the others of its batch', async () => {
  const path = temporaryFile()
  const host = new EngineThread(path, locateThread())
  await host.open({ path, now: 0, isReopened: false })
  const count: Command = { name: 'countDue', input: { now: 0 } }
  const odd = (what: unknown) => ({ name: 'countDue', input: { now: 0, what } }) as Command
  const results = await host.execute([
    odd(() => true),
    count,
    odd([Symbol('x')]),
    count,
    odd({ deep: () => 1 }),
  ])
  expect(results.map(({ ok }) => ok)).toEqual([false, true, false, true, false])
  expect(results[0]).toMatchObject({ error: { code: 'invalid_options', retryable: false } })
  await host.close()
})

it('goes on, and keeps no process alive, after a batch that cannot be read', async () => {
  const path = temporaryFile()
  const child = new Child(`
    const session = await sqlite({ path: ${JSON.stringify(path)} }).open()
    const odd = { now: 0, get more() { throw new Error('not to be read') } }
    const all = await Promise.allSettled([session.countDue(odd), session.countDue({ now: 0 })])
    for (const { reason } of all) print(reason.message)
    print(await session.countDue({ now: 0 }))
    await session.countDue(odd).catch(error => print(error.message))`)
  expect(await child.exited).toBe(0)
  expect(child.lines).toEqual(['not to be read', 'not to be read', '0', 'not to be read'])
})

it('neither an open store nor an idle one keeps a process alive, and a command under way does', async () => {
  const path = temporaryFile()
  const child = new Child(`
    const session = await sqlite({ path: ${JSON.stringify(path)} }).open()
    session.join({ node: 'a', now: 0, leaseMs: 1 }).then(() => print('joined'))`)
  expect(await child.exited).toBe(0)
  expect(child.lines).toEqual(['joined'])
})

it('bodies come back as they were, in memory of their own', async () => {
  for (const thread of ['own', 'calling'] as const) {
    await Trial.run(
      async () => createSqlite({ ...SETTINGS, path: temporaryFile(), thread }),
      async trial => {
        const receiver = await trial.spawn('orders')
        const pool = Buffer.allocUnsafe(64 * 1024)
        const small = pool.subarray(8, 24).fill(7)
        const large = new Uint8Array(1024 * 1024).map((_, index) => (index * 31) % 256)
        const bodies = [small, large, new Uint8Array(), large.subarray(5, 5_005)]
        await Promise.all(bodies.map(body => trial.post(receiver, '', { body })))
        expect(small.every(byte => byte === 7)).toBe(true)
        const back = await trial.take(receiver)
        expect(back).toHaveLength(bodies.length)
        for (const [index, { body }] of back.entries()) {
          expect(Buffer.compare(body, bodies[index] ?? new Uint8Array())).toBe(0)
          expect(body.buffer.byteLength).toBe(body.length)
        }
      },
    )
  }
})

it('hands out no more than fits into one answer, and asks to look again for the rest', async () => {
  await Trial.run(
    async () => createSqlite({ ...SETTINGS, path: temporaryFile() }),
    async trial => {
      const receiver = await trial.spawn('orders')
      const body = new Uint8Array(3 * 1024 * 1024)
      for (let count = 0; count < 4; count++) await trial.post(receiver, '', { body })
      const first = await trial.claim(receiver)
      expect(first.callbacks).toHaveLength(2)
      expect(first.lookAgainAt).toBe(trial.now)
      expect(await trial.take(receiver)).toHaveLength(2)
      await trial.post(receiver, '', { body: new Uint8Array(20 * 1024 * 1024) })
      expect(await trial.take(receiver)).toHaveLength(1)
    },
  )
})

it('hands out no more in one batch, however many claims are in it, and the rest to those who look again', async () => {
  await Trial.run(
    async () => createSqlite({ ...SETTINGS, path: temporaryFile() }),
    async trial => {
      const receivers = await Promise.all(
        Array.from({ length: 6 }, (_, index) => trial.spawn(`orders/${index}`)),
      )
      const body = new Uint8Array(2 * 1024 * 1024)
      for (const receiver of receivers) {
        for (let count = 0; count < 3; count++) await trial.post(receiver, '', { body })
      }
      for (const ordered of [false, true]) {
        const handed = await Promise.all(receivers.map(receiver => trial.claim(receiver, { ordered })))
        const counts = handed.map(({ callbacks, ungrouped }) => callbacks.length + ungrouped.length)
        expect(counts).toEqual([3, 1, 0, 0, 0, 0])
        expect(handed.map(({ lookAgainAt }) => lookAgainAt)).toEqual([undefined, ...Array(5).fill(trial.now)])
        const claims = handed.flatMap(({ callbacks }) => callbacks.map(callback => trial.toClaim(callback)))
        await Promise.all(
          claims.map(claim => trial.session.release({ claim, now: trial.now, as: 'uncounted' })),
        )
      }
      let rest = 0
      for (let look = 0; look < 5; look++) {
        const handed = await Promise.all(receivers.map(receiver => trial.take(receiver)))
        rest += handed.flat().length
      }
      expect(rest).toBe(18)
    },
  )
})

it('without the file of the thread the engine runs on the calling thread, and a note says so', async () => {
  const cache = join(ROOT, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'bundled-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await build({
    entry: { bundle: join(ROOT, 'src/store/sqlite/sqlite.ts') },
    outDir: folder,
    format: 'esm',
    splitting: false,
    external: ['libsql'],
    config: false,
    silent: true,
    clean: false,
    dts: false,
  })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const path = temporaryFile()
  const { sqlite } = (await import(
    join(folder, 'bundle.js')
  )) as typeof import('../../../src/store/sqlite/sqlite.js')
  await Trial.run(
    async () => {
      const store = sqlite({ path })
      return {
        ...store,
        open: async () => {
          const session = await store.open()
          expect(session.note).toContain('on the main thread')
          return session
        },
      }
    },
    async trial => {
      const receiver = await trial.spawn('orders')
      await trial.fill(receiver, 'a')
      expect(texts(await trial.take(receiver))).toEqual(['a'])
    },
  )
})
