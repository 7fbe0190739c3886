// Do ninety-nine healthy endpoints notice that the hundredth is dead?

import { join } from 'node:path'
import { Child } from './support/child.mjs'
import { toMilliseconds, toRange, toTimes } from './support/result.mjs'
import { median, toRatios } from './support/statistics.mjs'

const PER_SECOND = 300
const WARMUP_MS = 2_000
const AT_MOST = 1.2

/** @typedef {import('./support/child.mjs').Spread} Spread */

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function isolation({ rounds, seconds, folder, progress }) {
  /** @type {{ healthy: Spread, dead: Spread }[]} */
  const results = []
  for (let round = 1; round <= rounds; round += 1) {
    progress(`isolation, round ${round} of ${rounds}`)
    const sender = await Child.start('servers/isolated.mjs', {
      store: join(folder, `isolation-${round}.db`),
      perSecond: PER_SECOND,
      warmupMs: WARMUP_MS,
      measuredMs: seconds * 1000,
    })
    await sender.ask('healthy') // what comes first pays for the start, and would flatter what comes after it
    const healthy = await sender.ask('healthy')
    const dead = await sender.ask('dead')
    await sender.stop()
    results.push({ healthy, dead })
  }

  /** @param {(spread: Spread) => number} pick */
  const row = pick => {
    const [healthy, dead] = [results.map(each => pick(each.healthy)), results.map(each => pick(each.dead))]
    const ratios = toRatios(dead, healthy)
    return { healthy, dead, ratios }
  }
  const [p50, p99] = [row(each => each.p50), row(each => each.p99)]
  return {
    title: `isolation: ${PER_SECOND} messages/s to 100 endpoints, until 99 of them have theirs, ${seconds} s a round`,
    head: ['', 'all healthy', 'one dead', 'dead ÷ healthy', 'min – max'],
    rows: [toCells('p50', p50), toCells('p99', p99)],
    targets: [
      {
        what: `p99 of the 99 with one dead ÷ without, at most ${toTimes(AT_MOST)}`,
        reached: `${toTimes(median(p99.ratios))} (${toRange(p99.ratios, toTimes)})`,
        isMet: median(p99.ratios) <= AT_MOST,
      },
    ],
    notes: ['the dead one takes every connection and never answers; it gets its share of the messages'],
  }
}

/**
 * @param {string} name
 * @param {{ healthy: number[], dead: number[], ratios: number[] }} figures
 */
const toCells = (name, { healthy, dead, ratios }) => [
  name,
  toMilliseconds(median(healthy)),
  toMilliseconds(median(dead)),
  toTimes(median(ratios)),
  toRange(ratios, toTimes),
]
