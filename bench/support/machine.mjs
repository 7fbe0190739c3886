// One line about the machine: numbers mean nothing without it.

import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { driverName, openDatabase } from './sqlite.mjs'
import { median } from './statistics.mjs'

/** @param {string} folder where files are made */
export async function describeMachine(folder) {
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'})`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${type()} ${release().split('-')[0]} ${arch()}`,
    `fdatasync ${measureSync(folder).toFixed(2)} ms`,
    `Node ${process.versions.node}`,
    await describeDriver(),
    `Hono ${readVersion('hono')} on @hono/node-server ${readVersion('@hono/node-server')}`,
  ].join(' · ')
}

async function describeDriver() {
  const database = await openDatabase(':memory:')
  const { version } = /** @type {{ version: string }} */ (
    database.prepare('select sqlite_version() as version').get()
  )
  database.close()
  const driver = driverName === 'libsql' ? `libsql ${readVersion('libsql')}` : driverName
  return `${driver} (SQLite ${version})`
}

/** What one commit costs at the very least. @param {string} folder */
function measureSync(folder) {
  const file = openSync(join(folder, 'sync'), 'w')
  const page = Buffer.alloc(4096)
  const durations = Array.from({ length: 200 }, () => {
    const startedAt = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    return performance.now() - startedAt
  })
  closeSync(file)
  return median(durations)
}

/** @param {string} name */
function readVersion(name) {
  const entry = createRequire(import.meta.url).resolve(name)
  const folder = entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}/`.length)
  /** @type {{ version: string }} */
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return version
}
