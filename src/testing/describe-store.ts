import { InvalidOptionsError } from '../errors.js'
import type { Store } from '../store/store.js'
import { AREAS } from './conformance/areas.js'
import { Trial } from './conformance/trial.js'

export interface DescribeStoreOptions {
  readonly name: string
  /** A fresh, empty store, not opened yet. Called once for each case. */
  readonly open: () => Promise<Store>
  /** Titles of cases that this store does not pass, each with the reason. */
  readonly exempt?: Readonly<Record<string, string>>
}

/**
 * The conformance suite, for stores of one's own: registers its tests with the runner's global `describe` and `it`, as
 * jest, mocha and vitest (with `globals: true`) have them.
 *
 * ```ts
 * describeStore({ name: 'ours', open: async () => new OurStore(await emptyDatabase()) })
 * ```
 *
 * @throws InvalidOptionsError without a runner, for an exempt title that no case has, and for one without a reason.
 */
export function describeStore({ name, open, exempt = {} }: DescribeStoreOptions): void {
  const { describe, it } = findRunner()
  const titles = new Set(AREAS.flatMap(area => area.cases.map(({ title }) => title)))
  for (const [title, reason] of Object.entries(exempt)) {
    if (!titles.has(title)) {
      throw new InvalidOptionsError(`exempt names a case that does not exist: '${title}'`)
    }
    if (reason.trim() === '') throw new InvalidOptionsError(`exempt needs a reason for '${title}'`)
  }
  describe(`the store ${name}`, () => {
    for (const area of AREAS) {
      describe(area.title, () => {
        for (const { title, run } of area.cases) {
          const reason = exempt[title]
          const test = () => Trial.run(open, run)
          if (reason === undefined) it(title, test)
          else it.skip(`${title} (exempt: ${reason})`, test)
        }
      })
    }
  })
}

interface Runner {
  describe(title: string, body: () => void): void
  it: {
    (title: string, test: () => Promise<void>): void
    skip(title: string, test: () => Promise<void>): void
  }
}

function findRunner(): Runner {
  const { describe, it } = globalThis as Partial<Runner>
  if (typeof describe !== 'function' || typeof it !== 'function') {
    throw new InvalidOptionsError(
      'describeStore needs a test runner with a global describe and it, as jest and mocha have them; in vitest set test.globals to true',
    )
  }
  return { describe, it }
}
