import pg from 'pg'

/** One scan of a statement that was carried out, within however many calls of functions. */
export interface Scan {
  readonly statement: string
  readonly table: string
  readonly how: string
  /** All that it looked at, also what it then had no use for. */
  readonly rows: number
}

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly Plans?: readonly Node[]
}

/** A pool whose server tells how it carried out each statement, those within functions too. */
export class WatchedPool {
  readonly pool: pg.Pool
  #scans: Scan[] = []

  constructor() {
    this.pool = new pg.Pool({
      connectionString: process.env.LONGLINE_TEST_POSTGRES,
      max: 2, // one listens
      allowExitOnIdle: true,
      options: [
        '-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0',
        '-c auto_explain.log_nested_statements=on -c auto_explain.log_analyze=on -c auto_explain.log_timing=off',
        '-c auto_explain.log_format=json -c client_min_messages=log',
      ].join(' '),
    })
    this.pool.on('connect', client => {
      client.on('notice', ({ message }) => this.#note(message ?? ''))
    })
  }

  /** What was looked at since it was asked for last. */
  take(): readonly Scan[] {
    const scans = this.#scans
    this.#scans = []
    return scans
  }

  #note(message: string): void {
    const start = message.indexOf('{')
    if (!message.startsWith('duration:') || start < 0) return
    const told = JSON.parse(message.slice(start)) as { readonly 'Query Text': string; readonly Plan: Node }
    this.#scans.push(...scansOf(told.Plan, told['Query Text']))
  }
}

function scansOf(node: Node, statement: string): Scan[] {
  const within = (node.Plans ?? []).flatMap(plan => scansOf(plan, statement))
  const { 'Relation Name': table } = node
  if (table === undefined || !node['Node Type'].endsWith('Scan')) return within
  const each =
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  const scan = {
    statement: statement.replaceAll(/\s+/g, ' ').slice(0, 300),
    table,
    how: `${node['Node Type']} ${node['Index Name'] ?? ''}`.trim(),
    rows: Math.round(each * node['Actual Loops']),
  }
  return [scan, ...within]
}
