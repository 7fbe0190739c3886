import { expect, it } from 'vitest'
import { createSqlite, SETTINGS } from '../../../src/store/sqlite/create-sqlite.js'
import { Trial } from '../../../src/testing/conformance/trial.js'
import { temporaryFile } from './support/temporary-file.js'

// What would be wrong without it: a disk that fills in the middle of a batch stores some of what it refused, or loses
// some of what it answered `2xx` for.

const BODY = 'x'.repeat(3_000)

for (const thread of ['own', 'calling'] as const) {
  it(`a disk that fills in the middle of a batch stores what it accepted and nothing else (${thread} thread)`, async () => {
    const path = temporaryFile()
    const accepted: string[] = []
    const small = createSqlite({ ...SETTINGS, path, thread, maxPages: 200 })
    await Trial.run(
      async () => small,
      async trial => {
        const receiver = await trial.spawn('orders')
        const large = await trial.spawn('large')
        const errors = new Set<unknown>()
        for (let batch = 0; batch < 10; batch++) {
          const sent = Array.from({ length: 40 }, () => trial.request(receiver, BODY))
          const outcomes = await Promise.allSettled(sent.map(request => trial.session.accept(request)))
          for (const [index, outcome] of outcomes.entries()) {
            if (outcome.status === 'rejected') errors.add((outcome.reason as { code: string }).code)
            else if (outcome.value.type === 'accepted') accepted.push(sent[index]?.callbackId ?? '')
          }
        }
        expect(errors).toEqual(new Set(['store_unusable']))
        await expect(trial.post(large, 'x'.repeat(500_000))).rejects.toMatchObject({
          reason: 'full',
          retryable: true,
        })
        expect(accepted.length).toBeGreaterThan(40)
        expect(accepted.length).toBeLessThan(400)
        expect(await trial.unreadOf(receiver)).toBe(accepted.length)
        // What is there can still be read, and what ends work frees nothing but is let through.
        const first = await trial.take(receiver, { limit: 1 })
        expect(first.map(({ id }) => id)).toEqual(accepted.slice(0, 1))
      },
    )

    const roomy = createSqlite({ ...SETTINGS, path, thread })
    await Trial.run(
      async () => roomy,
      async trial => {
        await trial.takeOver()
        const receiver = await trial.spawn('orders')
        expect(await allIds(trial, receiver)).toEqual(accepted)
        expect(await trial.unreadOf(receiver)).toBe(accepted.length)
        expect((await trial.post(receiver, BODY)).type).toBe('accepted')
      },
    )
  })
}

async function allIds(trial: Trial, receiver: Awaited<ReturnType<Trial['spawn']>>): Promise<string[]> {
  const closed = await trial.close(receiver)
  await trial.spawn('orders', {}, { reopen: true })
  return closed.map(({ id }) => id)
}
