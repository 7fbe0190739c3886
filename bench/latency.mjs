// How long from sending a POST until `await receiver.next()` goes on?

import { join } from 'node:path'
import { Child } from './support/child.mjs'
import { toMilliseconds, toRange, toTimes } from './support/result.mjs'
import { median, toRatios } from './support/statistics.mjs'

const WARMUP = 1_000
const SAMPLES = 2_000
const AT_MOST_MS = 1

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function latency(settings) {
  /** @type {import('./servers/latency.mjs').Quantiles[]} */
  const bare = []
  /** @type {import('./servers/latency.mjs').Quantiles[]} */
  const toNext = []
  /** @type {import('./servers/latency.mjs').Quantiles[]} */
  const toAnswer = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    settings.progress(`latency, round ${round} of ${settings.rounds}`)
    bare.push((await measure({})).toAnswer)
    const ours = await measure({ file: join(settings.folder, `latency-${round}.db`) })
    toAnswer.push(ours.toAnswer)
    if (ours.toNext !== undefined) toNext.push(ours.toNext)
  }

  /** @param {import('./servers/latency.mjs').Quantiles[]} rounds */
  const p50 = rounds => rounds.map(round => round.p50)
  /** @param {import('./servers/latency.mjs').Quantiles[]} rounds */
  const p99 = rounds => rounds.map(round => round.p99)
  /**
   * @param {string} name
   * @param {import('./servers/latency.mjs').Quantiles[]} rounds
   */
  const toRow = (name, rounds) => [
    name,
    toMilliseconds(median(p50(rounds))),
    toRange(p50(rounds), toMilliseconds),
    toMilliseconds(median(p99(rounds))),
    rounds === bare ? '' : toTimes(median(toRatios(p50(rounds), p50(bare)))),
  ]
  return {
    title: `latency: POST sent → resolved, one at a time, ${SAMPLES} samples a round, SQLite`,
    head: ['', 'p50', 'min – max', 'p99', 'p50 ÷ bare'],
    rows: [
      toRow('longline: await next()', toNext),
      toRow('longline: 202 read', toAnswer),
      toRow('bare Hono: 202 read', bare),
    ],
    targets: [
      {
        what: `POST sent → await next() resolved, p50 at most ${toMilliseconds(AT_MOST_MS)}`,
        reached: toMilliseconds(median(p50(toNext))),
        isMet: median(p50(toNext)) <= AT_MOST_MS,
      },
    ],
    notes: [
      'poster and receiver share a process, over a keep-alive connection on loopback; ack() is outside the measured time',
    ],
  }
}

/** @param {{ file?: string }} task */
async function measure(task) {
  const child = await Child.start('servers/latency.mjs', { ...task, warmup: WARMUP, samples: SAMPLES })
  const result = await child.ask('latency')
  await child.stop()
  return result
}
