import { expect, it } from 'vitest'
import { Trial } from '../../../src/testing/conformance/trial.js'
import { OwnSchema } from './support/own-schema.js'
import { recordIn } from './support/recording.js'
import { storeIn } from './support/schema.js'
import { allSettled } from './support/settled.js'

// What would be wrong without it: whoever reads a log to its end while a transaction that began earlier is still open goes on
// from behind what that one will have written, and never sees it.

const own = new OwnSchema()

it('a log never passes a transaction that is open: what that one writes comes before what was committed later', async () => {
  await Trial.run(
    async () => storeIn(own.schema),
    async trial => {
      const ids = [await trial.queue('endpoint:app'), await trial.queue('endpoint:app')]
      const { claimed } = await trial.claimDeliveries({ lanes: { 'endpoint:app': 2 } })
      const [first, second] = claimed
      if (first === undefined || second === undefined) return expect.unreachable()
      const next = { status: 'dead', reason: 'rejected' } as const
      const read = async () => {
        const page = { limit: 10, lane: 'endpoint:app' } as const
        const attempts = await trial.session.readAttempts(page)
        const deaths = await trial.session.readDead(page)
        return [attempts.map(({ deliveryId }) => deliveryId), deaths.map(({ delivery }) => delivery.id)]
      }

      await recordIn(trial, first, { next, session: own.held.session(own.schema) })
      await recordIn(trial, second, { next })
      expect(await read()).toEqual([[], []])
      await own.held.commit()
      await allSettled()
      expect(await read()).toEqual([ids, ids])
    },
  )
})

it('what is read to its end and then goes on misses nothing and repeats nothing', async () => {
  await Trial.run(
    async () => storeIn(own.schema),
    async trial => {
      const seen: string[] = []
      const sent: string[] = []
      let after: string | undefined
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 5; n++) sent.push(await trial.queue('endpoint:app'))
        const { claimed } = await trial.claimDeliveries({ lanes: { 'endpoint:app': 5 } })
        await Promise.all(
          claimed.map(delivery => recordIn(trial, delivery, { next: { status: 'delivered' } })),
        )
        await allSettled()
        for (let more = true; more; ) {
          const page = await trial.session.readAttempts({
            limit: 2,
            ...(after === undefined ? {} : { after }),
          })
          seen.push(...page.map(({ deliveryId }) => deliveryId))
          after = page.at(-1)?.cursor ?? after
          more = page.length > 0
        }
        expect(seen).toEqual(sent)
      }
    },
  )
})
