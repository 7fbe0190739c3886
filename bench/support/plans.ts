// What bench/plans.mjs runs: the stories of test/store/postgres/plans.test.ts, on tables with as many rows as one likes.

import { Trial } from '../../src/testing/conformance/trial.js'
import { makeFilledSchema } from '../../test/store/postgres/support/filled-schema.js'
import {
  readFirstColumns,
  type Scan,
  type Statement,
  tooWide,
  WatchedPool,
} from '../../test/store/postgres/support/plans.js'
import { newSchema, storeIn, testPool } from '../../test/store/postgres/support/schema.js'
import { STORIES } from '../../test/store/postgres/support/stories.js'

/** One statement of a function, however often it was carried out. */
export interface Planned {
  readonly within: string
  readonly text: string
  readonly times: number
  /** Each way in which it looked at a table. */
  readonly scans: readonly string[]
  /** Of all times it was carried out. */
  readonly mostPages: number
  readonly medianMs: number
  readonly mostMs: number
}

export interface Plans {
  readonly statements: readonly Planned[]
  readonly wrong: readonly Scan[]
  /** Bytes of tables and indexes. */
  readonly size: number
}

/** On the server of LONGLINE_TEST_POSTGRES, in a schema that is gone afterwards. */
export async function measurePlans(rows: number, onProgress: (what: string) => void): Promise<Plans> {
  const schema = newSchema()
  const watched = new WatchedPool()
  try {
    await makeFilledSchema(schema, {
      rows,
      isAnalysed: true,
      onTable: table => onProgress(`filling ${table}`),
    })
    const store = storeIn(schema, watched.pool)
    const all: Statement[] = []
    for (const [title, story] of STORIES) {
      onProgress(title)
      watched.take()
      await Trial.run(
        async () => store,
        async trial => void (await story(trial)),
      )
      all.push(...watched.take())
    }
    return {
      statements: summarise(all),
      wrong: tooWide(
        all.flatMap(({ scans }) => scans),
        await readFirstColumns(schema),
      ),
      size: await sizeOf(schema),
    }
  } finally {
    await watched.pool.end()
    await testPool().query(`drop schema if exists ${schema} cascade`)
    await testPool().end()
  }
}

/** Those that looked at a table, function by function. */
function summarise(statements: readonly Statement[]): readonly Planned[] {
  const groups = new Map<string, Statement[]>()
  for (const statement of statements) {
    if (statement.scans.length === 0) continue
    const key = `${statement.within ?? ''}\n${statement.text}`
    groups.set(key, [...(groups.get(key) ?? []), statement])
  }
  return [...groups.values()].map(toPlanned).sort((a, b) => compare(a.within, b.within))
}

function toPlanned(same: readonly Statement[]): Planned {
  const ms = same.map(statement => statement.ms).sort((a, b) => a - b)
  return {
    within: same[0]?.within ?? '',
    text: same[0]?.text ?? '',
    times: same.length,
    scans: [...new Set(same.flatMap(({ scans }) => scans.map(({ how, table }) => toScan(how, table))))],
    mostPages: Math.max(...same.map(({ pages }) => pages)),
    medianMs: ms[Math.floor(ms.length / 2)] ?? 0,
    mostMs: ms.at(-1) ?? 0,
  }
}

/** The name of an index says of which table it is. */
function toScan(how: string, table: string): string {
  const index = /^Index (?:Only )?Scan (\w+)$/.exec(how)?.[1]
  return index ?? `${how} on ${table}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

async function sizeOf(schema: string): Promise<number> {
  const { rows } = await testPool().query<{ size: number }>(
    'select sum(pg_total_relation_size(oid))::float8 as size from pg_class where relnamespace = $1::regnamespace and relkind = $2',
    [schema, 'r'],
  )
  return rows[0]?.size ?? 0
}
