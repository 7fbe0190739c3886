// Builds dist, when it is not what the sources say.
//
//   B1. Files go into place one by one, each by a rename: a process that runs from dist beside us never reads half
//       a file, and chunks are named by their content.
//   B2. The stamp is written last. A build that was killed, or whose sources changed under it, is done again.

import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { alone } from './lock.mjs'
import { root } from './root.mjs'

const dist = join(root, 'dist')
const cache = join(root, 'node_modules', '.cache', 'longline')
const stampFile = join(cache, 'dist.json')

/**
 * Without `types` only what runs is built, which takes a second instead of ten.
 *
 * @param {{ types?: boolean, force?: boolean }} [options]
 * @returns {Promise<'built' | 'current'>}
 */
export function ensureBuilt({ types = false, force = false } = {}) {
  return alone('build', async () => {
    const sources = hashSources()
    if (!force && isCurrent(sources, types)) return 'current'

    console.error(`Building dist${types ? ', with its types' : ''} (tsup) …`)
    const { build } = await import('tsup')
    mkdirSync(cache, { recursive: true })
    rmSync(stampFile, { force: true })
    const outDir = mkdtempSync(join(cache, 'build-'))
    try {
      await build({ outDir, silent: true, clean: false, ...(types ? {} : { dts: false }) })
      const files = listFiles(outDir)
      replaceDist(outDir, files, types)
      writeFileSync(stampFile, JSON.stringify({ sources, types, files }))
      return 'built'
    } finally {
      rmSync(outDir, { recursive: true, force: true })
    }
  })
}

/**
 * @param {string} sources
 * @param {boolean} types
 */
function isCurrent(sources, types) {
  if (!existsSync(stampFile)) return false
  const stamp = JSON.parse(readFileSync(stampFile, 'utf8'))
  if (stamp.sources !== sources || (types && !stamp.types)) return false
  return stamp.files.every((/** @type {string} */ file) => existsSync(join(dist, file)))
}

/**
 * @param {string} outDir
 * @param {readonly string[]} files
 * @param {boolean} types
 */
function replaceDist(outDir, files, types) {
  for (const file of files) {
    mkdirSync(dirname(join(dist, file)), { recursive: true })
    renameSync(join(outDir, file), join(dist, file))
  }
  for (const file of listFiles(dist)) {
    if (!files.includes(file) && (types || !file.endsWith('.d.ts'))) rmSync(join(dist, file))
  }
}

function hashSources() {
  const hash = createHash('sha256')
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsup.config.ts']
  for (const file of [...settings, ...listFiles(join(root, 'src')).map(file => join('src', file))]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** @param {string} folder */
function listFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length).replace(sep, ''))
    .sort()
}

if (process.argv[1] === import.meta.filename) await ensureBuilt({ types: true, force: true })
