// `npm run mutation [-- src/verify/time.ts …]`: changes what verifies, line by line, and looks whether a test of test/verify
// goes red. Ends with 1 where a change survives. What changes it is installed beside this file when it is needed.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from '../../scripts/install.mjs'
import { root } from '../../scripts/root.mjs'

const folder = fileURLToPath(new URL('.', import.meta.url))
await ensureInstalled(folder)

const stryker = dirname(createRequire(import.meta.url).resolve('@stryker-mutator/core/package.json'))
const files = process.argv.slice(2)
const missing = files.find(file => !existsSync(join(root, file)))
if (missing !== undefined) {
  // Of a file that there is not nothing survives.
  console.error(
    `There is no ${missing}: name files from the root of the repository, such as src/verify/time.ts`,
  )
  process.exit(2)
}
const narrowed = files.length === 0 ? [] : ['--mutate', files.join(',')]
const { status } = spawnSync(
  process.execPath,
  [join(stryker, 'bin/stryker.js'), 'run', 'test/mutation/stryker.config.mjs', ...narrowed],
  { cwd: root, stdio: 'inherit' },
)
process.exitCode = status ?? 1
