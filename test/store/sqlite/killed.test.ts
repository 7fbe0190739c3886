import { expect, it } from 'vitest'
import { sqlite } from '../../../src/store/sqlite/sqlite.js'
import { Trial } from '../../../src/testing/conformance/trial.js'
import { Child } from './support/child.js'
import { temporaryFile } from './support/temporary-file.js'

// What would be wrong without it: a sender has read `2xx`, the process is killed, and the callback is not there.

/** Writes callbacks in groups as fast as it can, and prints the id of each that was accepted; also claims some. */
function writer(path: string, round: number): Child {
  return new Child(`
    const session = await sqlite({ path: ${JSON.stringify(path)} }).open()
    const now = Date.now()
    const { epoch } = await session.join({ node: 'writer', now, leaseMs: 1e12 })
    const id = 'rcv_' + '${round}'
    const { receiver } = await session.spawn({ id, token: id, key: 'orders', now, patch: {}, reopen: false })
    let count = 0
    async function write() {
      for (;;) {
        const callbackId = 'cb_${round}_' + String(count++).padStart(6, '0')
        const outcome = await session.accept({
          callbackId, receiverId: receiver.id, now, method: 'POST', path: '', query: '', headers: '[]',
          body: new TextEncoder().encode(callbackId.repeat(count % 50)), dedupeUntil: now + 1e9, content: 'good',
          capacity: 1e9, deliveryId: callbackId,
        })
        if (outcome.type === 'accepted') print(callbackId)
        if (count % 100 === 0) await session.claim({ receiverId: receiver.id, epoch, limit: 5, now, ordered: false })
      }
    }
    for (let writers = 0; writers < 20; writers++) void write()`)
}

it('what a killed process was told is stored is there, round after round', { timeout: 60_000 }, async () => {
  const path = temporaryFile()
  const told = new Set<string>()
  for (let round = 0; round < 4; round++) {
    const child = writer(path, round)
    await child.printed(200 + 137 * round)
    await child.kill()
    for (const line of child.lines) told.add(line)
  }
  expect([...told].filter(line => !line.startsWith('cb_'))).toEqual([])

  await Trial.run(
    async () => sqlite({ path }),
    async trial => {
      const receiver = await trial.spawn('orders')
      const held = await trial.takeOver()
      expect(held.callbacks).toBeGreaterThan(0)
      const listed = await trial.close(receiver)
      const stored = new Set(listed.map(({ id }) => id))
      expect([...told].filter(id => !stored.has(id))).toEqual([])
      expect(listed.map(({ seq }) => seq)).toEqual(listed.map((_, index) => index + 1))
      expect(await trial.unreadOf(receiver)).toBe(listed.length)
      const wrong = listed.filter(({ id, body }) => body.length % id.length !== 0)
      expect(wrong).toEqual([])
    },
  )
})

it('what was in the hands of a killed process comes back, with one crash each, and is set aside after the last', async () => {
  const path = temporaryFile()
  await Trial.run(
    async () => sqlite({ path }),
    async trial => {
      await trial.fill(await trial.spawn('orders'), 'deadly')
      await trial.leave()
    },
  )
  for (let crash = 1; crash <= 3; crash++) {
    const child = new Child(`
      const session = await sqlite({ path: ${JSON.stringify(path)} }).open()
      const now = Date.now()
      const { epoch } = await session.join({ node: 'reader', now, leaseMs: 1e12 })
      await session.takeOver({ now, maxCrashes: 3, limit: 100 })
      const [orders] = await session.listReceivers({ now, limit: 1 })
      const { callbacks } = await session.claim({ receiverId: orders.id, epoch, limit: 1, now, ordered: false })
      print(callbacks.map(({ attempt }) => attempt).join())
      setInterval(() => session, 60_000)`)
    expect(await child.printed(1)).toEqual([`${crash}`])
    await child.kill()
  }
  await Trial.run(
    async () => sqlite({ path }),
    async trial => {
      const receiver = await trial.spawn('orders')
      expect(await trial.takeOver({ maxCrashes: 3 })).toMatchObject({ callbacks: 1 })
      expect(await trial.take(receiver)).toEqual([])
      expect(await trial.failedOf(receiver)).toEqual(['deadly'])
    },
  )
})
