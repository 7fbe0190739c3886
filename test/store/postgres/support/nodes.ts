import pg from 'pg'
import { onTestFinished } from 'vitest'
import { CallbackServer, type ServerOptions, type Store } from '../../../../src/index.js'
import { postgres } from '../../../../src/store/postgres/postgres.js'
import type { Pace } from '../../../../src/store/store.js'
import { type LogLine, publicUrl, recordingLogger } from '../../../support/server.js'
import { withCommands } from '../../../support/store.js'

// Nodes of a cluster in this process: real servers, each with a pool of its own, in one schema.

/** So that nobody has to wait long for a lease to run out. */
export const BRISK: Pace = { pollMs: 100, leaseMs: 2_000, renewMs: 250, sweepMs: 60_000 }

export interface TestNode {
  readonly server: CallbackServer
  readonly pool: pg.Pool
  readonly logged: readonly LogLine[]
  post(url: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

export interface NodeOptions extends ServerOptions {
  readonly url?: string
  readonly pool?: pg.PoolConfig
  readonly pace?: Partial<Pace>
}

/** It is closed, and its pool is ended, when the test is over. */
export async function openNode(schema: string, options: NodeOptions = {}): Promise<TestNode> {
  const { url, pool: config, pace, ...others } = options
  const pool = new pg.Pool({ connectionString: url ?? process.env.LONGLINE_TEST_POSTGRES, max: 5, ...config })
  const logged: LogLine[] = []
  const server = await CallbackServer.open({
    publicUrl,
    logger: recordingLogger(logged),
    store: paced(postgres({ pool, schema }), { ...BRISK, ...pace }),
    ...others,
  })
  onTestFinished(async () => {
    await server.close({ grace: 0 }).catch(() => {}) // the test may have taken its database away
    await pool.end()
  }, 60_000)
  return {
    server,
    pool,
    logged,
    post: (to, body = {}, headers = {}) =>
      server.fetch(
        new Request(to, {
          method: 'POST',
          body: body instanceof Uint8Array ? body : JSON.stringify(body),
          headers: {
            'content-type': body instanceof Uint8Array ? 'application/octet-stream' : 'application/json',
            ...headers,
          },
        }),
      ),
  }
}

export function paced(store: Store, pace: Pace): Store {
  return withCommands(store, () => ({ pace }))
}
