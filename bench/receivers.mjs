// What do a million open receivers cost, and how soon after a restart is one of them called?

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Child } from './support/child.mjs'
import { openPoster } from './support/poster.mjs'
import { toCount, toMegabytes } from './support/result.mjs'

const AT_MOST_BYTES = 200e6
const AT_MOST_MS = 1_000
const IDLE_MS = 2_000
const server = 'servers/longline.mjs'

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function receivers({ receivers: count, folder, progress }) {
  const file = join(folder, 'receivers.db')
  progress('receivers: an empty server')
  const empty = await Child.start(server, { file: join(folder, 'empty.db'), receivers: 0 })
  const emptyRss = await empty.ask('rss')
  await empty.stop()

  const first = await Child.start(
    server,
    { file, receivers: count },
    { onProgress: text => progress(`receivers: ${text}`) },
  )
  const { paths, tookMs } = first.ready
  const path = paths.at(-1) ?? '/'
  await delay(IDLE_MS)
  const spawnedRss = await first.ask('rss')
  await first.stop()
  const bytes = sizeOf(folder, 'receivers.db')

  progress('receivers: restarts')
  const closed = await restart(file, path)
  await closed.child.kill()
  const killed = await restart(file, path)
  await killed.child.stop()

  const rss = Math.max(spawnedRss, closed.rss, killed.rss)
  const ms = Math.max(closed.ms, killed.ms)
  return {
    title: `receivers: ${toCount(count)} open, each with a key`,
    head: ['', 'resident', 'start of the process → first 202'],
    rows: [
      ['an empty server', toMegabytes(emptyRss), ''],
      ['the process that spawned them, idle', toMegabytes(spawnedRss), ''],
      ['restarted after close()', toMegabytes(closed.rss), `${Math.round(closed.ms)} ms`],
      ['restarted after kill -9', toMegabytes(killed.rss), `${Math.round(killed.ms)} ms`],
    ],
    targets: [
      {
        what: `resident, at most ${toMegabytes(AT_MOST_BYTES)}`,
        reached: toMegabytes(rss),
        isMet: rss <= AT_MOST_BYTES,
      },
      {
        what: `restart to first 202, at most ${AT_MOST_MS} ms`,
        reached: `${Math.round(ms)} ms`,
        isMet: ms <= AT_MOST_MS,
      },
    ],
    notes: [
      `spawned through server.spawn(key), 512 at a time: ${toCount((count / tookMs) * 1000)}/s; ${toMegabytes(bytes)} on disk`,
    ],
  }
}

/**
 * @param {string} file
 * @param {string} path of a receiver that was spawned before
 */
async function restart(file, path) {
  const startedAt = performance.now()
  const child = await Child.start(server, { file, receivers: 0 })
  const poster = await openPoster(child.ready.port, path)
  const status = await poster.post()
  const ms = performance.now() - startedAt
  if (status !== 202) throw new Error(`answered ${status} after a restart`)
  poster.close()
  await delay(IDLE_MS)
  return { child, ms, rss: await child.ask('rss') }
}

/**
 * @param {string} folder
 * @param {string} name of the file and, as a prefix, of what lies beside it
 */
function sizeOf(folder, name) {
  return readdirSync(folder)
    .filter(each => each.startsWith(name))
    .reduce((sum, each) => sum + statSync(join(folder, each)).size, 0)
}
