import { onTestFinished } from 'vitest'
import { CallbackServer, type ListenOptions, type Store } from '../../../src/index.js'
import { makeSchema, newSchema, storeIn, testPool } from '../../store/postgres/support/schema.js'
import { recordingLogger } from '../../support/server.js'
import { stores } from '../../support/stores.js'

/** All of them, Postgres too, for `describe.each`: a name, and how to make one that is empty. */
export const everyStore: readonly (readonly [name: string, make: () => Promise<string | Store>])[] = [
  ...stores.map(([name, place]) => [name, async () => place()] as const),
  ['postgres', emptySchema],
]

/** A server that is reached by HTTP, with what the test brings, until the test is over. */
export async function listen(options: ListenOptions): Promise<CallbackServer> {
  const server = await CallbackServer.listen({ port: 0, logger: recordingLogger([]), ...options })
  onTestFinished(() => server.close({ grace: 0 }))
  return server
}

async function emptySchema(): Promise<Store> {
  const schema = newSchema()
  await makeSchema(schema)
  return storeIn(schema, testPool(), { judgesBy: 'database' })
}
