import { expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { openTestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'

// The bug: at start, everything that was ever opened is read back into memory, or looked at one by one. A restart with a
// million receivers takes minutes, in which every sender is turned away.

it('open receivers cost nothing at start: only the store is opened', async () => {
  const store = memoryStore()
  const first = await openTestServer({ store })
  const receivers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => first.server.spawn(`open/${n}`)),
  )
  await first.server.close()
  const asked: string[] = []
  const watched = withCommands(store, session => {
    const record =
      <I, O>(name: string, command: (input: I) => Promise<O>) =>
      (input: I) => {
        asked.push(name)
        return command(input)
      }
    return {
      join: record('join', input => session.join(input)),
      takeOver: record('takeOver', input => session.takeOver(input)),
      sweep: record('sweep', input => session.sweep(input)),
      findReceiver: record('findReceiver', input => session.findReceiver(input)),
      listReceivers: record('listReceivers', input => session.listReceivers(input)),
      claim: record('claim', input => session.claim(input)),
      claimDeliveries: record('claimDeliveries', input => session.claimDeliveries(input)),
      news: record('news', input => session.news(input)),
    }
  })

  await using bench = await openTestServer({ store: watched })
  await bench.clock.settle()

  expect(asked).toEqual(['join', 'takeOver', 'claimDeliveries'])
  expect((await bench.post(receivers[500]?.url ?? '')).status).toBe(202)
})
