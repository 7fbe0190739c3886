import { expect, it } from 'vitest'
import { enterRun } from '../../../src/testing/conformance/entered-run.js'
import { DAY } from '../../../src/testing/conformance/trial.js'
import { beginExchange } from './support/exchange.js'
import { OwnSchema } from './support/own-schema.js'

// What would be wrong without it: two batches that touch the same rows in different orders wait for one another, until the
// database ends one of them; and what one lets go of is found by another.

const own = new OwnSchema()
const { onStore } = own

it(
  'the end of a scope waits for its deliveries in the order of everybody, and holds none that comes later',
  onStore(async trial => {
    const scope = await enterRun(trial)
    const [later, earlier] = ['dlv_2', 'dlv_1']
    await scope.send('notify', { deliveryId: later })
    await scope.send('tell', { deliveryId: earlier })
    const client = await own.held.connect()
    const lock = (id: string, how = '') =>
      client.query(`select from ${own.schema}.deliveries where id = $1 for update ${how}`, [id])
    await lock(earlier)
    const ended = scope.end()
    await own.held.isWaitedFor(ended)
    await expect(lock(later, 'nowait')).resolves.toBeDefined()
    await own.held.commit()
    expect(await ended).toBe(true)
  }),
)

it(
  'an exchange that a sweep is letting go of is not found by its key, but begun anew',
  onStore(async trial => {
    const first = await beginExchange(trial)
    await trial.close(first.receiver)
    trial.pass(DAY)
    const day = {
      callbacksMs: DAY,
      messagesMs: DAY,
      bodiesMs: DAY,
      failingMs: 1e15,
      keylessMs: DAY,
      runsMs: DAY,
    }
    await own.held.session(own.schema).sweep({ now: trial.now, ...day, limit: 10 })
    const again = beginExchange(trial)
    await own.held.isWaitedFor(again)
    await own.held.commit()
    const { created, receiver } = await again
    expect([created, (await trial.find(receiver.token)).state]).toEqual([true, 'open'])
  }),
)
