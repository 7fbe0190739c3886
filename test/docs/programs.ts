import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import ts from 'typescript'
import { type Block, root } from './blocks.js'

// Makes a program of each block, as a file of its own.
//
//   P1. Line n of the guide is line n of the program, so compiler and stack traces name the line of the guide.
//   P2. A block is run word for word. What `setup=…` gives it is imported in a line before it.

export interface Program {
  readonly block: Block
  /** What the compiler checks. */
  readonly source: string
  /** What Node runs. */
  readonly module: string
}

/** The names that a setup gives to a block. */
const setups: Readonly<Record<string, string>> = {
  server: "import { server, post } from '../../setups/server.mjs'",
  orders: "import { server, book } from '../../setups/orders.mjs'",
  time: "import { server, post, pass, links } from '../../setups/time.mjs'",
  postgres: "import { databaseUrl } from '../../setups/postgres.mjs'",
  certificate: "import { server, cert, key } from '../../setups/certificate.mjs'",
  providers: "import { server, senders, asks } from '../../setups/providers.mjs'",
  partner: "import { server, partner } from '../../setups/partner.mjs'",
}

/** Into a folder of that name; what was in it goes. */
export function writePrograms(blocks: readonly Block[], name: string): Program[] {
  const folder = `${root}test/docs/.snippets/${name}/`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return blocks.map(block => {
    const stem = `${block.file.replace(/^docs\//, '').replace(/\.md$/, '')}-${block.line}`
    const source = `${folder}${stem}.${block.language === 'ts' ? 'mts' : 'js'}`
    const module = `${folder}${stem}.run.js`
    const text = toSource(block)
    writeFileSync(source, text)
    writeFileSync(module, transpile(text, block))
    return { block, source, module }
  })
}

/** What the compiler finds, each with the line of the guide. */
export function check(programs: readonly Program[]): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const blocks = new Map(programs.map(({ source, block }) => [source, block]))
  const found = ts.getPreEmitDiagnostics(ts.createProgram([...blocks.keys()], options))
  return found.flatMap(({ file, start = 0, messageText }) => {
    const block = file === undefined ? undefined : blocks.get(file.fileName)
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    if (file === undefined || block === undefined) return []
    const { line } = file.getLineAndCharacterOfPosition(start)
    return [`${block.file}:${line + 1}: ${text}`]
  })
}

function toSource({ file, line, info, code }: Block): string {
  const wanted = info.find(word => word.startsWith('setup='))?.slice('setup='.length)
  const setup = wanted === undefined ? '' : setups[wanted]
  if (setup === undefined) throw new Error(`${file}:${line - 1}: there is no setup '${wanted}'`)
  return `export {}; ${setup}${'\n'.repeat(line - 1)}${code}\n`
}

function transpile(text: string, { file }: Block): string {
  const { outputText, sourceMapText = '' } = ts.transpileModule(text, {
    fileName: file.replace(/\.md$/, '.ts'),
    compilerOptions: {
      target: ts.ScriptTarget.ES2022, // Node 20 does not know `await using`
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      sourceMap: true,
    },
  })
  const map = JSON.stringify({ ...JSON.parse(sourceMapText), sources: [`${root}${file}`], sourceRoot: '' })
  const inline = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`
  return `${outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, '')}${inline}\n`
}
