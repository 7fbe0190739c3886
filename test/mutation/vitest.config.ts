import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/verify/**/*.test.ts'],
    // Chance, and libraries that take a second to load: what survives is to die by a test that says what it is about.
    exclude: ['test/verify/{fuzz,on-a-server}.test.ts', 'test/verify/counterparts/**'],
  },
})
