import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^longline$/, replacement: file('src/index.ts') },
      { find: /^longline\/sqlite$/, replacement: file('src/store/sqlite/sqlite.ts') },
      { find: /^longline\/testing$/, replacement: file('src/testing/testing.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
  },
})
