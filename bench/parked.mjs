// What do a hundred thousand runs cost that only wait?

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Child } from './support/child.mjs'
import { toCount, toMegabytes } from './support/result.mjs'

const AT_MOST_BYTES = 100e6
const IDLE_MS = 2_000
const PATIENCE_MS = 600_000
const server = 'servers/parked.mjs'

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function parked({ runs, folder, progress }) {
  const file = join(folder, 'parked.db')
  progress('parked: an idle server')
  const idle = await Child.start(server, { file: join(folder, 'idle.db'), runs: 0 })
  await delay(IDLE_MS)
  const idleRss = await idle.ask('rss')
  await idle.stop()

  const first = await Child.start(server, { file, runs }, { onProgress: text => progress(`parked: ${text}`) })
  const { tookMs } = first.ready
  await untilParked(first, runs)
  const firstRss = await first.ask('rss')
  await first.kill()

  progress('parked: a restart')
  const second = await Child.start(server, { file, runs: 0 })
  await untilParked(second, runs)
  const secondRss = await second.ask('rss')
  await second.stop()

  const beyond = Math.max(firstRss, secondRss) - idleRss
  return {
    title: `parked: ${toCount(runs)} runs, each waiting for a callback of its own`,
    head: ['', 'resident', 'beyond idle'],
    rows: [
      ['an idle server', toMegabytes(idleRss), ''],
      ['the process that started them', toMegabytes(firstRss), toMegabytes(firstRss - idleRss)],
      ['restarted after kill -9', toMegabytes(secondRss), toMegabytes(secondRss - idleRss)],
    ],
    targets: [
      {
        what: `resident beyond an idle server, at most ${toMegabytes(AT_MOST_BYTES)}`,
        reached: toMegabytes(beyond),
        isMet: beyond <= AT_MOST_BYTES,
      },
    ],
    notes: [`started at ${toCount((runs / tookMs) * 1000)}/s; all of them parked, counted`],
  }
}

/**
 * @param {Child} child
 * @param {number} runs
 */
async function untilParked(child, runs) {
  const giveUpAt = performance.now() + PATIENCE_MS
  for (let found = -1; found !== runs; ) {
    if (performance.now() > giveUpAt) throw new Error(`${found} of ${runs} runs are parked`)
    await delay(IDLE_MS)
    found = await child.ask('parked')
  }
  await delay(IDLE_MS)
}
