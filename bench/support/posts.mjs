// How many POSTs a second a server answers, in a process of its own, and whether it has kept what it acknowledged.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.mjs'

export const CONNECTIONS = 64
const WARMUP_MS = 1_000

/**
 * @typedef {object} Posted
 * @property {string} name
 * @property {string} file of the server
 * @property {boolean} keeps whether it has to have what it acknowledged
 * @property {number} receivers
 * @property {boolean} withId
 * @property {object} [task] what else the server is told
 * @property {Readonly<Record<string, string>>} [headers]
 */
/** @typedef {import('./load.mjs').LoadResult & { cpuEach: number }} Measured */

/**
 * @param {Posted} posted
 * @param {import('./result.mjs').Settings} settings
 * @returns {Promise<Measured>}
 */
export async function measurePosts(posted, { folder, seconds }) {
  const file = join(folder, 'intake.db')
  const { receivers, headers } = posted
  const server = await Child.start(posted.file, { ...posted.task, file, receivers, paths: receivers })
  const generator = await Child.start('support/load.mjs', {
    port: server.ready.port,
    paths: server.ready.paths,
    connections: CONNECTIONS,
    warmupMs: WARMUP_MS,
    measuredMs: seconds * 1000,
    withId: posted.withId,
    ...(headers === undefined ? {} : { headers }),
  })
  const cpuBefore = await server.ask('cpu')
  const result = await generator.ask('load')
  const cpuEach = ((await server.ask('cpu')) - cpuBefore) / result.accepted
  if (result.refused > 0) throw new Error(`${posted.name}: ${result.refused} answers were not 202`)
  if (posted.keeps) {
    const held = await server.ask('held')
    if (held !== result.accepted) {
      throw new Error(`${posted.name}: acknowledged ${result.accepted}, holds ${held}`)
    }
  }
  await generator.stop()
  await server.stop()
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
  return { ...result, cpuEach }
}
