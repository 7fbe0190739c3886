import { spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, StoreUnusableError } from '../../../src/errors.js'
import { createSqlite, SETTINGS } from '../../../src/store/sqlite/create-sqlite.js'
import { loadDriver } from '../../../src/store/sqlite/driver.js'
import { sqlite } from '../../../src/store/sqlite/sqlite.js'
import { Trial } from '../../../src/testing/conformance/trial.js'
import { temporaryFile } from './support/temporary-file.js'

const ROOT = join(import.meta.dirname, '../../..')
const LIBSQL = ['libsql', '@libsql', '@neon-rs', 'detect-libc']

async function whyNot(path: string): Promise<unknown> {
  try {
    const session = await sqlite({ path }).open()
    await session.close()
    return 'it opened'
  } catch (error) {
    return error
  }
}

/** A store with something in it. */
async function filledStore(): Promise<string> {
  const path = temporaryFile()
  await Trial.run(
    async () => sqlite({ path }),
    async trial => {
      const receiver = await trial.spawn('orders')
      await Promise.all(
        Array.from({ length: 500 }, (_, index) => trial.post(receiver, `${index}`.repeat(100))),
      )
    },
  )
  return path
}

describe('a path that cannot be a store', () => {
  it.each([undefined, '', 7, ':memory:', 'file:///tmp/a.db', 'a\0b'])('is refused at once: %j', path => {
    expect(() => sqlite({ path: path as string })).toThrow(InvalidOptionsError)
  })

  it('is refused without options at all', () => {
    expect(() => (sqlite as (options?: { path: string }) => unknown)()).toThrow(InvalidOptionsError)
  })

  it('says so when it is a folder', async () => {
    const folder = dirname(temporaryFile())
    const error = await whyNot(folder)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error).toMatchObject({ message: `The store '${folder}' is a folder; name a file in it` })
  })

  it('says so when its folder does not exist, and does not make one', async () => {
    const path = join(dirname(temporaryFile()), 'missing', 'longline.db')
    const error = await whyNot(path)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect(error).toMatchObject({
      message: `The folder of the store '${path}' does not exist; create it first`,
    })
    expect(existsSync(dirname(path))).toBe(false)
  })
})

describe('a file that is not ours', () => {
  it('is left alone when it is no database', async () => {
    const path = temporaryFile('notes.txt')
    const text = 'Buy milk. '.repeat(1_000)
    writeFileSync(path, text)
    expect(await whyNot(path)).toMatchObject({ code: 'store_unusable', reason: 'corrupt', retryable: false })
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(readdirSync(dirname(path))).toEqual(['notes.txt'])
  })

  it('is left alone when it is a database of something else', async () => {
    const path = temporaryFile('shop.db')
    const driver = await loadDriver()
    const shop = driver.open(path)
    shop.exec('create table products (name text); insert into products values (1)')
    shop.close()
    const before = readFileSync(path)
    const error = await whyNot(path)
    expect(error).toMatchObject({ code: 'store_unusable', reason: 'corrupt' })
    expect((error as Error).message).toContain('is a database of something else')
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(readdirSync(dirname(path))).toEqual(['shop.db'])
  })

  it('is left alone when a newer version wrote it', async () => {
    const path = await filledStore()
    const driver = await loadDriver()
    const newer = driver.open(path)
    newer.exec('update schema_version set version = 1000')
    newer.close()
    const before = readFileSync(path)
    const error = await whyNot(path)
    expect(error).toBeInstanceOf(StoreUnusableError)
    expect(error).toMatchObject({ reason: 'newer', retryable: false })
    expect((error as Error).message).toContain('update longline')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('is taken when it is empty', async () => {
    const path = temporaryFile()
    writeFileSync(path, '')
    expect(await whyNot(path)).toBe('it opened')
  })
})

describe('a damaged file', () => {
  it('is refused, or the command that meets the damage is', async () => {
    const path = await filledStore()
    const file = openSync(path, 'r+')
    const garbage = Buffer.alloc(4_096, 0xa5)
    for (let page = 1; page * 4_096 < statSync(path).size; page++)
      writeSync(file, garbage, 0, 4_096, page * 4_096)
    const store = sqlite({ path })
    const error = await Trial.run(
      async () => store,
      async trial => {
        await trial.spawn('orders')
      },
    ).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'store_unusable', reason: 'corrupt' })
  })
})

describe('a file that cannot be written', () => {
  it('is refused when it is opened, not when the first callback arrives', async () => {
    const path = await filledStore()
    const opening = createSqlite({ ...SETTINGS, path, readOnly: true }).open()
    await expect(opening).rejects.toMatchObject({ code: 'store_unusable', reason: 'read_only' })
    expect(await whyNot(path)).toBe('it opened')
  })

  it.each(['file', 'folder'])('is refused when permissions forbid it: a %s', async what => {
    const path = await filledStore()
    if (what === 'folder') writeFileSync(path, '')
    chmodSync(path, what === 'file' ? 0o444 : 0o666)
    chmodSync(dirname(path), 0o555)
    const before = readFileSync(path)
    const printed = await runAsNobody(`
      import { sqlite } from '${copyOfDist({ packages: LIBSQL })}'
      await sqlite({ path: ${JSON.stringify(path)} }).open().then(
        () => console.log('it opened'),
        error => console.log(error.code, error.reason),
      )`)
    expect(printed.trim()).toBe('store_unusable read_only')
    expect(readFileSync(path).equals(before)).toBe(true)
  })
})

it('a runtime without SQLite says which package to install', async () => {
  if ((await loadDriver()).name === 'node:sqlite') return
  const printed = await runAsNobody(`
    import { sqlite } from '${copyOfDist()}'
    await sqlite({ path: '/tmp/never.db' }).open().catch(error => console.log(error.code, error.message))`)
  expect(printed).toContain('invalid_options')
  expect(printed).toContain('npm install libsql')
})

/** What is built, in a folder of its own that anybody may read, with none of the packages that one may do without. */
function copyOfDist({ packages = [] as readonly string[] } = {}): string {
  const folder = dirname(temporaryFile())
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  for (const name of ['devalue', ...packages]) {
    cpSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true })
  }
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', imports: { '#sqlite-thread': './dist/sqlite-thread.js' } }),
  )
  chmodSync(folder, 0o755)
  return pathToFileURL(join(folder, 'dist', 'sqlite.js')).href
}

/** Root may write everywhere, so a process that may not is somebody else. */
function runAsNobody(program: string): Promise<string> {
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn(nodeForAnybody(), ['--input-type=module', '--eval', program], { ...nobody, cwd: '/' })
  return new Promise((resolve, reject) => {
    let printed = ''
    child.stdout.on('data', chunk => {
      printed += String(chunk)
    })
    child.stderr.on('data', chunk => {
      printed += String(chunk)
    })
    child.on('error', reject)
    child.on('close', () => resolve(printed))
  })
}

/** This very Node, in a place where another user may start it: it may be installed in somebody's own folder. */
function nodeForAnybody(): string {
  const folders: string[] = []
  for (let folder = dirname(process.execPath); folder !== dirname(folder); folder = dirname(folder))
    folders.push(folder)
  if (folders.every(folder => (statSync(folder).mode & 0o001) !== 0)) return process.execPath
  const copy = join(dirname(temporaryFile()), 'node')
  copyFileSync(process.execPath, copy)
  chmodSync(copy, 0o755)
  chmodSync(dirname(copy), 0o755)
  return copy
}
