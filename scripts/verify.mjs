// Everything that must hold before a change goes in, cheapest first; stops at the first failure.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.mjs'

/** A report of the test run, for whoever counts. */
const { TEST_REPORT } = process.env
const reporters = TEST_REPORT
  ? ['--reporter=default', '--reporter=json', `--outputFile.json=${TEST_REPORT}`]
  : []

const colors = process.stdout.isTTY ? [] : ['--colors=off']

/** @type {readonly (readonly [heading: string, ...command: string[]])[]} */
const steps = [
  ['setup', 'node', 'scripts/setup.mjs'],
  ['lock file', 'node', 'scripts/check-lock.mjs'],
  ['format and lint', 'biome', 'ci', '--error-on-warnings', ...colors],
  ['floating promises', 'eslint', '--max-warnings=0', '.'],
  ['types', 'tsc', '--noEmit'],
  ['arrows', 'node', 'scripts/check-arrows.mjs'],
  ['time and chance', 'node', 'scripts/check-time.mjs'],
  ['unused code', 'knip'],
  ['tests', 'vitest', 'run', '--typecheck', ...reporters],
  ['build', 'node', 'scripts/build.mjs'],
  ['package, as npm sees it', 'publint', '--strict'],
  ['package, as TypeScript sees it', 'attw', '--pack', '--profile', 'esm-only'],
  ['package, as its users see it', 'node', 'scripts/check-package.mjs'],
]

for (const [heading, program = '', ...flags] of steps) {
  console.log(`\n── ${heading}`)
  const isNode = program === 'node'
  const file = isNode ? process.execPath : join(root, 'node_modules', '.bin', program)
  const shell = !isNode && process.platform === 'win32'
  const { status, error } = spawnSync(file, flags, { cwd: root, stdio: 'inherit', shell })
  if (status === 0) continue

  console.error(`\nverify: ${heading} failed${error === undefined ? '' : ` (${error.message})`}`)
  process.exit(1)
}
console.log('\nverify: all is well')
