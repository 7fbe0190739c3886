// Callbacks of every kind, each waited for until it has been handled, on two nodes of one Postgres.

import { CallbackServer } from 'longline'
import { postgres } from 'longline/postgres'
import pg from 'pg'

const NODES = 2
const TEXT = 'x'.repeat(400)

/** Where the others go, in turn. @type {Record<string, import('longline').ReceiverOptions<unknown>>} */
const RECEIVERS = {
  plain: {},
  known: {},
  answered: { respond: () => ({ status: 200, body: 'thank you' }) },
  retried: {},
  ordered: {},
  stepping: {},
}
const KEYS = Object.keys(RECEIVERS)

/**
 * @typedef {object} Pace
 * @property {number} retentionMs of everything
 * @property {number} sweepMs
 * @property {number} concurrency of each receiver on each node
 * @property {number} keylessEvery of so many callbacks one goes to a receiver without a key, which is closed when it has been read
 */

export class Traffic {
  #pools
  #servers
  /** Whoever waits until a callback has been handled. @type {Map<number, () => void>} */
  #passing = new Map()
  #keylessEvery
  /** @type {Map<string, string>} */
  #urls = new Map()

  /** @param {pg.Pool[]} pools @param {CallbackServer[]} servers @param {Pace} pace */
  constructor(pools, servers, { keylessEvery }) {
    this.#keylessEvery = keylessEvery
    this.#pools = pools
    this.#servers = servers
  }

  /** @param {string} url @param {string} schema @param {Pace} pace */
  static async open(url, schema, pace) {
    const pools = Array.from({ length: NODES }, () => new pg.Pool({ connectionString: url, max: 5 }))
    const servers = []
    for (const pool of pools) servers.push(await openServer(pool, schema, pace))
    const traffic = new Traffic(pools, servers, pace)
    for (const server of servers) await traffic.#consume(server, pace)
    return traffic
  }

  /** Resolves when the callback has been handled. @param {number} n */
  async pass(n) {
    const server = this.#servers[n % NODES]
    if (server === undefined) throw new Error('the nodes are closed')
    if (n % this.#keylessEvery === 0) return await passKeyless(server, n)
    const key = KEYS[n % KEYS.length] ?? ''
    const handled = new Promise(resolve => this.#passing.set(n, () => resolve(undefined)))
    await post(server, this.#urls.get(key) ?? '', n, key === 'known' ? { 'webhook-id': `n${n}` } : {})
    await handled
  }

  /** Takes in no more, and lets go of what it holds. */
  async close() {
    for (const server of this.#servers) await server.close()
    for (const pool of this.#pools) await pool.end()
  }

  /** @param {CallbackServer} server @param {Pace} pace */
  async #consume(server, { retentionMs, concurrency }) {
    for (const [key, options] of Object.entries(RECEIVERS)) {
      const receiver = await server.spawn(key, { ...options, dedupeWindow: retentionMs })
      this.#urls.set(key, receiver.url)
      const retry = { attempts: 3, delay: 10 }
      const orderBy = key === 'ordered' ? { orderBy: toGroup } : {}
      receiver.consume({ concurrency, retry, ...orderBy }, async callback => {
        const { n } = /** @type {{ n: number }} */ (callback.data)
        if (key === 'retried' && n % 5 === 0 && callback.attempt === 1) throw new Error('not yet')
        if (key === 'stepping') await callback.step('count', () => n)
        this.#passing.get(n)?.()
        this.#passing.delete(n)
      })
    }
  }
}

/** @param {import('longline').Received<unknown>} callback */
function toGroup({ data }) {
  return String(/** @type {{ n: number }} */ (data).n % 100)
}

/** @param {pg.Pool} pool @param {string} schema @param {Pace} pace */
async function openServer(pool, schema, { retentionMs, sweepMs }) {
  const store = postgres({ pool, schema })
  return await CallbackServer.open({
    publicUrl: 'http://127.0.0.1',
    retention: { callbacks: retentionMs },
    logger: { debug() {}, info() {}, warn() {}, error: console.error },
    store: {
      ...store,
      open: async () => {
        const session = await store.open()
        return {
          ...session,
          // Nobody dies here, and on a busy machine nobody is to be taken for dead.
          pace: { pollMs: 1_000, leaseMs: 300_000, renewMs: 5_000, sweepMs },
          // How long keyless receivers are remembered is nobody's to choose, and 30 days.
          sweep: input => session.sweep({ ...input, keylessMs: retentionMs }),
        }
      },
    },
  })
}

/** @param {CallbackServer} server @param {number} n */
async function passKeyless(server, n) {
  const receiver = await server.spawn()
  await post(server, receiver.url, n)
  const callback = await receiver.next()
  await callback.ack()
  await receiver.close()
}

/**
 * @param {CallbackServer} server @param {string} url @param {number} n
 * @param {Record<string, string>} [headers]
 */
async function post(server, url, n, headers = {}) {
  const answer = await server.fetch(
    new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ n, text: TEXT }),
    }),
  )
  if (!answer.ok) throw new Error(`a sender was answered ${answer.status}`)
}
