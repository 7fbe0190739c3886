// npm run demo
// npm run demo -- --postgres
//
// Starts an app, a partner and a broker as processes of their own, kills the broker in the middle of its work, again and
// again, and counts. The exit code is 0 exactly when no promise was broken. With --postgres there are three brokers behind a
// load balancer, on a Postgres of their own, and they are killed in turn.
//
//   D1. The counts come from outside of longline: what the app and the partner saw, and the ledger.
//   D2. The broker is killed only while it has orders in its hands.
//   D3. A process that ends when it should not, or a demo that does not get to its end, fails loudly.

import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startPostgres } from '../../scripts/postgres.mjs'
import { startBalancer } from './balancer.mjs'
import { Processes } from './processes.mjs'
import { toVerdict } from './verdict.mjs'
import { paint, say, seconds, showProgress } from './words.mjs'

/** Somebody has seen enough. */
class Interrupted extends Error {
  /** @param {number} exitCode */
  constructor(exitCode) {
    super('interrupted')
    this.exitCode = exitCode
  }
}

/** @import { ChildProcess } from 'node:child_process' */
/** @import { Booking } from '../order-broker.mjs' */
/** @import { BrokerSettings, Call, Left, Message, Seen } from './protocol.mjs' */

const orderCount = 120
const killAfter = [25, 60, 95]
const patienceMs = 60_000
const isCluster = process.argv.includes('--postgres')

const startedAt = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'longline-demo-'))
const ledger = join(folder, 'ledger.jsonl')

/** @type {Set<string>} */
const placed = new Set()
/** @type {Map<string, number>} */
const taken = new Map()
/** @type {Seen[]} */
const seen = []
/** By party and order. @type {Map<string, Call>} */
const calls = new Map()
/** @type {Left | undefined} */
let left

const theBroker = isCluster ? 'three brokers open' : 'the broker opens'
/** What else has to go. @type {(() => unknown)[]} */
const atEnd = []
const processes = new Processes(hear)
/** What a shell expects of a program that such a signal has ended. @type {Readonly<Record<string, number>>} */
const exitCodes = { SIGINT: 130, SIGTERM: 143 }
for (const [signal, exitCode] of Object.entries(exitCodes)) {
  process.once(signal, () => processes.fail(new Interrupted(exitCode)))
}
/** @type {Promise<never>} */
const failed = new Promise((_, reject) =>
  processes.signal.addEventListener('abort', () => reject(processes.signal.reason)),
)
failed.catch(() => {})

try {
  explain()
  process.exitCode = await Promise.race([run(), failed])
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = leave(error)
  else process.exitCode = fail(error)
} finally {
  processes.endAll()
  for (const end of atEnd) await end()
  rmSync(folder, { recursive: true, force: true })
}

/** @param {Interrupted} interrupted */
function leave({ exitCode }) {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[2K') // the bar
  console.log('Stopped before its end: all of its processes are gone, and nothing was left behind.')
  return exitCode
}

/** @param {unknown} error */
function fail(error) {
  console.error(
    `\n${paint('red', 'The demo itself failed:')} ${error instanceof Error ? error.message : error}`,
  )
  return 1
}

/** @returns {Promise<0 | 1>} */
async function run() {
  const app = processes.start('app.mjs', String(orderCount))
  const partner = processes.start('partner.mjs')
  const [appUrl, partnerUrl] = await Promise.all([processes.ready(app), processes.ready(partner)])

  const places = await findPlaces()
  const settings = places.map(place => ({ app: appUrl, partner: partnerUrl, ledger, ...place }))
  const brokers = settings.map(startBroker)
  const urls = new Set(await Promise.all(brokers.map(broker => processes.ready(broker))))
  if (urls.size !== 1) throw new Error('the brokers do not agree on their URL')
  say('started', `${theBroker} one URL for the orders of its region, and the app begins to post to it`)

  for (const [turn, threshold] of killAfter.entries()) {
    await until(() => countEnded() >= threshold)
    const which = turn % brokers.length
    const killedAt = performance.now()
    const inHand = await kill(brokers[which])
    say(
      'kill -9',
      `${countEnded()} orders have ended, ${inHand} were in ${isCluster ? 'their' : 'its'} hands`,
      'yellow',
    )

    brokers[which] = startBroker(settings[which])
    if (!urls.has(await processes.ready(brokers[which])))
      throw new Error('the broker came back with another URL')
    say(
      'started',
      `again, ${seconds(killedAt)} later: same ${isCluster ? 'database' : 'file'}, same URL, and it goes on`,
    )
  }

  const finished = await until(isFinished).then(
    () => true,
    () => false,
  )
  for (const broker of brokers) await processes.stop(broker)
  await Promise.all([processes.stop(app), processes.stop(partner)])
  say('stopped', finished ? 'everything is done' : `waited ${patienceMs / 1_000} s for the rest, in vain`)
  return conclude()
}

/**
 * Where brokers listen, and what they have in common.
 *
 * @returns {Promise<readonly { port: number, publicUrl?: string, store: string }[]>}
 */
async function findPlaces() {
  if (!isCluster) return [{ port: await findPort(), store: join(folder, 'broker.db') }]
  const database = await startPostgres()
  atEnd.push(() => database.remove())
  const [port, ...ports] = [await findPort(), await findPort(), await findPort(), await findPort()]
  atEnd.push(startBalancer(port, ports))
  return ports.map(own => ({ port: own, publicUrl: `http://127.0.0.1:${port}`, store: database.url }))
}

/** @param {BrokerSettings | undefined} settings */
function startBroker(settings) {
  return processes.start('broker.mjs', JSON.stringify(settings))
}

/**
 * Kills the broker, and says how many orders it had in its hands.
 *
 * @param {ChildProcess | undefined} broker
 */
async function kill(broker) {
  if (broker === undefined) throw new Error('there is no such broker')
  await processes.kill(broker)
  const inHand = taken.size - countEnded()
  if (inHand <= 0) throw new Error('the broker was killed while it had nothing to do, which shows nothing')
  return inHand
}

function conclude() {
  if (left === undefined) throw new Error('the broker did not say what it has left')
  const tally = { placed, taken, ledger: readLedger(), seen, calls: [...calls.values()], left }
  const { rows, broken, exitCode } = toVerdict(tally)
  console.log()
  for (const { name, count, note, good } of rows) {
    const line = `  ${name.padEnd(28)}${String(count).padStart(5)}`
    const painted = good === undefined ? line : paint(good ? 'green' : 'red', line)
    console.log(note === undefined ? painted : `${painted}${paint('dim', `   ${note}`)}`)
  }
  console.log()
  for (const sentence of broken) console.log(paint('red', `${sentence}.`))
  if (exitCode === 0) {
    console.log(
      paint('green', 'Every order ended once, as it was answered. Nothing was lost, nothing granted twice.'),
    )
    console.log(
      [
        'A request or a step that was under way when the broker died is made again: at least once is the promise. It is',
        'the same message to the byte, and the same step, and carries an id by which the other side can tell.',
      ].join('\n'),
    )
  }
  console.log(paint('dim', `Took ${seconds(startedAt)}.`))
  return exitCode
}

function explain() {
  console.log(
    [
      paint('bold', `longline demo: an order broker, ${orderCount} orders, ${killAfter.length} crashes`),
      '',
      `A delivery app posts ${orderCount} orders to a broker. The broker offers each to a partner, who answers later: yes, no,`,
      'or not at all. What the partner takes, the app has to grant. Each question carries a URL for its answer, and the broker',
      'awaits it (examples/order-broker.mjs). We kill the broker without a warning (kill -9), again and again, and start it',
      'again. App and partner do what everybody does who sends webhooks: what was not taken they send again, under the same id.',
      '',
    ].join('\n'),
  )
}

async function findPort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return address.port
}

// ── counting ──

/** @param {Message} message */
function hear(message) {
  switch (message.type) {
    case 'placed':
      placed.add(message.order)
      break
    case 'taken':
      taken.set(message.order, message.tries)
      break
    case 'seen':
      seen.push(message.seen)
      break
    case 'call':
      calls.set(`${message.call.by}/${message.call.order}`, message.call)
      break
    case 'left':
      left = message.left
  }
}

function isFinished() {
  if (taken.size < orderCount || countEnded() < orderCount) return false
  return [...calls.values()].every(({ status }) => status !== undefined)
}

function countEnded() {
  return new Set(readLedger().map(({ order }) => order)).size
}

/** @returns {Booking[]} */
function readLedger() {
  if (!existsSync(ledger)) return []
  const lines = readFileSync(ledger, 'utf8').split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line))
}

/** @param {() => boolean} condition */
async function until(condition) {
  const giveUpAt = performance.now() + patienceMs
  while (!condition()) {
    if (processes.signal.aborted) throw processes.signal.reason
    if (performance.now() > giveUpAt) throw new Error(`nothing came of it within ${patienceMs / 1_000} s`)
    showProgress(countEnded(), orderCount)
    await delay(25)
  }
}
