// The package as others get it: packed, installed into an empty folder, then used.
//
//   1. Every file that package.json names is in it, the thread's as well, which the store could do without; and what its
//      pages link to.
//   2. Every public name of every subpath can be imported from JavaScript, and its types name the same values.
//   3. Every public name compiles in TypeScript, as Node and as bundlers resolve it, with our types checked as well.
//   4. What verifies needs neither undici nor a driver: longline/verify loads Node's own modules and ipaddr.js, no more.
//   5. A callback comes through: in memory without the optional driver, then in an SQLite file with what there is.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { root } from './root.mjs'

const here = createRequire(import.meta.url)
const { name, exports, imports, devDependencies } = here('../package.json')
const subpaths = Object.keys(exports)
  .filter(subpath => !subpath.endsWith('.json'))
  .map(subpath => subpath.replace('.', name))

const folder = mkdtempSync(join(tmpdir(), 'longline-package-'))
const timeoutMs = 120_000

/** @param {readonly string[]} flags */
function npm(...flags) {
  const program = process.env.npm_execpath
  const [file, first] = program === undefined ? ['npm', []] : [process.execPath, [program]]
  return execFileSync(file, [...first, ...flags], { cwd: folder, encoding: 'utf8', timeout: timeoutMs })
}

/** @param {readonly string[]} flags */
function node(...flags) {
  execFileSync(process.execPath, flags, { cwd: folder, stdio: 'inherit', timeout: timeoutMs })
}

/**
 * @param {string} file
 * @param {string | object} content
 */
function write(file, content) {
  writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))
}

/**
 * The files at the ends of a tree of conditions.
 *
 * @param {string | object} tree
 * @returns {string[]}
 */
function listTargets(tree) {
  return typeof tree === 'string' ? [tree] : Object.values(tree).flatMap(listTargets)
}

/**
 * What TypeScript sees in a subpath.
 *
 * @param {string} subpath
 */
function readNames(subpath) {
  write('names.mts', `export * from '${subpath}'`)
  const program = ts.createProgram([join(folder, 'names.mts')], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
  })
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(join(folder, 'names.mts'))
  const module = file && checker.getSymbolAtLocation(file)
  if (module === undefined) throw new Error(`TypeScript cannot read ${subpath}`)

  const symbols = checker.getExportsOfModule(module).map(symbol => ({
    name: symbol.name,
    isValue: hasFlag(symbol, checker, ts.SymbolFlags.Value),
  }))
  const values = symbols.filter(({ isValue }) => isValue).map(symbol => symbol.name)
  if (values.length === 0) throw new Error(`${subpath} exports nothing`)
  return { subpath, values, types: symbols.filter(({ isValue }) => !isValue).map(symbol => symbol.name) }
}

/**
 * `export type { Server }` makes a type of a class: whatever is exported so is no value.
 *
 * @param {ts.Symbol} symbol
 * @param {ts.TypeChecker} checker
 * @param {ts.SymbolFlags} flag
 */
function hasFlag(symbol, checker, flag) {
  const isTypeOnly = symbol.declarations?.some(
    declaration => ts.isExportSpecifier(declaration) && ts.isTypeOnlyExportDeclaration(declaration),
  )
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return !isTypeOnly && (target.flags & flag) !== 0
}

/**
 * The modules of others that a file of the package loads, by itself and by its chunks.
 *
 * @param {string} file
 * @param {Set<string>} [seen]
 * @returns {string[]}
 */
function listForeign(file, seen = new Set()) {
  if (seen.has(file)) return []
  seen.add(file)
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'))
  return importedFiles.flatMap(({ fileName }) =>
    fileName.startsWith('.') ? listForeign(join(dirname(file), fileName), seen) : [fileName],
  )
}

/** @param {string} store */
const smoke = store => `
  import { CallbackServer } from '${name}'

  const server = await CallbackServer.listen({ port: 0, store: '${store}' })
  const receiver = await server.spawn('smoke')
  const response = await fetch(receiver.url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"hello":"world"}',
  })
  if (!response.ok) throw new Error('answered ' + response.status)
  const callback = await receiver.next({ timeout: '10s' })
  if (callback.data.hello !== 'world') throw new Error('received ' + JSON.stringify(callback.data))
  await callback.ack()
  await server.close()
  console.log('a callback came through ${store}')`

try {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  )
  const nodeTypes = here('@types/node/package.json').version
  write('package.json', { name: 'consumer', private: true, type: 'module' })
  npm('install', '--no-audit', '--no-fund', '--loglevel=error', `./${filename}`, `@types/node@${nodeTypes}`)

  for (const file of listTargets({ exports, imports })) {
    if (!existsSync(join(folder, 'node_modules', name, file))) throw new Error(`the package lacks ${file}`)
  }

  const installed = join(folder, 'node_modules', name)
  const pages = readdirSync(join(installed, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .map(file => join('docs', file))
  for (const page of ['README.md', ...pages]) {
    const links = readFileSync(join(installed, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)
    for (const [, link = ''] of links) {
      if (!existsSync(join(installed, dirname(page), link)))
        throw new Error(`${page} links to ${link}, which the package lacks`)
    }
  }

  const foreign = listForeign(join(installed, 'dist', 'verify.js'))
  const surplus = foreign.filter(module => module !== 'ipaddr.js' && !isBuiltin(module))
  if (foreign.length === 0 || surplus.length > 0) {
    throw new Error(`longline/verify loads ${surplus.join(', ') || 'nothing, which cannot be'}`)
  }

  const surface = subpaths.map(readNames)
  for (const [index, { subpath, values, types }] of surface.entries()) {
    const expected = JSON.stringify([...values].sort())
    write(
      `names-${index}.mjs`,
      `import { ${values} } from '${subpath}'
      import * as everyName from '${subpath}'
      const found = JSON.stringify(Object.keys(everyName).sort())
      if (found !== '${expected}') throw new Error('${subpath} has ' + found + ', its types say ${expected}')
      if ([${values}].includes(undefined)) throw new Error('${subpath} exports undefined')`,
    )
    node(`names-${index}.mjs`)
    write(
      `types-${index}.ts`,
      `export { ${[...values, ...types.map(type => `type ${type}`)]} } from '${subpath}'`,
    )
    console.log(`${subpath}: ${values.length} values, ${types.length} types`)
  }

  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    write('tsconfig.json', {
      compilerOptions: {
        module,
        moduleResolution,
        target: 'es2022',
        lib: ['es2022'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      },
      include: ['types-*.ts'],
    })
    node(here.resolve('typescript/bin/tsc'), '--project', 'tsconfig.json')
    console.log(`types compile with moduleResolution ${moduleResolution}`)
  }

  write('memory.mjs', smoke('memory:'))
  node('memory.mjs')
  npm('install', '--no-audit', '--no-fund', '--loglevel=error', `libsql@${devDependencies.libsql}`)
  write('sqlite.mjs', smoke('smoke.db'))
  node('sqlite.mjs')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
