import { describe, expect, it } from 'vitest'
import { type CallbackServer, InvalidOptionsError } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { openTestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'

// The bug: a list with a mistake in its options is made without a word, and fails where it is read: elsewhere, later, or never.

type List = (server: CallbackServer, options: never) => unknown

const workflow = (server: CallbackServer) => server.workflow('work', async () => undefined)

const lists: Readonly<Record<string, List>> = {
  'deliveries.list': ({ deliveries }, options) => deliveries.list(options),
  'deliveries.attempts': ({ deliveries }, options) => deliveries.attempts(options),
  'deliveries.dead': ({ deliveries }, options) => deliveries.dead(options),
  'subscriptions.list': ({ subscriptions }, options) => subscriptions.list(options),
  receivers: (server, options) => server.receivers(options),
  runs: (server, options) => workflow(server).runs(options),
}

const reads = [
  ...['listDeliveries', 'readAttempts', 'readDead'],
  ...['listSubscriptions', 'listReceivers', 'listRuns'],
]

describe('a list', () => {
  it.each<readonly [string, object, string]>([
    ['deliveries.list', { since: 'nonsense' }, 'since must be a Date'],
    ['deliveries.list', { after: 7 }, 'after must be the cursor of a delivery'],
    ['deliveries.list', { newest: 'yes' }, 'newest must be true or false'],
    ['deliveries.attempts', { deliveryId: 7 }, 'deliveryId must be a text'],
    ['deliveries.attempts', { page: 2 }, "attempts has no option 'page'"],
    ['deliveries.dead', { follow: 'yes' }, 'follow must be true or false'],
    ['deliveries.dead', { topic: undefined }, 'topic of dead is undefined'],
    ['subscriptions.list', { topic: '*.x' }, 'topic'],
    ['subscriptions.list', { id: 'shop' }, "list of subscriptions has no option 'id'"],
    ['receivers', { state: 'read' }, 'state must be one of open, closed, expired'],
    ['receivers', { key: 7 }, 'The key of a receiver must be a text'],
    ['receivers', { match: 'x' }, "The filter has no option 'match'"],
    ['runs', { status: 'over' }, 'status must be one of'],
  ])('%s is refused where it is made: %o', async (name, options, message) => {
    await using bench = await openTestServer()
    const call = () => lists[name]?.(bench.server, options as never)
    expect(call).toThrow(InvalidOptionsError)
    expect(call).toThrow(message)
  })

  it('a stream of callbacks, too', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('orders')
    expect(() => receiver.stream({ idle: 'soon' as never })).toThrow('idle is')
  })

  it('asks the store for nothing before it is read', async () => {
    const asked: string[] = []
    const store = withCommands(memoryStore(), () =>
      Object.fromEntries(
        reads.map(name => [
          name,
          async () => {
            asked.push(name)
            return []
          },
        ]),
      ),
    )
    await using bench = await openTestServer({ store })
    for (const list of Object.values(lists)) list(bench.server, {} as never)
    expect(asked).toEqual([])
  })
})
