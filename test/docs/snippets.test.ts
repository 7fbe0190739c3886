import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { announced, isProgram, listGuides, readBlocks, readGuide, root } from './blocks.js'
import { check, writePrograms } from './programs.js'
import { runProgram } from './run-program.js'

// Every block of README.md and docs/*.md that says ts or js is a program: it is compiled, run in a process of its own,
// and prints what its comments (`// → …`) say. World.mjs plays the third parties.

const guides = listGuides()
const blocks = guides.flatMap(readBlocks)
const programs = writePrograms(blocks.filter(isProgram), 'guides')
const languages = ['ts', 'js', 'sh', 'json', 'http', 'text']

describe('the blocks of the guides', () => {
  it('compile', { timeout: 60_000 }, () => {
    expect(check(programs)).toEqual([])
  })

  it('say what they are, so that none is passed over', () => {
    const unknown = blocks.filter(({ language }) => !languages.includes(language))
    expect(unknown.map(({ file, line }) => `${file}:${line - 1}`)).toEqual([])
  })

  describe.concurrent('run', () => {
    it.each(programs.map(program => [`${program.block.file}:${program.block.line}`, program] as const))(
      '%s',
      { timeout: 30_000 },
      async (_, program) => {
        const { printed, failure } = await runProgram(program)
        expect(failure).toBeUndefined()
        const wanted = announced(program.block)
        if (wanted.length > 0) expect(printed).toEqual(wanted)
      },
    )
  })
})

describe('the links of the guides', () => {
  it.each(guides)('of %s lead somewhere', file => {
    const links = [...readGuide(file).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    const broken = links.filter(link => !leadsSomewhere(file, link))
    expect(broken).toEqual([])
  })
})

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? from : join(dirname(from), path)
  if (!existsSync(root + target)) return false
  return anchor === undefined || anchorsOf(target).includes(anchor)
}

/** As GitHub makes them of headings. */
function anchorsOf(file: string): string[] {
  const headings = readGuide(file).matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
