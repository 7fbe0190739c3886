// Biome formats and lints. This second linter holds one rule that needs the type checker: a promise that is
// neither awaited, returned, handled nor marked with `void` loses its rejection, and often its order too.
// (Biome has a rule of that name; it does not see through generics, `Map.get` or a loop over a `Set`.)

import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist/', 'test/types/', 'test/docs/.snippets/'] }, // type tests are compiled, never run
  {
    files: ['**/*.ts', '**/*.mjs'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { '@typescript-eslint/no-floating-promises': 'error' },
  },
)
