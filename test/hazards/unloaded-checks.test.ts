import { describe, expect, it } from 'vitest'
import { type CallbackServer, VerificationError } from '../../src/index.js'
import { openNode, type TestNode } from '../store/postgres/support/nodes.js'
import { newSchema } from '../store/postgres/support/schema.js'
import { type Life, Lives, places } from '../support/lives.js'

// The bug: a check is code, and after a restart, or on another node, the code is not there yet. What comes meanwhile is let in
// unchecked, or is turned away for good.

type Begun = Pick<Life, 'server' | 'post' | 'logged'>

/** Each call is a new process on the same store, and the end of the one before. */
const restarts: readonly (readonly [name: string, place: () => () => Promise<Begun>])[] = [
  ...places.map(([name, place]) => {
    const begin = () => {
      const lives = new Lives(place)
      return () => lives.begin()
    }
    return [name, begin] as const
  }),
  [
    'postgres',
    () => {
      const schema = newSchema()
      let before: TestNode | undefined
      return async () => {
        await before?.server.close({ grace: 0 })
        before = await openNode(schema)
        return before
      }
    },
  ],
]

const verify = ({ headers }: { headers: Headers }) => headers.get('signature') === 'ours'
const handshake = ({ query }: { query: URLSearchParams }) => {
  if (query.get('token') === 'ours') return { body: 'yes' }
  if (query.has('token')) throw new VerificationError('another token')
  return undefined
}

/** What is read by a signed request, by one that is not, by whoever asks as it should, and by anybody who asks. */
async function answers({ server, post }: Begun, url: string): Promise<number[]> {
  const ask = async (token: string) => (await server.fetch(new Request(`${url}?token=${token}`))).status
  return [
    (await post(url, {}, { signature: 'ours' })).status,
    (await post(url)).status,
    await ask('ours'),
    await ask('theirs'),
  ]
}

const CHECKED = [202, 401, 200, 401]
const ASKED_TO_WAIT = [503, 503, 503, 503]

describe.each(restarts)('in %s', (_, place) => {
  it('a receiver of a source is checked from the moment the source is declared, though nobody spawns it again', async () => {
    const begin = place()
    const first = await begin()
    const declare = ({ server }: Begun) => server.source('shop', { verify, handshake })
    const { url } = await first.server.spawn('orders', { from: declare(first) })
    expect(await answers(first, url)).toEqual(CHECKED)

    const second = await begin()
    expect(await answers(second, url)).toEqual(ASKED_TO_WAIT)
    expect(second.logged.filter(({ level }) => level === 'warn')[0]?.facts).toMatchObject({
      key: 'orders',
      source: 'shop',
    })
    declare(second)
    expect(await answers(second, url)).toEqual(CHECKED)
    expect((await second.server.spawn('orders').then(orders => orders.close())).length).toBe(2)
  })

  it('a receiver that brought its checks itself asks its senders to wait until that spawn has run again', async () => {
    const begin = place()
    const spawn = ({ server }: Begun) => server.spawn('orders', { verify, handshake })
    const first = await begin()
    const { url } = await spawn(first)
    expect(await answers(first, url)).toEqual(CHECKED)

    const second = await begin()
    expect(await answers(second, url)).toEqual(ASKED_TO_WAIT)
    await second.server.spawn('orders', { verify })
    expect(await answers(second, url)).toEqual(ASKED_TO_WAIT) // it had a handshake, too
    await spawn(second)
    expect(await answers(second, url)).toEqual(CHECKED)
    expect((await second.server.spawn('orders').then(orders => orders.close())).length).toBe(2)
  })
})

describe('on two nodes of one Postgres', () => {
  it('each checks from the moment at which it declares the source, also for a receiver that only the other has spawned', async () => {
    const schema = newSchema()
    const [here, there] = [await openNode(schema), await openNode(schema)]
    const declare = (server: CallbackServer) => server.source('shop', { verify, handshake })
    const { url } = await here.server.spawn('orders', { from: declare(here.server) })
    expect(await answers(there, url)).toEqual(ASKED_TO_WAIT)
    declare(there.server)
    expect(await answers(there, url)).toEqual(CHECKED)
    expect(await answers(here, url)).toEqual(CHECKED)
  })

  it('a parked run of the one is woken by a callback that the other has checked', async () => {
    const schema = newSchema()
    const [here, there] = [await openNode(schema, { parkAfter: 10 }), await openNode(schema, { work: false })]
    let url = ''
    const declare = (server: CallbackServer) => {
      const partner = server.source<{ n: number }>('partner', { verify, handshake })
      return server.workflow('order', async run => {
        const replies = await run.spawn('replies', { from: partner })
        url = replies.url
        return (await replies.next({ timeout: '30d' })).data
      })
    }
    const handle = await declare(here.server).start('1')
    await expect.poll(async () => (await handle.status()).status, { timeout: 10_000 }).toBe('parked')
    expect(await answers(there, url)).toEqual(ASKED_TO_WAIT)
    declare(there.server)
    expect((await there.post(url, { n: 1 })).status).toBe(401)
    expect((await there.server.fetch(new Request(`${url}?token=ours`))).status).toBe(200)
    expect((await handle.status()).status).toBe('parked')
    expect((await there.post(url, { n: 2 }, { signature: 'ours' })).status).toBe(202)
    expect(await handle.result({ timeout: '10s' })).toEqual({ n: 2 })
  })
})
