// npm run demo
//
// Starts an app and a broker as processes of their own, kills the broker three times in the middle of its work, and
// counts. The exit code is 0 exactly when nothing was lost.
//
//   D1. The counts come from the two ends: what the app was answered, and what the broker wrote down.
//   D2. The broker is killed only while it has orders in its hands.
//   D3. A process that ends when it should not, or a demo that does not get to its end, fails loudly.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { styleText } from 'node:util'
import { toVerdict } from './verdict.mjs'

/** @import { FromApp, FromBroker, FromMain } from './protocol.mjs' */
/** @import { ChildProcess } from 'node:child_process' */

/** @typedef {{ process: ChildProcess, begun: Set<string>, done: Set<string> }} Child */

const orderCount = 200
const killAfter = [40, 100, 160]
const patienceMs = 60_000

const startedAt = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'longline-demo-'))

/** @type {Set<Child>} */
const children = new Set()

/** @type {Record<'sent' | 'repeated' | 'answered' | 'accepted', Set<string>>} What the app has told. */
const orders = { sent: new Set(), repeated: new Set(), answered: new Set(), accepted: new Set() }

const fails = new AbortController()
/** Rejects when the demo is over before its end. @type {Promise<never>} */
const failed = new Promise((_, reject) =>
  fails.signal.addEventListener('abort', () => reject(fails.signal.reason)),
)
failed.catch(() => {})
process.once('SIGINT', () => fails.abort(new Error('interrupted')))

try {
  explain()
  process.exitCode = await Promise.race([run(), failed])
} catch (error) {
  console.error(
    `\n${paint('red', 'The demo itself failed:')} ${error instanceof Error ? error.message : error}`,
  )
  process.exitCode = 1
} finally {
  for (const child of children) child.process.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

/** @returns {Promise<0 | 1>} */
async function run() {
  const port = await findPort()
  const app = start('app.mjs', String(orderCount))
  const appUrl = await ready(app)

  let broker = start('broker.mjs', folder, String(port), appUrl)
  const url = await ready(broker)
  say('started', 'the broker opens one URL for all orders')
  post(app, { type: 'start', url })

  for (const threshold of killAfter) {
    await until(() => countBegun(broker) >= threshold)
    const killedAt = performance.now()
    const inHand = await kill(broker)
    say('kill -9', `${readReceived().size} orders are done, ${inHand} were in its hands`, 'yellow')

    broker = start('broker.mjs', folder, String(port), appUrl)
    if ((await ready(broker)) !== url) throw new Error('the broker came back with another URL')
    say('started', `again, ${seconds(killedAt)} later: same file, same URL, and it goes on`)
  }

  const finished = await until(isFinished, patienceMs).then(
    () => true,
    () => false,
  )
  await Promise.all([stop(broker), stop(app)])
  say('stopped', finished ? 'everything is done' : `waited ${patienceMs / 1_000} s for the rest, in vain`)
  return conclude()
}

function isFinished() {
  if (orders.answered.size < orderCount) return false
  const received = readReceived()
  return received.size >= orderCount && [...received.keys()].every(order => orders.accepted.has(order))
}

function conclude() {
  const { rows, sentence, exitCode } = toVerdict({ ...orders, received: readReceived() })
  console.log()
  for (const { name, count, note } of rows) {
    const line = `  ${name.padEnd(28)}${String(count).padStart(5)}`
    console.log(
      `${name === 'lost' ? paint(count === 0 ? 'green' : 'red', line) : line}${note ? paint('dim', `   ${note}`) : ''}`,
    )
  }
  console.log(`\n${paint(exitCode === 0 ? 'green' : 'red', sentence)}`)
  if (exitCode === 0) {
    console.log(
      [
        'An order is on disk before it is answered with 202, so a crash cannot lose it. What the broker had in its',
        'hands when it died came to it again, so some orders were written down twice: at least once is the promise,',
        'and every order carries an id by which a handler can tell.',
      ].join('\n'),
    )
  }
  console.log(paint('dim', `Took ${seconds(startedAt)}.`))
  return exitCode
}

function explain() {
  console.log(
    [
      paint('bold', `longline demo: ${killAfter.length} crashes, ${orderCount} orders, none lost`),
      '',
      `An app posts ${orderCount} orders to a broker, several at the same moment. The broker works on each for a moment,`,
      'writes it into a file, and calls the app back to say that it accepts. While it works we kill it, three',
      'times, without a warning (kill -9), and start it again. The app only does what every sender of webhooks',
      'does: what was not answered it sends again, with the same id.',
      '',
    ].join('\n'),
  )
}

// ── processes ──

/**
 * @param {string} file
 * @param {...string} parameters
 * @returns {Child}
 */
function start(file, ...parameters) {
  const child = {
    process: fork(new URL(file, import.meta.url), parameters, {
      env: { ...process.env, NODE_ENV: 'development' }, // so that messages may go to this very machine
    }),
    begun: new Set(),
    done: new Set(),
  }
  children.add(child)
  child.process.on('message', message => hear(child, /** @type {FromApp | FromBroker} */ (message)))
  child.process.on('exit', (code, signal) => {
    if (children.delete(child))
      fails.abort(new Error(`${file} ended by itself (${signal ?? `exit code ${code}`})`))
  })
  return child
}

/**
 * @param {Child} child
 * @param {FromApp | FromBroker} message
 */
function hear(child, message) {
  if (message.type === 'ready') return
  if (message.type === 'began') child.begun.add(message.order)
  else if (message.type === 'done') child.done.add(message.order)
  else orders[message.type].add(message.order)
  showProgress()
}

/**
 * The URL of a child, once it is there.
 *
 * @param {Child} child
 * @returns {Promise<string>}
 */
async function ready(child) {
  const signal = AbortSignal.any([fails.signal, AbortSignal.timeout(patienceMs)])
  const [message] = await once(child.process, 'message', { signal })
  if (message.type !== 'ready') throw new Error(`a child said '${message.type}' before it was ready`)
  return message.url
}

/**
 * Kills the broker, and says how many orders it had in its hands.
 *
 * @param {Child} broker
 */
async function kill(broker) {
  children.delete(broker)
  broker.process.kill('SIGKILL')
  await once(broker.process, 'exit')
  const inHand = broker.begun.size - broker.done.size
  if (inHand === 0) throw new Error('the broker was killed while it had nothing to do, which shows nothing')
  return inHand
}

/** @param {Child} child */
async function stop(child) {
  children.delete(child)
  post(child, { type: 'stop' })
  const [code, signal] = await once(child.process, 'exit', { signal: AbortSignal.timeout(patienceMs) })
  if (code !== 0) throw new Error(`a child did not stop in good order (${signal ?? `exit code ${code}`})`)
}

/**
 * @param {Child} child
 * @param {FromMain} message
 */
function post(child, message) {
  child.process.send(message)
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

/** @param {Child} broker */
function countBegun(broker) {
  return new Set([...readReceived().keys(), ...broker.begun]).size
}

/** How often each order was written down. */
function readReceived() {
  /** @type {Map<string, number>} */
  const received = new Map()
  for (const { order } of readLines()) received.set(order, (received.get(order) ?? 0) + 1)
  return received
}

/** @returns {{ order: string }[]} */
function readLines() {
  const file = join(folder, 'received.jsonl')
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line))
}

/**
 * @param {() => boolean} condition
 * @param {number} [ms]
 */
async function until(condition, ms = patienceMs) {
  const giveUpAt = performance.now() + ms
  while (!condition()) {
    if (fails.signal.aborted) throw fails.signal.reason
    if (performance.now() > giveUpAt) throw new Error(`nothing came of it within ${ms / 1_000} s`)
    await delay(10)
  }
}

// ── words ──

/**
 * @param {string} what
 * @param {string} words
 * @param {'yellow' | 'cyan'} [colour]
 */
function say(what, words, colour = 'cyan') {
  clearProgress()
  console.log(`  ${paint(colour, what.padEnd(9))}${words}`)
}

function showProgress() {
  if (!process.stdout.isTTY) return
  const width = 40
  const filled = Math.round((orders.accepted.size / orderCount) * width)
  process.stdout.write(
    `\r  ${'━'.repeat(filled)}${paint('dim', '━'.repeat(width - filled))} ${orders.accepted.size} of ${orderCount} orders accepted`,
  )
}

function clearProgress() {
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[2K')
}

/** @param {number} since */
function seconds(since) {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`
}

/**
 * @param {'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'} style
 * @param {string} text
 */
function paint(style, text) {
  return process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text
}
