import { ensureBuilt } from '../../scripts/build.mjs'

/**
 * Tests import the sources, but the SQLite store runs its worker thread from dist, and so do the tests that start
 * processes of their own. `npm test` has built dist before; this is for a run of single files.
 */
export default async function buildThread(): Promise<void> {
  try {
    await ensureBuilt()
  } catch (error) {
    console.error(
      'dist could not be built: tests that start a thread or a process run OLD code, or none',
      error,
    )
  }
}
