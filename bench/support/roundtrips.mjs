// Round trips, one after the other on each of so many lanes, for a while.

import { Histogram } from './statistics.mjs'

const TOGETHER = 64

/** @typedef {{ perSecond: number, p50: number, p99: number, done: number }} RoundTripsResult */
/** @typedef {{ id: string, item: string }} Order */
/** @typedef {{ id: string, status: string, amount: number }} Receipt */

/**
 * What is asked of the process that makes the round trips: many at a time, then one at a time.
 *
 * @param {(order: Order) => Promise<Receipt>} place one round trip
 * @param {{ warmupMs: number, measuredMs: number }} task
 */
export function toAbilities(place, task) {
  return {
    together: () => run(place, 'together', TOGETHER, task),
    alone: () => run(place, 'alone', 1, task),
  }
}

/**
 * @param {(order: Order) => Promise<Receipt>} place
 * @param {string} name
 * @param {number} lanes
 * @param {{ warmupMs: number, measuredMs: number }} task
 * @returns {Promise<RoundTripsResult>}
 */
async function run(place, name, lanes, { warmupMs, measuredMs }) {
  const durations = new Histogram()
  const startAt = performance.now() + warmupMs
  const endAt = startAt + measuredMs
  let done = 0
  let measured = 0
  const work = async (/** @type {number} */ lane) => {
    for (let n = 0; performance.now() < endAt; n += 1) {
      const id = `${name}-${lane}-${n}`
      const sentAt = performance.now()
      check(id, await place({ id, item: 'book' }))
      const now = performance.now()
      done += 1
      if (now < startAt || now >= endAt) continue
      measured += 1
      durations.add(now - sentAt)
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)))
  return {
    perSecond: (measured / measuredMs) * 1000,
    p50: durations.quantile(0.5),
    p99: durations.quantile(0.99),
    done,
  }
}

/** The step: what it costs. @param {Order} order */
export const price = ({ item }) => ({ amount: item.length * 300 })

/**
 * @param {string} id
 * @param {Receipt} receipt
 */
function check(id, receipt) {
  if (receipt.id === id && receipt.status === 'paid' && receipt.amount === 1200) return
  throw new Error(`order ${id} came back as ${JSON.stringify(receipt)}`)
}
