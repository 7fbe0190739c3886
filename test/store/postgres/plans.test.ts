import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../../../src/store/store.js'
import { Trial } from '../../../src/testing/conformance/trial.js'
import { makeFilledSchema } from './support/filled-schema.js'
import { readFirstColumns, tooWide, WatchedPool } from './support/plans.js'
import { newSchema, storeIn } from './support/schema.js'
import { STORIES } from './support/stories.js'

// What would be wrong without it: a statement that looks at every row is fast in every test and stops the server with a
// million receivers. So every table is large here, nearly all of it none of the command's business, and each scan is
// counted, whatever the plan calls itself. Statistics lie about tables that grow fast, so they lie here, too.

const ROWS = 6_000

describe.each(['before they were filled', 'when they were full'])('statistics made %s', made => {
  const watched = new WatchedPool()
  let store: Store
  let firstColumns: ReadonlyMap<string, string>

  beforeAll(async () => {
    const schema = newSchema()
    await makeFilledSchema(schema, { rows: ROWS, isAnalysed: made === 'when they were full' })
    firstColumns = await readFirstColumns(schema)
    store = storeIn(schema, watched.pool)
  }, 120_000)

  afterAll(() => watched.pool.end())

  it.each(STORIES)('%s without looking at what is none of its business', async (_, story) => {
    watched.take()
    await Trial.run(
      async () => store,
      async trial => void (await story(trial)),
    )
    const scans = watched.take().flatMap(statement => statement.scans)
    expect(scans.length).toBeGreaterThan(5)
    expect(tooWide(scans, firstColumns)).toEqual([])
  })
})
