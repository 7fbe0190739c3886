import { defineConfig } from 'tsup'

const subpaths = {
  index: 'src/index.ts',
  sqlite: 'src/store/sqlite/sqlite.ts',
  postgres: 'src/store/postgres/postgres.ts',
  verify: 'src/verify/verify.ts',
  testing: 'src/testing/testing.ts',
}

export default defineConfig({
  entry: { ...subpaths, 'sqlite-thread': 'src/store/sqlite/thread-entry.ts' },
  dts: { entry: subpaths },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  splitting: true, // one copy of each class, or `instanceof` breaks between subpaths
  removeNodeProtocol: false, // `node:sqlite` has no name without it
  sourcemap: true,
  clean: true,
})
