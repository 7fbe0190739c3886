import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One fenced block of a guide. */
export interface Block {
  /** From the root of the repository: `docs/receiving.md`. */
  readonly file: string
  /** The line of its first line of code, from 1. */
  readonly line: number
  readonly language: string
  /** What follows the language: `setup=server`, `mounted`. */
  readonly info: readonly string[]
  readonly code: string
}

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** README.md and the guides. Decisions and discoveries are records, and their code is not run. */
export function listGuides(): string[] {
  const guides = readdirSync(`${root}docs`).filter(name => name.endsWith('.md'))
  return ['README.md', ...guides.map(name => `docs/${name}`)]
}

export function readGuide(file: string): string {
  return readFileSync(root + file, 'utf8')
}

/**
 * The blocks of a guide. A comment below a block, from a line `<!-- and then` to a line `-->`, goes on with it: what the tests
 * want to see and a reader does not.
 */
export function readBlocks(file: string): Block[] {
  return toBlocks(file, readGuide(file))
}

export function toBlocks(file: string, text: string): Block[] {
  const blocks: Block[] = []
  let open: { info: string; line: number; code: string[] } | undefined
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    if (/^\s*<!--\s*and then/.test(lines[index] ?? '')) {
      throw new Error(
        `${file}:${index + 1}: this comment goes on with no block: write '<!-- and then' right below one`,
      )
    }
    const fence = /^```(.*)$/.exec(lines[index] ?? '')
    if (fence === null) open?.code.push(lines[index] ?? '')
    else if (open === undefined) open = { info: fence[1] ?? '', line: index + 2, code: [] }
    else {
      const [language = '', ...info] = open.info.trim().split(/\s+/)
      const sequel = readSequel(lines, index + 1, file)
      blocks.push({ file, line: open.line, language, info, code: [...open.code, ...sequel].join('\n') })
      index += sequel.length
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: this fence is never closed`)
  return blocks
}

/** With an empty line for each that is no code, so that every line keeps its number. */
function readSequel(lines: readonly string[], from: number, file: string): readonly string[] {
  if (lines[from] !== '<!-- and then') return []
  const end = lines.indexOf('-->', from)
  if (end === -1) throw new Error(`${file}:${from + 1}: this comment is never closed`)
  return ['', '', ...lines.slice(from + 1, end)]
}

export function isProgram({ language }: Block): boolean {
  return language === 'ts' || language === 'js'
}

/** The lines that a block says it prints: `console.log(data) // → { id: 7 }`. */
export function announced({ code }: Block): string[] {
  return [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, words = '']) => words.trimEnd())
}
