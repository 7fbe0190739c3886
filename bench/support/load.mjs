// The load generator: keep-alive connections that post again as soon as they are answered, in a process of its own.

import { setTimeout as delay } from 'node:timers/promises'
import { answerRunner, readTask } from './child.mjs'
import { Connection } from './connection.mjs'
import { PreparedRequest } from './requests.mjs'
import { Histogram } from './statistics.mjs'

/**
 * @typedef {object} LoadTask
 * @property {number} port
 * @property {readonly string[]} paths connections take them in turn
 * @property {number} connections
 * @property {number} warmupMs
 * @property {number} measuredMs
 * @property {boolean} withId a `webhook-id` of its own for each request
 * @property {Readonly<Record<string, string>>} [headers] the same for all requests
 */
/**
 * @typedef {object} LoadResult
 * @property {number} perSecond
 * @property {number} p50
 * @property {number} p99
 * @property {number} accepted requests answered 202, the warm-up included
 * @property {number} refused requests answered otherwise
 * @property {number} ownCpu how much of a core the generator itself used
 */

/** @type {LoadTask} */
const task = readTask()

answerRunner({}, { load })

/** @returns {Promise<LoadResult>} */
async function load() {
  const durations = new Histogram()
  let accepted = 0
  let refused = 0
  let counting = false
  let stopping = false
  let underWay = 0
  /** @type {(value?: undefined) => void} */
  let allAnswered = () => undefined
  const settled = new Promise(resolve => {
    allAnswered = resolve
  })
  /** @type {(error: Error) => void} */
  let lost = () => undefined
  const failure = new Promise((_, reject) => {
    lost = reject
  })

  /** @param {number} index */
  const openOne = async index => {
    const path = task.paths[index % task.paths.length] ?? '/'
    const prefix = `msg_${String(index).padStart(4, '0')}`
    const request = new PreparedRequest(path, {
      port: task.port,
      ...(task.headers === undefined ? {} : { headers: task.headers }),
      ...(task.withId ? { idPrefix: prefix } : {}),
    })
    let sentAt = 0
    const send = () => {
      sentAt = performance.now()
      connection.send(request.next())
    }
    const connection = await Connection.open(task.port, {
      onLost: error => lost(error),
      onAnswer: status => {
        if (status === 202) accepted += 1
        else refused += 1
        if (counting) durations.add(performance.now() - sentAt)
        if (!stopping) send()
        else if (--underWay === 0) allAnswered()
      },
    })
    return { connection, send }
  }
  const opened = await Promise.all(Array.from({ length: task.connections }, (_, index) => openOne(index)))

  underWay = opened.length
  for (const { send } of opened) send()
  await Promise.race([delay(task.warmupMs), failure])

  counting = true
  const before = accepted
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await Promise.race([delay(task.measuredMs), failure])
  const seconds = (performance.now() - startedAt) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  const measured = accepted - before
  counting = false

  stopping = true
  await Promise.race([settled, failure])
  for (const { connection } of opened) connection.close()
  return {
    perSecond: measured / seconds,
    p50: durations.quantile(0.5),
    p99: durations.quantile(0.99),
    accepted,
    refused,
    ownCpu: (cpu.user + cpu.system) / 1e6 / seconds,
  }
}
