import { describe, it } from 'vitest'
import { createSqlite, SETTINGS } from '../../../src/store/sqlite/create-sqlite.js'
import { expectSameMessages } from '../../support/twins/messages.js'
import { expectSameScopes } from '../../support/twins/scopes.js'
import { expectSameTopics } from '../../support/twins/topics.js'
import { temporaryFile } from './support/temporary-file.js'

const sqlite = {
  open: async () => createSqlite({ ...SETTINGS, path: temporaryFile(), thread: 'calling' }),
  stories: 25,
}

describe('SQLite says the same as the store in memory, whatever is asked of it', { timeout: 300_000 }, () => {
  it('of receivers, callbacks and deliveries', () => expectSameMessages(sqlite))

  it('of scopes and runs', () => expectSameScopes(sqlite))

  it('of topics, subscriptions, lanes and ends', () => expectSameTopics(sqlite))
})
