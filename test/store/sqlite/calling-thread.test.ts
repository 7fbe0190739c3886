import { existsSync } from 'node:fs'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Command, Result } from '../../../src/store/group-commit.js'
import { CallingThread } from '../../../src/store/sqlite/calling-thread.js'
import { Engine } from '../../../src/store/sqlite/engine.js'
import { temporaryFile } from './support/temporary-file.js'

async function openHost() {
  onTestFinished(() => {
    vi.restoreAllMocks()
  })
  const path = temporaryFile()
  const host = new CallingThread(path)
  await host.open({ path, now: 0, isReopened: false })
  const run = async (command: Command): Promise<Result | undefined> => (await host.execute([command]))[0]
  await run({ name: 'join', input: { node: 'a', now: 0, leaseMs: 1_000 } })
  return { path, host, run }
}

it('an error of input or output ends the engine; another one goes on, under the same epochs', async () => {
  const { host, run } = await openHost()
  const closed = vi.spyOn(Engine.prototype, 'close')
  vi.spyOn(Engine.prototype, 'execute').mockReturnValueOnce([
    { ok: false, fault: { fault: 'io', detail: 'disk I/O error' } },
  ])
  const failed = await run({ name: 'countDue', input: { now: 0 } })
  expect(failed).toMatchObject({ ok: false, error: { code: 'store_unavailable' } })
  expect(closed).toHaveBeenCalledOnce()

  const renewed = await run({ name: 'renew', input: { epoch: 1, now: 1, leaseMs: 1_000 } })
  expect(renewed).toEqual({ ok: true, outcome: true })
  await host.close()
  expect(closed).toHaveBeenCalledTimes(2)
})

it('takes its name away while the lock is still its own', async () => {
  const { path, host } = await openHost()
  expect(existsSync(`${path}.owner`)).toBe(true)
  let isNamed: boolean | undefined
  const close = Engine.prototype.close
  vi.spyOn(Engine.prototype, 'close').mockImplementation(function (this: Engine) {
    isNamed = existsSync(`${path}.owner`)
    close.call(this)
  })
  await host.close()
  expect(isNamed).toBe(false)
})
