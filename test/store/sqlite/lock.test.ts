import { existsSync, linkSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { StoreInUseError } from '../../../src/errors.js'
import { createSqlite, SETTINGS } from '../../../src/store/sqlite/create-sqlite.js'
import { sqlite } from '../../../src/store/sqlite/sqlite.js'
import { ManualClock } from '../../../src/testing/manual-clock.js'
import { Child } from './support/child.js'
import { temporaryFile } from './support/temporary-file.js'

// What would be wrong without it: two processes hand out the same callbacks, or a file stays locked after a crash.

const IMPATIENT = { ...SETTINGS, waitMs: 0 }

function holderOf(path: string): Child {
  return new Child(`
    const session = await sqlite({ path: ${JSON.stringify(path)} }).open()
    print('open')
    setInterval(() => session, 60_000)`)
}

describe.each(['own', 'calling'] as const)('a second opener, on the %s thread', thread => {
  it('is refused within the same process, and is told so', async () => {
    const path = temporaryFile()
    const first = await createSqlite({ ...SETTINGS, path, thread }).open()
    const error: unknown = await createSqlite({ ...IMPATIENT, path, thread })
      .open()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(StoreInUseError)
    expect((error as Error).message).toContain(`this very process (${process.pid})`)
    // It has harmed nobody: the first still works, and still has the file.
    await first.join({ node: 'a', now: 0, leaseMs: 1 })
    await expect(createSqlite({ ...IMPATIENT, path, thread }).open()).rejects.toThrow(StoreInUseError)
    await first.close()
    await (await createSqlite({ ...IMPATIENT, path, thread }).open()).close()
  })

  it('is told which process has the file', async () => {
    const path = temporaryFile()
    const holder = holderOf(path)
    expect(await holder.printed(1)).toEqual(['open'])
    const opening = createSqlite({ ...IMPATIENT, path, thread }).open()
    await expect(opening).rejects.toMatchObject({ code: 'store_in_use', retryable: true })
    await expect(opening).rejects.toThrow(new RegExp(`process ${holder.pid} on .*, since \\d{4}-`))
    await holder.kill()
    await (await createSqlite({ ...IMPATIENT, path, thread }).open()).close()
  })
})

it('the lock is that of the operating system: a file that names an owner holds nobody back', async () => {
  const path = temporaryFile()
  writeFileSync(`${path}.owner`, JSON.stringify({ pid: 1, host: 'elsewhere', since: 'yesterday' }))
  const session = await createSqlite({ ...IMPATIENT, path }).open()
  await session.close()
  expect(existsSync(`${path}.owner`)).toBe(false)
})

it('the lock is that of the operating system: without the file that names the owner it holds all the same', async () => {
  const path = temporaryFile()
  const session = await sqlite({ path }).open()
  for (const left of [undefined, 'half a na', '{}']) {
    if (left === undefined) rmSync(`${path}.owner`)
    else writeFileSync(`${path}.owner`, left)
    const opening = createSqlite({ ...IMPATIENT, path }).open()
    await expect(opening).rejects.toThrow('another process, which left no name')
  }
  await session.close()
})

it('the lock holds for the file, under whatever name it is opened', async () => {
  const path = temporaryFile()
  const session = await sqlite({ path }).open()
  linkSync(path, `${path}-too`)
  await expect(createSqlite({ ...IMPATIENT, path: `${path}-too` }).open()).rejects.toThrow(StoreInUseError)
  await session.close()
})

it('a second opener waits 15 seconds for the owner to leave', async () => {
  const path = temporaryFile()
  const clock = new ManualClock()
  const first = await sqlite({ path }).open()
  let settled = false
  const opening = createSqlite({ ...SETTINGS, clock, path, thread: 'calling' })
    .open()
    .finally(() => {
      settled = true
    })
  opening.catch(() => {})
  await nextTimer(clock)
  while (clock.monotonic() < 15_000) {
    expect(settled).toBe(false)
    await clock.advance(100)
    if (clock.monotonic() < 15_000) await nextTimer(clock)
  }
  await expect(opening).rejects.toThrow(StoreInUseError)
  await first.close()
})

it('a second opener opens as soon as the owner has left', async () => {
  const path = temporaryFile()
  const clock = new ManualClock()
  const first = await sqlite({ path }).open()
  const opening = createSqlite({ ...SETTINGS, clock, path, thread: 'calling' }).open()
  await nextTimer(clock)
  await clock.advance(100)
  await nextTimer(clock)
  await first.close()
  await clock.advance(100)
  const second = await opening
  await second.close()
})

/** Until whoever waits has set its next timer. */
async function nextTimer(clock: ManualClock): Promise<void> {
  while (clock.timers === 0) await new Promise(resolve => setImmediate(resolve))
}
