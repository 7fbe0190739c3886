// `npm run mutation [-- src/verify/time.ts …]`: changes what verifies, line by line, and looks whether a test of test/verify
// goes red. Ends with 1 where a change survives. What changes it is installed beside this file when it is needed.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled } from '../../scripts/install.mjs'
import { root } from '../../scripts/root.mjs'

const folder = fileURLToPath(new URL('.', import.meta.url))
await ensureInstalled(folder)

const stryker = dirname(createRequire(import.meta.url).resolve('@stryker-mutator/core/package.json'))
const files = process.argv.slice(2)
const narrowed = files.length === 0 ? [] : ['--mutate', files.join(',')]
const { status } = spawnSync(
  process.execPath,
  [join(stryker, 'bin/stryker.js'), 'run', 'test/mutation/stryker.config.mjs', ...narrowed],
  { cwd: root, stdio: 'inherit' },
)
process.exitCode = status ?? 1
