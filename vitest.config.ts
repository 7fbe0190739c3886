import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    // In this process `longline` is the sources; the processes that tests start import it from dist.
    alias: [
      { find: /^longline$/, replacement: file('src/index.ts') },
      { find: /^longline\/sqlite$/, replacement: file('src/store/sqlite/sqlite.ts') },
      { find: /^longline\/postgres$/, replacement: file('src/store/postgres/postgres.ts') },
      { find: /^longline\/verify$/, replacement: file('src/verify/verify.ts') },
      { find: /^longline\/testing$/, replacement: file('src/testing/testing.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globals: true, // describeStore registers its cases with the runner's own describe and it
    globalSetup: ['test/support/build-thread.ts', 'test/support/start-postgres.ts'],
    pool: 'forks', // a native driver may not be loaded twice into one process
    testTimeout: 20_000,
    hookTimeout: 20_000,
    typecheck: { include: ['test/types/**/*.test-d.ts'], tsconfig: 'tsconfig.json' },
  },
})
