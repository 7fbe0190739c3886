import { describe, expect, it } from 'vitest'
import { type Block, toBlocks } from './blocks.js'
import { check, type Program, writePrograms } from './programs.js'
import { runProgram } from './run-program.js'

// The bug: a guide whose blocks are all green because nothing looks at them.

describe('a block', () => {
  it('that throws fails with the line of the guide', async () => {
    const { failure } = await runProgram(program("const orders = 7\nthrow new Error('no ' + orders)"))

    expect(failure).toContain('no 7')
    expect(failure).toMatch(/docs\/some-guide\.md:43/)
  })

  it('that does not compile is named with the line of the guide', { timeout: 60_000 }, () => {
    expect(check([program('const port = 3000\nport.toUpperCase()')])).toEqual([
      "docs/some-guide.md:43: Property 'toUpperCase' does not exist on type '3000'.",
    ])
  })

  it('that prints something else than it says is told by what it printed', async () => {
    const { printed, failure } = await runProgram(program('console.log(6 * 7) // → 41'))

    expect({ printed, failure }).toEqual({ printed: ['42'], failure: undefined })
  })

  it('that rejects where nobody looks fails', async () => {
    const code =
      "void Promise.reject(new Error('nobody looks'))\nawait new Promise(resolve => setTimeout(resolve, 50))"

    expect((await runProgram(program(code))).failure).toContain('nobody looks')
  })

  it('goes on in the comment below it, where each line keeps its number', async () => {
    const guide = [
      '# A guide',
      '```ts',
      'const orders = 6',
      '```',
      '<!-- and then',
      'console.log(orders * 7) // → 42',
      "throw new Error('no orders')",
      '-->',
      '```sh',
      'ls',
      '```',
    ].join('\n')
    const [block, next] = toBlocks('docs/some-guide.md', guide)
    if (block === undefined) throw new Error('no block')

    const { printed, failure } = await runProgram(write(block))

    expect(printed).toEqual(['42'])
    expect(failure).toMatch(/docs\/some-guide\.md:7/)
    expect(next).toMatchObject({ language: 'sh', line: 10 })
    expect(() => toBlocks('docs/some-guide.md', '```ts\n```\n<!-- and then\n')).toThrow(
      'docs/some-guide.md:3: this comment is never closed',
    )
  })

  it.each(['\n<!-- and then', ' <!-- and then', '<!-- and then ', '<!--and then'])(
    'does not lose a comment that goes on with none: %j',
    comment => {
      expect(() => toBlocks('docs/some-guide.md', `\`\`\`ts\n\`\`\`\n${comment}\n-->\n`)).toThrow(
        'this comment goes on with no block',
      )
    },
  )

  it('whose callbacks do not find their way through its framework fails', async () => {
    const code = `
      import { createServer } from 'node:http'
      import { CallbackServer } from 'longline'
      const server = await CallbackServer.open({ publicUrl: 'https://www.example.com', store: 'memory:' })
      createServer((_, response) => response.writeHead(404).end(server.url)).listen(3000)`

    const { failure } = await runProgram(program(code, ['mounted']))

    expect(failure).toContain('the callback was answered with 404')
  })
})

let blocks = 0

function program(code: string, info: readonly string[] = []): Program {
  return write({ file: 'docs/some-guide.md', line: 42, language: 'ts', info, code })
}

function write(block: Block): Program {
  const [written] = writePrograms([block], `runner-${blocks++}`)
  if (written === undefined) throw new Error('nothing was written')
  return written
}
