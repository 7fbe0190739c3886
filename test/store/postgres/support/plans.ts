import pg from 'pg'
import { testPool } from './schema.js'

/** A statement that was carried out, within however many calls of functions. */
export interface Statement {
  readonly text: string
  /** The function that it is in; none for what was sent as it is. */
  readonly within?: string
  readonly ms: number
  /** Pages looked at, wherever they were. */
  readonly pages: number
  readonly scans: readonly Scan[]
}

export interface Scan {
  readonly statement: string
  readonly table: string
  readonly how: string
  readonly index?: string
  /** By what it is found in the index; all of the index without one. */
  readonly condition?: string
  /** All that it looked at, also what it then had no use for. */
  readonly rows: number
}

/** More than any command looks at: a window over what is due, some pages, a limit. */
const MOST = 2_500

/** Nodes are few, and forgotten when they are over; the version of the schema is one. */
const FEW = new Set(['nodes', 'schema_version'])

/**
 * Those that looked at what is none of a command's business. A condition that says nothing of an index's first column leaves
 * all of it to be read, and what was read in vain there is counted nowhere.
 */
export function tooWide(scans: readonly Scan[], firstColumns: ReadonlyMap<string, string>): readonly Scan[] {
  return scans.filter(({ table, rows, how, index, condition }) => {
    if (rows > MOST || (how === 'Seq Scan' && !FEW.has(table))) return true
    const first = firstColumns.get(index ?? '')
    return condition !== undefined && first !== undefined && !isOf(condition, first)
  })
}

/** Whether a condition names a column, or an expression, which is written with more quotes in the one than in the other. */
function isOf(condition: string, first: string): boolean {
  if (/^\w+$/.test(first)) return new RegExp(`\\b${first}\\b`).test(condition)
  return condition.replaceAll("'", '').includes(first.replaceAll("'", ''))
}

/** The first column of each index of a schema. */
export async function readFirstColumns(schema: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await testPool().query<{ index: string; first: string }>(
    `select c.relname as index, pg_get_indexdef(i.indexrelid, 1, true) as first
       from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = $1::regnamespace`,
    [schema],
  )
  return new Map(rows.map(({ index, first }) => [index, first]))
}

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Shared Hit Blocks'?: number
  readonly 'Shared Read Blocks'?: number
  readonly Plans?: readonly Node[]
}

/** A pool whose server tells how it carried out each statement, those within functions too. */
export class WatchedPool {
  readonly pool: pg.Pool
  #statements: Statement[] = []

  constructor() {
    this.pool = new pg.Pool({
      connectionString: process.env.LONGLINE_TEST_POSTGRES,
      max: 2, // one listens
      allowExitOnIdle: true,
      options: [
        '-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0',
        '-c auto_explain.log_nested_statements=on -c auto_explain.log_analyze=on -c auto_explain.log_timing=off',
        '-c auto_explain.log_buffers=on -c auto_explain.log_format=json -c client_min_messages=log',
      ].join(' '),
    })
    this.pool.on('connect', client => {
      client.on('notice', notice => this.#note(notice.message ?? '', notice.where ?? ''))
    })
  }

  /** What was carried out since it was asked for last. */
  take(): readonly Statement[] {
    const statements = this.#statements
    this.#statements = []
    return statements
  }

  #note(message: string, where: string): void {
    const start = message.indexOf('{')
    const ms = /^duration: ([\d.]+) ms/.exec(message)?.[1]
    if (ms === undefined || start < 0) return
    const told = JSON.parse(message.slice(start)) as { readonly 'Query Text': string; readonly Plan: Node }
    const text = told['Query Text'].replaceAll(/\s+/g, ' ').trim()
    const within = /function (?:\w+\.)?(\w+)\(/.exec(where)?.[1]
    this.#statements.push({
      text,
      ...(within === undefined ? {} : { within }),
      ms: Number(ms),
      pages: (told.Plan['Shared Hit Blocks'] ?? 0) + (told.Plan['Shared Read Blocks'] ?? 0),
      scans: scansOf(told.Plan, text.slice(0, 300)),
    })
  }
}

function scansOf(node: Node, statement: string): Scan[] {
  const within = (node.Plans ?? []).flatMap(plan => scansOf(plan, statement))
  const { 'Relation Name': table, 'Index Name': index, 'Index Cond': condition } = node
  if (table === undefined || !node['Node Type'].endsWith('Scan')) return within
  const each =
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  const scan = {
    statement,
    table,
    how: `${node['Node Type']} ${index ?? ''}`.trim(),
    ...(index === undefined ? {} : { index }),
    ...(condition === undefined ? {} : { condition }),
    rows: Math.round(each * node['Actual Loops']),
  }
  return [scan, ...within]
}
