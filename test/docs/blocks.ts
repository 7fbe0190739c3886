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

export function readBlocks(file: string): Block[] {
  const blocks: Block[] = []
  let open: { info: string; line: number; code: string[] } | undefined
  for (const [index, text] of readGuide(file).split('\n').entries()) {
    const fence = /^```(.*)$/.exec(text)
    if (fence === null) open?.code.push(text)
    else if (open === undefined) open = { info: fence[1] ?? '', line: index + 2, code: [] }
    else {
      const [language = '', ...info] = open.info.trim().split(/\s+/)
      blocks.push({ file, line: open.line, language, info, code: open.code.join('\n') })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: this fence is never closed`)
  return blocks
}

export function isProgram({ language }: Block): boolean {
  return language === 'ts' || language === 'js'
}

/** The lines that a block says it prints: `console.log(data) // → { id: 7 }`. */
export function announced({ code }: Block): string[] {
  return [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, words = '']) => words.trimEnd())
}
