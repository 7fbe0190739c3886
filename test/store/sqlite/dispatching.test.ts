import { expect, it } from 'vitest'
import { sqlite } from '../../../src/store/sqlite/sqlite.js'
import { MINUTE, SECOND, Trial } from '../../../src/testing/conformance/trial.js'
import { temporaryFile } from './support/temporary-file.js'

const ORIGINS = 200

/** Nobody tells the store the names of these lanes, so it has to find what is due in them. */
function run(story: (trial: Trial) => Promise<void>): Promise<void> {
  return Trial.run(async () => sqlite({ path: temporaryFile() }), story)
}

it('hundreds of written-out URLs whose messages are past their deadline hide none that is due', async () => {
  await run(async trial => {
    const overdue = { dueAt: trial.now, deadlineAt: trial.now + SECOND }
    await Promise.all(
      Array.from({ length: ORIGINS }, (_, index) =>
        trial.queue(`origin:https://dead-${index}.example`, overdue),
      ),
    )
    trial.pass(MINUTE)
    const live = await trial.queue('origin:https://live.example')
    await trial.queue('origin:https://later.example', { dueAt: trial.now + 5 * SECOND })

    const { claimed, nextDueAt } = await trial.claimDeliveries({ limit: 10, originRoom: 1 })
    expect(claimed.map(({ delivery }) => delivery.id)).toEqual([live])
    expect(nextDueAt).toBe(trial.now + 5 * SECOND)
  })
})

it('hundreds of written-out URLs that have no room hide none that has', async () => {
  await run(async trial => {
    const lanes: Record<`origin:${string}`, number> = {}
    for (let index = 0; index < ORIGINS; index++) {
      const lane = `origin:https://busy-${index}.example` as const
      lanes[lane] = 1
      await trial.queue(lane)
    }
    trial.pass(SECOND)
    const free = await trial.queue('origin:https://free.example')
    const { claimed, nextDueAt } = await trial.claimDeliveries({ limit: 1, lanes, originRoom: 1 })
    expect(claimed.map(({ delivery }) => delivery.id)).toEqual([free])
    expect(nextDueAt).toBeUndefined()
  })
})

it('when a limit leaves some behind, the next claim begins with the lanes that were left', async () => {
  await run(async trial => {
    const lane = (index: number) => `origin:https://shop-${index}.example` as const
    for (let index = 0; index < ORIGINS; index++) {
      await trial.queue(lane(index), { dueAt: trial.now + index })
      await trial.queue(lane(index), { dueAt: trial.now + index })
    }
    trial.pass(SECOND)
    const seen: string[] = []
    for (;;) {
      const { claimed, nextDueAt } = await trial.claimDeliveries({ limit: 30, originRoom: 100 })
      seen.push(...claimed.map(({ delivery }) => delivery.id))
      if (nextDueAt === undefined) break
      expect(nextDueAt).toBeLessThanOrEqual(trial.now)
      expect(claimed).toHaveLength(30)
    }
    expect(new Set(seen).size).toBe(2 * ORIGINS)
    expect(seen).toHaveLength(2 * ORIGINS)
  })
})
