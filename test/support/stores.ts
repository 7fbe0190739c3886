import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** The path of a database that is gone after the test. */
export function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'longline-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'longline.db')
}

/** The stores that come with the library, for `describe.each`: a name, and how to say where it is. */
export const stores: readonly (readonly [name: string, place: () => string])[] = [
  ['memory', () => 'memory:'],
  ['sqlite', temporaryFile],
]
