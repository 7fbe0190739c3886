import { existsSync, statSync } from 'node:fs'
import { expect, it } from 'vitest'
import { createSqlite, SETTINGS } from '../../../src/store/sqlite/create-sqlite.js'
import { loadDriver } from '../../../src/store/sqlite/driver.js'
import { Trial } from '../../../src/testing/conformance/trial.js'
import { temporaryFile } from './support/temporary-file.js'

const COUNT = 100_000
const RECEIVERS = 20

/** What the counters of the mailboxes should say, from the callbacks themselves. */
async function recount(path: string): Promise<unknown[]> {
  const connection = (await loadDriver()).open(path)
  const wrong = connection
    .prepare(`
      select * from mailboxes m
       where unread <> (select count(*) from callbacks c
                         where c.receiver = m.receiver and state in ('ready', 'delayed', 'queued', 'claimed'))
          or failed <> (select count(*) from callbacks c where c.receiver = m.receiver and state = 'failed')`)
    .all()
  connection.close()
  return wrong
}

it(`${COUNT} callbacks come and go, each once, and the counters are right`, {
  timeout: 300_000,
}, async () => {
  const path = temporaryFile()
  const seen = new Set<string>()
  let largestLog = 0
  await Trial.run(
    async () => createSqlite({ ...SETTINGS, path }),
    async trial => {
      const receivers = await Promise.all(
        Array.from({ length: RECEIVERS }, (_, index) => trial.spawn(`orders/${index}`)),
      )
      for (let sent = 0; sent < COUNT; sent += 5_000) {
        const posts = Array.from({ length: 5_000 }, (_, index) => {
          const receiver = receivers[(sent + index) % RECEIVERS]
          if (receiver === undefined) throw new Error('no receiver')
          return trial.post(receiver, `${sent + index}`)
        })
        for (const { type } of await Promise.all(posts)) expect(type).toBe('accepted')
        if (existsSync(`${path}-wal`)) largestLog = Math.max(largestLog, statSync(`${path}-wal`).size)
      }
      for (const [index, receiver] of receivers.entries()) {
        for (;;) {
          const taken = [...(await trial.take(receiver, { limit: 500 }))]
          if (taken.length === 0) break
          for (const { id } of taken) {
            expect(seen.has(id)).toBe(false)
            seen.add(id)
          }
          // Some of one receiver stay in hands, and some of another are set aside.
          if (index === 0) taken.splice(0, 100)
          if (index === 1) await Promise.all(taken.splice(0, 50).map(callback => trial.giveUp(callback)))
          const claims = taken.map(callback => trial.toClaim(callback))
          const { done } = await trial.session.acknowledge({ claims, now: trial.now })
          expect(done.every(Boolean)).toBe(true)
        }
      }
    },
  )
  expect(seen.size).toBe(COUNT)
  expect(await recount(path)).toEqual([])
  // The log is folded back into the file again and again: it does not grow with what was written.
  expect(largestLog).toBeLessThan(32 * 1024 * 1024)
})
