import { describe, expect, it } from 'vitest'
import { CallbackServer, type Logger } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { sqlite } from '../../src/store/sqlite/sqlite.js'
import type { StoreSession } from '../../src/store/store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { type LogLine, openTestServer, publicUrl, recordingLogger } from '../support/server.js'
import { temporaryFile } from '../support/stores.js'

// What would be wrong without it: a program that starts beside another one hangs for 15 seconds, and nobody says why.

describe('a server whose file another one has open', () => {
  it('says so after a second, and who that is, and opens when the other one has left', async () => {
    const path = temporaryFile()
    const owner = await sqlite({ path }).open()
    const lines: LogLine[] = []
    const { logger, warned } = listeningLogger(lines)
    const opening = CallbackServer.open({ store: path, publicUrl, logger })
    await warned
    await owner.close()
    await (await opening).close()

    const facts = {
      store: path,
      owner: expect.stringMatching(`^this very process \\(${process.pid}\\) on .*, since \\d{4}-`),
      giveUpInMs: 14_000,
    }
    const message = 'the store is open elsewhere; waiting for its owner to leave'
    expect(lines).toEqual([{ level: 'warn', facts, message }])
  }, 10_000) // less than the 15 s after which it would give up

  it('has nothing to say when it does not have to wait', async () => {
    const bench = await openTestServer({ store: temporaryFile() })
    await bench.server.close()
    expect(bench.logged).toEqual([])
  })
})

describe('a server whose store takes its time', () => {
  it('says so once after a second, whatever the store is', async () => {
    const clock = new ManualClock()
    const lines: LogLine[] = []
    const memory = memoryStore()
    let open = (_: StoreSession) => {}
    const slow = { ...memory, open: () => new Promise<StoreSession>(resolve => (open = resolve)) }
    const opening = CallbackServer.open({ store: slow, publicUrl, clock, logger: recordingLogger(lines) })
    await clock.advance('999ms')
    expect(lines).toEqual([])

    await clock.advance('5s')
    open(await memory.open())
    await (await opening).close()
    const message = 'the store is not open yet; another process may have it, or nobody answers'
    expect(lines).toEqual([{ level: 'warn', facts: { store: 'memory' }, message }])
  })

  it('has nothing to say, and keeps no timer, when it opens or fails in time', async () => {
    const clock = new ManualClock()
    const lines: LogLine[] = []
    const options = { publicUrl, clock, logger: recordingLogger(lines) }
    const broken = { ...memoryStore(), open: () => Promise.reject(new Error('no')) }
    await expect(CallbackServer.open({ store: broken, ...options })).rejects.toThrow('no')
    expect(clock.timers).toBe(0)

    const server = await CallbackServer.open({ store: memoryStore(), ...options })
    await clock.advance('1m')
    await server.close()
    expect(lines).toEqual([])
  })
})

function listeningLogger(lines: LogLine[]): { logger: Logger; warned: Promise<void> } {
  let tell = () => {}
  const warned = new Promise<void>(resolve => (tell = resolve))
  const recording = recordingLogger(lines)
  const warn = (facts: object, message: string) => {
    recording.warn(facts, message)
    tell()
  }
  return { logger: { ...recording, warn }, warned }
}
