import { describe, it } from 'vitest'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { createSqlite, SETTINGS } from '../../src/store/sqlite/create-sqlite.js'
import { temporaryFile } from '../store/sqlite/support/temporary-file.js'
import { expectSameBehaviour } from '../support/store-model/expect-same-behaviour.js'

const memory = { name: 'memory', open: async () => memoryStore() }
const sqlite = {
  name: 'sqlite',
  open: async () => createSqlite({ ...SETTINGS, path: temporaryFile(), thread: 'calling' }),
}

describe('random commands', () => {
  it('lose nothing that was accepted, and settle nothing twice', async () => {
    await expectSameBehaviour([memory], { stories: 300, length: 80 })
  })

  it('are answered alike by every store', { timeout: 60_000 }, async () => {
    await expectSameBehaviour([memory, sqlite], { stories: 50, length: 60 })
  })
})
