import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'

// The file beside the store that names its owner. It only explains a lock to people; the lock itself is the operating
// system's, so a file that is missing, stale or unreadable changes nothing but the words of an error.

interface Owner {
  readonly pid: number
  readonly host: string
  readonly since: string
}

export function nameOwner(path: string, now: number): void {
  const owner: Owner = { pid: process.pid, host: hostname(), since: new Date(now).toISOString() }
  try {
    writeFileSync(fileOf(path), `${JSON.stringify(owner)}\n`)
  } catch {
    // Without it the error for a second opener names nobody.
  }
}

export function forgetOwner(path: string): void {
  try {
    rmSync(fileOf(path), { force: true })
  } catch {
    // It is stale then, which its readers expect.
  }
}

/** In words: `process 4711 on web-1, since 2026-01-01T12:00:00.000Z`. */
export function describeOwner(path: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(fileOf(path), 'utf8')) as Partial<Owner>
    if (typeof pid === 'number' && typeof host === 'string' && typeof since === 'string') {
      const who = pid === process.pid && host === hostname() ? `this very process (${pid})` : `process ${pid}`
      return `${who} on ${host}, since ${since}`
    }
  } catch {
    // Nobody left a name.
  }
  return 'another process, which left no name'
}

function fileOf(path: string): string {
  return `${path}.owner`
}
