import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { root } from './root.mjs'

/**
 * Every TypeScript file of src, parsed.
 *
 * @returns {{ path: string, syntax: ts.SourceFile }[]}
 */
export function readSources() {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => {
      const file = join(entry.parentPath, entry.name)
      const path = relative(root, file).replaceAll('\\', '/')
      return {
        path,
        syntax: ts.createSourceFile(path, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022, true),
      }
    })
}

/**
 * Visits a node and everything in it.
 *
 * @param {ts.Node} node
 * @param {(node: ts.Node) => void} visit
 */
export function walk(node, visit) {
  visit(node)
  node.forEachChild(child => walk(child, visit))
}

/**
 * Prints what was found, one line each, and fails the process when that is anything.
 *
 * @param {string} summary
 * @param {readonly string[]} findings
 */
export function report(summary, findings) {
  for (const finding of findings) console.error(finding)
  console.log(`${summary}, ${findings.length} violations`)
  if (findings.length > 0) process.exitCode = 1
}

/** @param {ts.Node} node */
export function lineOf(node) {
  const source = node.getSourceFile()
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}
