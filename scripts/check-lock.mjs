// Each package-lock.json must serve everybody: no address of somebody's registry, and an entry for each optional
// dependency of each platform. `npm install` leaves those out that its registry cannot show it, and `npm ci`
// then fails. (Cure: install a version that is a few weeks older, for instance with `npm install --before=<date>`.)

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.mjs'
import { report } from './sources.mjs'

/** @typedef {Record<string, { resolved?: string, link?: boolean, optionalDependencies?: Record<string, string> }>} Packages */

/** The library's, that of what it is measured beside, and that of what changes it on purpose. */
const files = ['package-lock.json', 'bench/rivals/package-lock.json', 'test/mutation/package-lock.json']

/** @type {string[]} */
const findings = []
let count = 0
for (const file of files) {
  /** @type {Packages} */
  const packages = JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  count += Object.keys(packages).length
  for (const [path, { resolved, optionalDependencies = {} }] of Object.entries(packages)) {
    if (resolved !== undefined) findings.push(`${file}: ${path} names a registry`)
    for (const name of Object.keys(optionalDependencies)) {
      if (!isLocked(packages, path, name)) {
        findings.push(`${file}: ${path} has no entry for its optional dependency ${name}`)
      }
    }
  }
  if (Object.keys(packages).length < 2) findings.push(`${file}: no package was looked at`)
}
report(`${count} packages`, findings)

/**
 * Looks where Node would: beside the dependent's own dependencies, then further up.
 *
 * @param {Packages} packages
 * @param {string} from
 * @param {string} name
 */
function isLocked(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder}${folder === '' ? '' : '/'}node_modules/${name}` in packages) return true
    if (folder === '') return false
  }
}
