import assert from 'node:assert/strict'
import { NOTHING_SWEPT } from './sweeps.js'
import { type Area, HOUR, LEASE } from './trial.js'

/** What a sweep tells of receivers that ended by themselves. */
export const telling: Area = {
  title: 'ends that nobody asked for',
  cases: [
    {
      title: 'tells once of each receiver that expired, and of what was left unread in it',
      async run(trial) {
        const full = await trial.spawn('full', { ttlMs: HOUR })
        const empty = await trial.spawn('empty', { ttlMs: HOUR })
        await trial.spawn('open', { ttlMs: HOUR + 1 })
        await trial.fill(full, 'a', 'b')
        await trial.takeOne(full)
        trial.pass(HOUR)
        const { ended } = await trial.sweep()
        assert.deepEqual(
          byId(ended),
          byId([
            { receiverId: full.id, key: 'full', unread: 2 },
            { receiverId: empty.id, key: 'empty', unread: 0 },
          ]),
        )
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        await trial.restart()
        assert.equal((await trial.find(full.token)).state, 'expired')
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'tells of a receiver that expired also when it was spawned again or closed before the sweep',
      async run(trial) {
        const spawned = await trial.spawn('spawned', { ttlMs: HOUR })
        const closed = await trial.spawn('closed', { ttlMs: HOUR })
        for (const receiver of [spawned, closed]) await trial.fill(receiver, 'a')
        trial.pass(HOUR)
        await trial.spawn('spawned', { ttlMs: 2 * HOUR })
        await trial.close(closed)
        const { ended } = await trial.sweep()
        assert.deepEqual(
          byId(ended),
          byId([
            { receiverId: spawned.id, key: 'spawned', unread: 1 },
            { receiverId: closed.id, key: 'closed', unread: 1 },
          ]),
        )
      },
    },
    {
      title:
        'says nothing of a receiver that was closed by a call, or reopened before anybody noticed that it expired',
      async run(trial) {
        const closed = await trial.spawn('closed', { ttlMs: HOUR })
        const reopened = await trial.spawn('reopened', { ttlMs: HOUR })
        await trial.fill(reopened, 'a')
        await trial.close(closed)
        trial.pass(HOUR)
        await trial.spawn('reopened', {}, { reopen: true })
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        trial.pass(HOUR)
        assert.deepEqual((await trial.sweep()).ended, [
          { receiverId: reopened.id, key: 'reopened', unread: 1 },
        ])
      },
    },
    {
      title: 'tells of each end again when a receiver was reopened in between',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: HOUR })
        for (let round = 0; round < 3; round += 1) {
          trial.pass(HOUR)
          assert.deepEqual((await trial.sweep()).ended, [
            { receiverId: receiver.id, key: 'orders', unread: 0 },
          ])
          await trial.spawn('orders', {}, { reopen: true })
        }
      },
    },
    {
      title: 'closes keyless receivers whose node is lost, and tells what was left unread in them',
      async run(trial) {
        const epoch = await trial.join()
        const receiver = await trial.spawn(undefined, {}, { epoch })
        const mine = await trial.spawn(undefined, {}, { epoch: trial.epoch })
        await trial.fill(receiver, 'a')
        trial.pass(LEASE)
        await trial.noticeLosses()
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: receiver.id, unread: 1 }])
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.equal((await trial.find(mine.token)).state, 'open')
      },
    },
    {
      title: 'says nothing more of keyless receivers whose node left and was told',
      async run(trial) {
        const epoch = await trial.join()
        const receiver = await trial.spawn(undefined, {}, { epoch })
        await trial.fill(receiver, 'a')
        await trial.leave(epoch)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
  ],
}

function byId<T extends { readonly receiverId: string }>(told: readonly T[]): readonly T[] {
  return [...told].sort((a, b) => (a.receiverId < b.receiverId ? -1 : 1))
}
