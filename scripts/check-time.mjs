// Time, timers and chance have one door: src/core/clock.ts. Whoever goes around it cannot be driven by hand in a test.

import ts from 'typescript'
import { lineOf, readSources, report, walk } from './sources.mjs'

const door = 'src/core/clock.ts'

/** Global functions that nobody else may name. */
const timers = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
])

/** Members that nobody else may name, by the object they are of. */
const members = new Map([
  ['Date', new Set(['now'])],
  ['performance', new Set(['now', 'timeOrigin'])],
  ['process', new Set(['hrtime', 'uptime'])],
  ['Math', new Set(['random'])],
  ['AbortSignal', new Set(['timeout'])],
])

/** Of `node:crypto`, or of the global of that name. */
const chance = new Set([
  'randomBytes',
  'getRandomValues',
  'randomUUID',
  'randomInt',
  'randomFill',
  'randomFillSync',
])

const modules = new Set(['timers', 'timers/promises', 'perf_hooks'])

/**
 * What a node does that only the door may, in words.
 *
 * @param {ts.Node} node
 * @returns {string | undefined}
 */
function forbidden(node) {
  if (ts.isIdentifier(node)) {
    if (timers.has(node.text) && !isMemberName(node)) return node.text
  }
  if (ts.isImportSpecifier(node) && isFromCrypto(node)) {
    const { text } = node.propertyName ?? node.name
    if (chance.has(text)) return text
  }
  if (ts.isPropertyAccessExpression(node)) return forbiddenMember(node.expression, node.name.text)
  if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    return forbiddenMember(node.expression, node.argumentExpression.text)
  }
  if (
    ts.isVariableDeclaration(node) &&
    ts.isObjectBindingPattern(node.name) &&
    node.initializer !== undefined
  ) {
    const object = node.initializer
    return node.name.elements
      .map(({ propertyName, name }) => forbiddenMember(object, (propertyName ?? name).getText()))
      .find(found => found !== undefined)
  }
  if (ts.isNewExpression(node) && isGlobal(node.expression, 'Date') && !node.arguments?.length)
    return 'new Date()'
  if (ts.isCallExpression(node) && isGlobal(node.expression, 'Date')) return 'Date()'
  if (ts.isStringLiteralLike(node) && modules.has(node.text.replace(/^node:/, ''))) return `'${node.text}'`
  return undefined
}

/**
 * @param {ts.Expression} object
 * @param {string} name
 */
function forbiddenMember(object, name) {
  if (chance.has(name)) return name
  for (const [owner, names] of members) {
    if (names.has(name) && isGlobal(object, owner)) return `${owner}.${name}`
  }
  return timers.has(name) && ['globalThis', 'global'].includes(object.getText()) ? name : undefined
}

/**
 * @param {ts.Expression} node
 * @param {string} name
 */
function isGlobal(node, name) {
  return node.getText().replace(/^global(This)?\./, '') === name
}

/**
 * `clock.setTimeout` and `{ setTimeout: … }` name a member, not the global.
 *
 * @param {ts.Identifier} node
 */
function isMemberName(node) {
  return 'name' in node.parent && node.parent.name === node && !ts.isShorthandPropertyAssignment(node.parent)
}

/** @param {ts.ImportSpecifier} node */
function isFromCrypto(node) {
  return /^['"](node:)?crypto['"]$/.test(node.parent.parent.parent.moduleSpecifier.getText())
}

const sources = readSources()
/** @type {string[]} */
const findings = []
for (const { path, syntax } of sources) {
  if (path === door) continue
  walk(syntax, node => {
    const found = forbidden(node)
    if (found !== undefined) findings.push(`${lineOf(node)} uses ${found}; only ${door} may`)
  })
}
if (!sources.some(({ path }) => path === door)) findings.push(`${door} was not found`)
report(`${sources.length} files`, findings)
