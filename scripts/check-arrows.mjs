// Who may import whom: the rules are in .dependency-cruiser.cjs. Two holes are closed here. A cruise that saw fewer
// files than there are proves nothing, so it fails; and a library that is loaded by a name in quotes, which no
// import shows, is held to its home as well.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from './root.mjs'
import { lineOf, readSources, report, walk } from './sources.mjs'

/** @typedef {{ rule: { name: string }, from: string, to: string, cycle?: { name: string }[] }} Violation */
/** @typedef {{ name: string, from: { pathNot: string }, to: { path: string[] } }} Home */

const program = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs')
const flags = ['src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json']
const { stdout, stderr } = spawnSync(process.execPath, [program, ...flags], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
})
if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser could not run\n${stdout}${stderr}`)

/** @type {{ summary: { violations: Violation[] }, modules: { source: string, dependencies: unknown[] }[] }} */
const { summary, modules } = JSON.parse(stdout)
const sources = readSources()
const cruised = new Set(modules.map(module => module.source))
const arrows = modules.reduce((sum, module) => sum + module.dependencies.length, 0)

/** @type {Home[]} */
const homes = createRequire(import.meta.url)('../.dependency-cruiser.cjs').forbidden.filter(
  (/** @type {{ name: string }} */ { name }) => name.startsWith('home-of-'),
)

const findings = summary.violations.map(({ rule, from, to, cycle }) => {
  const target = cycle === undefined ? to : cycle.map(({ name }) => name).join(' → ')
  return `${rule.name}: ${from} → ${target}`
})
for (const { path, syntax } of sources) {
  if (!cruised.has(path)) findings.push(`not cruised: ${path}`)
  walk(syntax, node => {
    if (!ts.isStringLiteralLike(node) || ts.isImportDeclaration(node.parent)) return
    for (const { name, from, to } of homes) {
      if (
        to.path.some(library => new RegExp(library).test(node.text)) &&
        !new RegExp(from.pathNot).test(path)
      ) {
        findings.push(`${name}: ${lineOf(node)} says '${node.text}'`)
      }
    }
  })
}
if (sources.length === 0 || arrows === 0) findings.push('no file of src was looked at')
report(`${sources.length} files, ${arrows} imports`, findings)
