import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { after as later, random, randomBytes, soon, systemClock } from '../../src/core/clock.js'

describe('the clock of the system', () => {
  afterEach(() => void vi.useRealTimers())

  it('reads wall time and a time that only grows', () => {
    const before = Date.now()
    const wall = systemClock.now()
    expect(wall).toBeGreaterThanOrEqual(before)
    expect(wall).toBeLessThanOrEqual(Date.now())
    const [first, second] = [systemClock.monotonic(), systemClock.monotonic()]
    expect(second).toBeGreaterThanOrEqual(first)
  })

  it('fires a timer at its instant and not before', async () => {
    for (let round = 0; round < 20; round++) {
      const at = systemClock.monotonic() + round / 7
      const fired = await new Promise<number>(resolve =>
        systemClock.setTimer(at, () => resolve(systemClock.monotonic())),
      )
      expect(fired).toBeGreaterThanOrEqual(at)
    }
  })

  it('fires a timer whose instant is past in a later turn', async () => {
    let inTheSameCall = true
    await new Promise<void>(resolve => {
      systemClock.setTimer(systemClock.monotonic() - 1000, () => {
        expect(inTheSameCall).toBe(false)
        resolve()
      })
      inTheSameCall = false
    })
  })

  it('keeps a timer that is further away than the platform can express', () => {
    vi.useFakeTimers()
    let fired = 0
    const days = 86_400_000
    later(systemClock, 60 * days, () => fired++)
    vi.advanceTimersByTime(60 * days - 1)
    expect(fired).toBe(0)
    vi.advanceTimersByTime(1)
    expect(fired).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not fire a timer that was cancelled, also in a later stretch of a long one', () => {
    vi.useFakeTimers()
    const days = 86_400_000
    const cancels = [
      later(systemClock, 1000, () => expect.unreachable()),
      later(systemClock, 60 * days, () => expect.unreachable()),
    ]
    cancels[0]?.()
    vi.advanceTimersByTime(30 * days)
    cancels[1]?.()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(60 * days)
  })

  it('lets the process end when the waits of an hour have ended', async () => {
    const folder = await compiled([
      ...['errors', 'core/clock', 'core/duration', 'core/option-names', 'core/wait', 'core/race'],
    ])
    const script = `
      import { systemClock } from './core/clock.js'
      import { race } from './core/race.js'
      import { createWait } from './core/wait.js'
      const { signal } = new AbortController()
      const start = () => createWait({ clock: systemClock, what: 'nothing', timeout: '1h', signal })
      start().wait.cancel()
      start().fulfil('found')
      race({ a: () => start().wait, b: () => start().wait }, { signal }).cancel()
      console.log('made and ended')
    `
    const run = promisify(execFile)
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      timeout: 20_000,
    })
    expect([stdout, stderr]).toEqual(['made and ended\n', ''])
  }, 30_000)
})

/** The named files of src as a process without a test runner can load them. */
async function compiled(files: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'longline-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  for (const file of files) {
    const source = await readFile(new URL(`../../src/${file}.ts`, import.meta.url), 'utf8')
    const compilerOptions = { target: ScriptTarget.ES2022, module: ModuleKind.ESNext }
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, `${file}.js`), transpileModule(source, { compilerOptions }).outputText)
  }
  return folder
}

describe('soon', () => {
  it('comes after what is under way in this turn, in order', async () => {
    const order: string[] = []
    soon(() => order.push('soon'))
    void Promise.resolve().then(() => order.push('reaction'))
    order.push('now')
    await new Promise<void>(soon)
    expect(order).toEqual(['now', 'reaction', 'soon'])
  })
})

describe('chance', () => {
  it('gives numbers from 0 to below 1', () => {
    for (let count = 0; count < 1000; count++) {
      const number = random()
      expect(number >= 0 && number < 1).toBe(true)
    }
  })

  it('gives bytes of its own to everybody, never the same twice', () => {
    const seen = new Set<string>()
    for (let count = 0; count < 2000; count++) {
      const bytes = randomBytes(16)
      expect([bytes.length, bytes.byteOffset, bytes.buffer.byteLength]).toEqual([16, 0, 16])
      seen.add(Buffer.from(bytes).toString('hex'))
    }
    expect(seen.size).toBe(2000)
    expect(randomBytes(0)).toHaveLength(0)
    expect(new Set(randomBytes(100_000)).size).toBe(256)
  })
})
