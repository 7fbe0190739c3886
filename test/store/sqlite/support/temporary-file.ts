import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A path in a folder of its own, which goes when the file's tests are over. */
export function temporaryFile(name = 'longline.db'): string {
  const folder = mkdtempSync(join(tmpdir(), 'longline-'))
  folders.push(folder)
  return join(folder, name)
}
