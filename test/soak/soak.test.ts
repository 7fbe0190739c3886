import { expect, it } from 'vitest'
import { newSchema } from '../store/postgres/support/schema.js'
import { grown, toTable } from './sizes.mjs'
import { soak } from './soak.mjs'

// What would be wrong: something that is written with every callback and never let go of, in a table or in an index. A disk
// that fills within months.

const PAGE = 8_192

it('the tables stay as large as they are, however much passes through them', async () => {
  // Vacuumed at each mark: when the server would do it by itself, on a busy machine, is not for a test to know. What is left is
  // room for what passed since the mark before.
  const marks = await soak({
    url: process.env.LONGLINE_TEST_POSTGRES ?? '',
    schema: newSchema(),
    callbacks: 6_000,
    every: 400,
    pace: { retentionMs: 0, sweepMs: 50, concurrency: 64, keylessEvery: 10 },
    vacuums: true,
  })
  expect(grown(marks, 2 * PAGE), toTable(marks, 0)).toEqual([])
}, 120_000)
