import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/**
 * Whether a module is the program, and not imported by a test or by another program. From Node 24 on that is
 * `import.meta.main`.
 *
 * @param {{ url: string }} module
 */
export function isMain({ url }) {
  const [, program] = process.argv
  return program !== undefined && pathToFileURL(realpathSync(program)).href === url
}
