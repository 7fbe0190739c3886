// A CPU profile, read back to the sources: which files and functions had the processor.

import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/** @typedef {{ functionName: string, url: string, lineNumber: number, columnNumber: number }} Frame */
/** @typedef {{ id: number, callFrame: Frame, children?: readonly number[] }} ProfileNode */
/** @typedef {{ nodes: readonly ProfileNode[], samples: readonly number[], timeDeltas: readonly number[] }} Profile */
/** @typedef {{ file: string, name: string }} Place */

/** @type {Map<string, SourceMap | undefined>} */
const maps = new Map()

/**
 * @param {string} title
 * @param {Profile} profile
 * @param {number} top how many lines of each list
 */
export function summarise(title, profile, top) {
  const self = toSelfTimes(profile)
  const places = new Map(profile.nodes.map(node => [node.id, toPlace(node.callFrame)]))
  const idle = sumWhere(self, places, place => place.name === '(idle)')
  const busy = sumWhere(self, places, () => true) - idle
  const share = (/** @type {number} */ time) => `${((time / busy) * 100).toFixed(1).padStart(5)} %`
  /** @param {Map<string, number>} times */
  const list = times =>
    [...times]
      .sort(([, a], [, b]) => b - a)
      .slice(0, top)
      .map(([name, time]) => `    ${share(time)}  ${name}`)

  return [
    `${title}: busy ${((busy / (busy + idle)) * 100).toFixed(0)} % of ${((busy + idle) / 1e6).toFixed(1)} s`,
    '  by function of ours, with what it calls of others',
    ...list(toShares(profile, self, places)),
    '  by function, itself',
    ...list(group(self, places, place => `${place.name}  ${place.file}`)),
    '  by function of ours, with all that it calls',
    ...list(toTotals(profile, self, places)),
    '',
  ].join('\n')
}

/** Microseconds in which each node was on top. @param {Profile} profile */
function toSelfTimes({ samples, timeDeltas }) {
  /** @type {Map<number, number>} */
  const self = new Map()
  for (const [index, id] of samples.entries()) {
    self.set(id, (self.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0))
  }
  return self
}

/**
 * @param {Map<number, number>} self
 * @param {Map<number, Place>} places
 * @param {(place: Place) => boolean} test
 */
function sumWhere(self, places, test) {
  let sum = 0
  for (const [id, time] of self) {
    const place = places.get(id)
    if (place !== undefined && test(place)) sum += time
  }
  return sum
}

/**
 * @param {Map<number, number>} self
 * @param {Map<number, Place>} places
 * @param {(place: Place) => string} toName
 */
function group(self, places, toName) {
  /** @type {Map<string, number>} */
  const times = new Map()
  for (const [id, time] of self) {
    const place = places.get(id)
    if (place === undefined || place.name === '(idle)') continue
    const name = toName(place)
    times.set(name, (times.get(name) ?? 0) + time)
  }
  return times
}

/**
 * All time, each part of it given to the function of ours that asked for it: a write to a socket to the sender of the
 * answer, an insert to the command. The driver's functions stand for their callers.
 *
 * @param {Profile} profile
 * @param {Map<number, number>} self
 * @param {Map<number, Place>} places
 */
function toShares({ nodes }, self, places) {
  const parents = toParents(nodes)
  /** @type {Map<string, number>} */
  const shares = new Map()
  for (const [id, time] of self) {
    const top = places.get(id)
    if (top === undefined || top.name === '(idle)') continue
    let name = top.name === '(garbage collector)' ? top.name : 'Node: HTTP, streams, loading'
    for (let at = /** @type {number | undefined} */ (id); at !== undefined; at = parents.get(at)) {
      const place = places.get(at)
      if (!place?.file.startsWith('src/') || place.file.endsWith('/driver.ts')) continue
      name = `${place.name}  ${place.file}`
      break
    }
    shares.set(name, (shares.get(name) ?? 0) + time)
  }
  return shares
}

/** @param {readonly ProfileNode[]} nodes */
function toParents(nodes) {
  return new Map(nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id])))
}

/**
 * Of functions of ours alone; what calls itself is counted once.
 *
 * @param {Profile} profile
 * @param {Map<number, number>} self
 * @param {Map<number, Place>} places
 */
function toTotals({ nodes }, self, places) {
  const parents = toParents(nodes)
  /** @type {Map<string, number>} */
  const totals = new Map()
  for (const [id, time] of self) {
    /** @type {Set<string>} */
    const above = new Set()
    for (let at = /** @type {number | undefined} */ (id); at !== undefined; at = parents.get(at)) {
      const place = places.get(at)
      if (place?.file.startsWith('src/')) above.add(`${place.name}  ${place.file}`)
    }
    for (const name of above) totals.set(name, (totals.get(name) ?? 0) + time)
  }
  return totals
}

/**
 * @param {Frame} frame
 * @returns {Place}
 */
function toPlace({ functionName, url, lineNumber, columnNumber }) {
  const name = functionName === '' ? `(anonymous :${lineNumber + 1})` : functionName
  if (url === '') return { file: name.startsWith('(') ? name : '(native)', name }
  if (!url.startsWith('file:')) return { file: url, name }
  const entry = mapOf(fileURLToPath(url))?.findEntry(lineNumber, columnNumber)
  if (entry !== undefined && 'originalSource' in entry) {
    const file = entry.originalSource.replace(/^.*?(src\/)/, '$1')
    return { file, name: functionName === '' ? `(anonymous :${entry.originalLine + 1})` : name }
  }
  return { file: url.replace(/^.*\/(node_modules|bench|dist)\//, '$1/'), name }
}

/** @param {string} file */
function mapOf(file) {
  if (!maps.has(file)) {
    const path = `${file}.map`
    maps.set(file, existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined)
  }
  return maps.get(file)
}
