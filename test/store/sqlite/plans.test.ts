import { expect, it } from 'vitest'
import { Engine } from '../../../src/store/sqlite/engine.js'
import { openConnection, watched } from './support/engine.js'

// What would be wrong without it: a statement that looks at every row is fast in every test and stops the server with a
// million receivers. The engine has no statistics, so its plans are the same for ten rows and for ten million.

/** Whole, because they hold nothing but what is wanted, or what the caller handed in. */
const READ_WHOLE = [
  'SCAN asked VIRTUAL TABLE',
  'SCAN json_each VIRTUAL TABLE',
  'SCAN CONSTANT ROW',
  // Few: an epoch that is over goes when nothing is held under it.
  'SCAN nodes',
  // Ends that no sweep has told of, up to its limit.
  'SCAN m USING INDEX mailboxes_untold',
  // What a page of memories comes to, up to its limit.
  'SCAN page',
  // In order, up to its limit.
  'SCAN due_lanes USING COVERING INDEX due_lanes_due',
  'SCAN doomed_lanes',
  // The first in turn.
  'SCAN fan_outs USING INDEX fan_outs_turn',
  'SCAN fan_outs USING COVERING INDEX fan_outs_turn',
]

it('no statement looks at a whole table, or sorts what an index could have sorted', async () => {
  const plans = await readPlans()
  expect(plans.length).toBeGreaterThan(80)
  const wrong = plans.filter(
    ({ detail }) =>
      /^SCAN|TEMP B-TREE/.test(detail) && !READ_WHOLE.some(allowed => detail.startsWith(allowed)),
  )
  expect(wrong).toEqual([])
})

it('what a million open receivers have in common finds none of them', async () => {
  const plans = await readPlans()
  // With nothing but the state to go by, every open receiver would be looked at.
  expect(plans.filter(({ detail }) => detail.endsWith('mailboxes_state (state=?)'))).toEqual([])
})

it('a list of deliveries begins and ends where it was told to, by whatever index it is read', async () => {
  const plans = (await readPlans()).filter(
    ({ sql, detail }) => /order by d\.id (asc|desc) limit/.test(sql) && detail.startsWith('SEARCH d '),
  )
  expect(plans.length).toBeGreaterThanOrEqual(14)
  expect(plans.filter(({ detail }) => !detail.endsWith('id>? AND id<?)'))).toEqual([])
})

/** How each statement of the engine is carried out. */
async function readPlans(): Promise<{ readonly sql: string; readonly detail: string }[]> {
  const connection = await openConnection()
  const statements = new Set<string>()
  new Engine(watched(connection, { onPrepare: sql => statements.add(sql) }))
  return [...statements].flatMap(sql => {
    const plan = connection.prepare<{ detail: string }>(`explain query plan ${sql}`)
    return plan
      .all(...Array.from({ length: countValues(sql) }, () => 0))
      .map(({ detail }) => ({ sql, detail }))
  })
}

function countValues(sql: string): number {
  const numbers = [...sql.matchAll(/\?(\d+)/g)].map(([, number]) => Number(number))
  return numbers.length > 0 ? Math.max(...numbers) : sql.split('?').length - 1
}
