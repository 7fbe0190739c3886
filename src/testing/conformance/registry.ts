import assert from 'node:assert/strict'
import type { ReceiverRecord } from '../../model/receiver.js'
import { type Area, DAY, MINUTE, SECOND } from './trial.js'

/** What can be seen of all receivers. */
export const registry: Area = {
  title: 'the registry',
  cases: [
    {
      title: 'lists the registry in pages, in order of id, each receiver once',
      async run(trial) {
        const spawned: string[] = []
        for (let index = 0; index < 7; index += 1) {
          const { id } = await trial.spawn(index % 2 === 0 ? `orders/${index}` : undefined)
          spawned.push(id)
        }
        const listed: string[] = []
        for (let after: string | undefined; ; ) {
          const ask = { now: trial.now, limit: 3, ...(after === undefined ? {} : { after }) }
          const page = await trial.session.listReceivers(ask)
          assert.ok(page.length <= 3)
          if (page.length === 0) break
          listed.push(...page.map(({ id }) => id))
          after = listed.at(-1)
        }
        assert.deepEqual(listed, spawned.sort())
      },
    },
    {
      title: 'lists receivers by key, and by the state that they have now',
      async run(trial) {
        await trial.spawn('open')
        await trial.close(await trial.spawn('closed'))
        await trial.spawn('expired', { ttlMs: MINUTE })
        const lost = await trial.spawn(undefined, {}, { epoch: await trial.join() })
        trial.pass(MINUTE)
        await trial.noticeLosses()
        const keysOf = async (filter: { key?: string; state?: ReceiverRecord['state'] }) => {
          const page = await trial.session.listReceivers({ now: trial.now, limit: 10, ...filter })
          return page.map(({ id, key }) => key ?? id).sort()
        }
        assert.deepEqual(await keysOf({ state: 'open' }), ['open'])
        assert.deepEqual(await keysOf({ state: 'closed' }), ['closed', lost.id].sort())
        assert.deepEqual(await keysOf({ state: 'expired' }), ['expired'])
        assert.deepEqual(await keysOf({ key: 'closed' }), ['closed'])
        assert.deepEqual(await keysOf({ key: 'closed', state: 'open' }), [])
      },
    },
    {
      title: 'lists in pages those in one state, each once, whether or not anybody has noticed their end',
      async run(trial) {
        const [first, second] = [await trial.join(), await trial.join()]
        const spawned: Record<string, string[]> = { open: [], closed: [], expired: [] }
        for (let index = 0; index < 24; index += 1) {
          const kinds = [
            () => trial.spawn(`open/${index}`, { ttlMs: DAY }),
            () => trial.spawn(undefined, {}, { epoch: first }),
            () => trial.spawn(`expired/${index}`, { ttlMs: MINUTE }),
            () => trial.spawn(undefined, { ttlMs: DAY }, { epoch: second }),
            () => trial.spawn(undefined, { ttlMs: SECOND }, { epoch: second }),
            () => trial.spawn(undefined),
          ]
          const { id } = await (kinds[index % 6] ?? assert.fail)()
          spawned[['open', 'closed', 'expired', 'closed', 'expired', 'open'][index % 6] ?? '']?.push(id)
        }
        trial.pass(MINUTE)
        await trial.noticeLosses()
        for (const notice of [false, true]) {
          if (notice) await trial.sweep({ limit: 3 })
          for (const [state, ids] of Object.entries(spawned)) {
            const listed: string[] = []
            for (let after: string | undefined; ; after = listed.at(-1)) {
              const ask = { now: trial.now, limit: 3, state: state as ReceiverRecord['state'] }
              const page = await trial.session.listReceivers(after === undefined ? ask : { ...ask, after })
              listed.push(...page.map(({ id }) => id))
              if (page.length < 3) break
            }
            assert.deepEqual(listed, ids.sort(), state)
          }
        }
      },
    },
    {
      title: 'lists of each receiver what is unread, what has failed, and since when the oldest waits',
      async run(trial) {
        const receiver = await trial.spawn('orders', { capacity: 9 })
        const summaryOf = async () => (await trial.session.listReceivers({ now: trial.now, limit: 10 }))[0]
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 0, failed: 0 })
        const since: number[] = []
        for (const text of ['a', 'b', 'c']) {
          since.push(trial.now)
          await trial.fill(receiver, text)
          trial.pass(MINUTE)
        }
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 3, failed: 0, oldest: since[0] })
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await trial.acknowledge(a)
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 2, failed: 0, oldest: since[1] })
        await trial.giveUp(b)
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 1, failed: 1, oldest: since[2] })
      },
    },
  ],
}
