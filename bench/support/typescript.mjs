// What is not in dist, such as tests and what only the intake sees: in TypeScript, which Node 20 does not run.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, parse } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'tsup'
import { root } from '../../scripts/root.mjs'

/** @param {string} file of this repository */
export async function loadTypeScript(file) {
  const { name } = parse(file)
  const cache = join(root, 'node_modules', '.cache', 'longline')
  mkdirSync(cache, { recursive: true })
  const outDir = mkdtempSync(join(cache, `${name}-`))
  process.once('exit', () => rmSync(outDir, { recursive: true, force: true }))
  await build({
    config: false,
    entry: { [name]: join(root, file) },
    outDir,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    silent: true,
    dts: false,
    sourcemap: true,
  })
  return await import(pathToFileURL(join(outDir, `${name}.js`)).href)
}
