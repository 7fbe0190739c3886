// kill -9 under load: senders post numbered callbacks and repeat what was not answered, the server is killed at random
// instants and started again, and in the end what senders were told is compared with what the handlers got.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * @typedef {object} Report
 * @property {number} kills how often the server was killed
 * @property {number} sent callbacks that senders began to send
 * @property {number} acknowledged those for which a sender read a `2xx`
 * @property {number} unanswered requests that died with the server and were repeated
 * @property {number} handled callbacks that reached a handler, repeats not counted
 * @property {number} repeated hand-outs beyond the first
 * @property {number[]} lost acknowledged, and never handled
 * @property {string[]} doubled numbers that became two callbacks
 * @property {string[]} outOfOrder first hand-outs that did not follow `seq`
 */

/**
 * @param {{ kills: number, seed: number, senders?: number, onKill?: (kills: number) => void }} options
 * @returns {Promise<Report>}
 */
export async function torture({ kills, seed, senders = 32, onKill = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), 'longline-torture-'))
  const results = join(folder, 'results.log')
  writeFileSync(results, '')
  const random = randomFrom(seed)
  const port = await freePort()
  const start = () => startServer(join(folder, 'store.db'), port, results)

  try {
    let victim = await start()
    const load = post(victim.urls, senders)
    for (let kill = 1; kill <= kills; kill++) {
      await pause(20 + random() * 400)
      await victim.kill()
      onKill(kill)
      victim = await start()
    }
    await pause(200)
    const told = await load.stop()
    await victim.drain()
    await victim.kill()
    return { kills, ...told, ...compare(told.numbers, readFileSync(results, 'utf8')) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {Set<number>} acknowledged @param {string} log */
function compare(acknowledged, log) {
  const lines = log.split('\n').slice(0, -1)
  /** @type {Map<string, string>} */
  const places = new Map()
  /** @type {Map<string, number>} */
  const highest = new Map()
  const doubled = []
  const outOfOrder = []
  for (const line of lines) {
    const [key = '', seq = '', , number = ''] = line.split(' ')
    const known = places.get(number)
    if (known !== undefined) {
      if (known !== `${key} ${seq}`) doubled.push(`${number}: ${known} and ${key} ${seq}`)
      continue
    }
    places.set(number, `${key} ${seq}`)
    if (Number(seq) <= (highest.get(key) ?? 0)) outOfOrder.push(`${key}: ${seq} after ${highest.get(key)}`)
    highest.set(key, Math.max(Number(seq), highest.get(key) ?? 0))
  }
  const lost = [...acknowledged].filter(number => !places.has(String(number)))
  return { handled: places.size, repeated: lines.length - places.size, lost, doubled, outOfOrder }
}

/** @param {string[]} urls @param {number} senders */
function post(urls, senders) {
  const agent = new Agent({ keepAlive: true, maxSockets: senders })
  /** @type {Set<number>} */
  const numbers = new Set()
  let sent = 0
  let unanswered = 0
  let stopping = false

  const sender = async () => {
    while (!stopping) {
      const number = ++sent
      const url = urls[number % urls.length] ?? ''
      while (!(await postOnce(agent, url, number))) {
        unanswered++
        await pause(5)
      }
      numbers.add(number)
    }
  }
  const running = Promise.all(Array.from({ length: senders }, sender))
  return {
    async stop() {
      stopping = true
      await running
      agent.destroy()
      return { sent, acknowledged: numbers.size, unanswered, numbers }
    },
  }
}

/** @param {Agent} agent @param {string} url @param {number} number @returns {Promise<boolean>} */
function postOnce(agent, url, number) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'POST', agent, headers: { 'webhook-id': `n${number}` } },
      answer => {
        answer.resume()
        // Once the headers are here the sender has its 2xx, whatever happens to the connection.
        if (answer.statusCode === 202) resolve(true)
        else if (answer.statusCode === 503) resolve(false)
        else reject(new Error(`a sender was answered ${answer.statusCode}`))
      },
    )
    outgoing.on('error', () => resolve(false))
    outgoing.end(String(number))
  })
}

/** @param {string} store @param {number} port @param {string} results */
async function startServer(store, port, results) {
  const child = fork(new URL('./server.mjs', import.meta.url), [store, String(port), results])
  const exited = new Promise(resolve => child.once('exit', resolve))
  /** @returns {Promise<any>} */
  const message = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve)
      exited.then(code => reject(new Error(`the server ended by itself, with code ${code}`)), reject)
    })
  const urls = await message()
  return {
    urls,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async drain() {
      const drained = message()
      child.send('drain')
      await drained
    },
  }
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** The same numbers for the same seed (mulberry32). @param {number} seed */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
