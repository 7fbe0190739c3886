// A Postgres server of one's own, from the package that carries it, for tests, the demo and benchmarks. It runs beside a
// process of its own: its package takes over how a process exits, and would make a failed test run look like a good one.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Does not wait for the disk: what it has committed outlives its clients, but not the machine. */
export const NOT_DURABLE = ['-c', 'fsync=off', '-c', 'full_page_writes=off']

/**
 * @typedef {object} PostgresServer
 * @property {string} url
 * @property {() => Promise<void>} stop for now, as for a restart
 * @property {() => Promise<void>} start again
 * @property {() => Promise<void>} remove stops it for good, and removes what it kept
 */

/**
 * @param {readonly string[]} [flags] of the server, such as `-c work_mem=8MB`
 * @param {{ installed?: string }} [options] a folder in which another version of the package is installed
 * @returns {Promise<PostgresServer>}
 */
export async function startPostgres(flags = [], { installed } = {}) {
  const file = fileURLToPath(new URL('postgres-process.mjs', import.meta.url))
  const given = [JSON.stringify(flags), ...(installed === undefined ? [] : [installed])]
  const child = fork(file, given, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  // Gone with whoever started it: without its parent the other process stops the server.
  process.once('exit', () => {
    if (child.connected) child.disconnect()
  })
  const { url } = await answer()

  /** @returns {Promise<{ url: string }>} */
  async function answer() {
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`Postgres could not be run (its process ended with ${code})`)
    })
    const [reply] = await Promise.race([once(child, 'message'), ended])
    if ('failure' in reply) throw new Error(reply.failure)
    return reply
  }

  /** @param {'start' | 'stop' | 'remove'} request */
  const ask = async request => {
    child.send(request)
    await answer()
  }
  return {
    url,
    start: () => ask('start'),
    stop: () => ask('stop'),
    remove: async () => {
      await ask('remove')
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
