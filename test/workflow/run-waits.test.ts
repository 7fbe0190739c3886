import { expect, it } from 'vitest'
import { InvalidOptionsError, StoreUnavailableError } from '../../src/errors.js'
import { encodeValue } from '../../src/model/value.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { StoreSession } from '../../src/store/store.js'
import { Watch } from '../../src/store/watch.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { RunWaits } from '../../src/workflow/run-waits.js'
import { around } from './bench.js'

const run = { runId: 'run_1', workflow: 'w', key: 'k' }

async function openWaits(change: (session: StoreSession) => StoreSession = session => session) {
  const clock = new ManualClock()
  const opened = await memoryStore().open()
  const { epoch } = await opened.join({ node: 'n', now: clock.now(), leaseMs: 1e12 })
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const watch = new Watch({ session: opened, clock, pollMs: 1_000, onError })
  const waits = new RunWaits({ session: change(opened), watch, clock, onError })
  const now = clock.now()
  const bytes = encodeValue('done', 'It')
  return {
    clock,
    errors,
    waits,
    start: () => opened.startRun({ ...run, input: bytes, dueAt: now, now }),
    async end() {
      const { claimed } = await opened.claimRuns({ epoch, now, limit: 1, workflows: { w: 1 } })
      const claim = { runId: run.runId, epoch, fence: claimed[0]?.fence ?? 0 }
      await opened.endRun({ claim, now, end: { status: 'done', result: { type: 'value', bytes } } })
    },
  }
}

it('a wait that ended holds no subscription and no timer', async () => {
  const { clock, waits, start, end } = await openWaits()
  await start()
  const result = waits.result(run, { timeout: '1h' })
  const given = waits.result(run, {})
  const late = waits.result(run, { timeout: '5s' })
  await clock.advance('10s')
  await expect(late).rejects.toThrow('the result of run w/k')
  given.cancel()
  expect(clock.timers).toBe(2)
  await end()
  expect(await result).toBe('done')
  expect(clock.timers).toBe(0)
})

it('a store that cannot be reached ends no wait', async () => {
  let failures = 0
  const { clock, waits, start, end, errors } = await openWaits(session =>
    around(session, (name, command) => {
      if (name !== 'findRun' || ++failures > 3) return command()
      return Promise.reject(new StoreUnavailableError('gone'))
    }),
  )
  await start()
  await end()
  const result = waits.result(run, {})
  await clock.advance('5s')
  expect(await result).toBe('done')
  expect(errors).toHaveLength(3)
  expect(clock.timers).toBe(0)
})

it('a run that is not kept any more is an error that says so', async () => {
  const { waits, clock } = await openWaits()
  await expect(waits.result(run, {})).rejects.toThrow(InvalidOptionsError)
  expect(clock.timers).toBe(0)
})
