import { NOT_DURABLE, startPostgres } from '../../scripts/postgres.mjs'

/** One server for the whole test run: the one of LONGLINE_TEST_POSTGRES, or one of our own. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env.LONGLINE_TEST_POSTGRES !== undefined) return undefined
  const server = await startPostgres(NOT_DURABLE)
  process.env.LONGLINE_TEST_POSTGRES = server.url
  return () => server.remove()
}
