import { createSqlite, SETTINGS } from '../../src/store/sqlite/create-sqlite.js'
import { describeStore } from '../../src/testing/describe-store.js'
import { temporaryFile } from '../store/sqlite/support/temporary-file.js'

describeStore({
  name: 'sqlite, on a thread of its own',
  open: async () => createSqlite({ ...SETTINGS, path: temporaryFile(), thread: 'own' }),
})

describeStore({
  name: 'sqlite, on the calling thread',
  open: async () => createSqlite({ ...SETTINGS, path: temporaryFile(), thread: 'calling' }),
})
