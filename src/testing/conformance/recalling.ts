import assert from 'node:assert/strict'
import { toText } from '../../core/bytes.js'
import type { MemoryKey } from '../../model/memory.js'
import type { Result } from '../../model/run.js'
import type { Remembered } from '../../store/scoping.js'
import { enterRun } from './entered-run.js'
import { bytesOf, type EnteredScope, placeAt } from './entered-scope.js'
import { type Area, MINUTE } from './trial.js'

const MEBIBYTE = 1024 * 1024

/** How what a scope remembers is read back. */
export const recalling: Area = {
  title: 'recalling',
  cases: [
    {
      title: 'two scopes remember apart, and one that nobody knows remembers nothing',
      async run(trial) {
        const [one, other] = [await enterRun(trial), await enterRun(trial)]
        await one.remember('book', 'one')
        await other.remember('book', 'other')
        const resultOf = async (scope: EnteredScope) => texts(await scope.memories())
        assert.deepEqual([await resultOf(one), await resultOf(other)], [['one'], ['other']])
        assert.deepEqual(await one.recall({ scopeId: 'run_nobody' }), { memories: [] })
      },
    },
    {
      title: 'recalls in the order in which things were first remembered, also what was completed later',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        await scope.read('reply', receiver, { deadlineAt: trial.now + MINUTE })
        await scope.exchange('ask')
        await scope.remember('book', 'booked')
        const order = async () => (await scope.memories()).map(({ at: { key, n } }) => [key, n])
        const expected = [
          ['reply', 0],
          ['reply', 1],
          ['ask', 0],
          ['book', 0],
        ]
        assert.deepEqual(await order(), expected)
        trial.pass(MINUTE)
        await scope.read('reply', receiver)
        assert.equal((await scope.endAt(placeAt('reply', 1)))?.type, 'timed_out')
        assert.deepEqual(await order(), expected)
      },
    },
    {
      title: 'recalls in pages, and the last one names no next',
      async run(trial) {
        const scope = await enterRun(trial)
        const keys = Array.from({ length: 9 }, (_, index) => `${(index * 7) % 9}`)
        for (const key of keys) await scope.remember(key, key)
        for (const limit of [1, 2, 3, 4, 9, 10]) {
          const pages = await pagesOf(scope, limit)
          assert.ok(pages.slice(0, -1).every(page => page.length === limit))
          assert.equal(pages.length, Math.ceil(keys.length / limit))
          assert.deepEqual(texts(pages.flat()), keys)
        }
      },
    },
    {
      title: 'recalls from a place on, and nothing where nothing is remembered',
      async run(trial) {
        const scope = await enterRun(trial)
        for (const key of ['a', 'b', 'c', 'd']) await scope.remember(key, key)
        await scope.remember(placeAt('b', 0, 'cb_1'), 'part')
        const from = async (at: MemoryKey, limit = 10) =>
          texts((await scope.recall({ from: at, limit })).memories)
        assert.deepEqual(await from(placeAt('b')), ['b', 'c', 'd', 'part'])
        assert.deepEqual(await from(placeAt('b', 0, 'cb_1')), ['part'])
        assert.deepEqual(await from(placeAt('b', 1)), [])
        assert.deepEqual(await from(placeAt('b', 0, 'cb_2')), [])
        assert.deepEqual(await from(placeAt('e')), [])
        const first = await scope.recall({ from: placeAt('b'), limit: 2 })
        assert.deepEqual(texts(first.memories), ['b', 'c'])
        assert.deepEqual(texts((await scope.recall({ after: first.next ?? 0, limit: 9 })).memories), [
          'd',
          'part',
        ])
      },
    },
    {
      title: 'a page is cut short where its values would be too many at once, but holds one at least',
      async run(trial) {
        const scope = await enterRun(trial)
        const large = new Uint8Array(5 * MEBIBYTE).fill(7)
        const sizes = [1, MEBIBYTE, MEBIBYTE, MEBIBYTE, large.length, 1, 1]
        for (const [index, size] of sizes.entries()) {
          const result: Result = { type: 'value', bytes: large.subarray(0, size) }
          await scope.remember(`${index}`, { verb: 'step', result })
        }
        const pages = await pagesOf(scope, 100)
        assert.deepEqual(
          pages.flat().map(({ memory }) => bytesOf(memory).length),
          sizes,
        )
        for (const page of pages) {
          const total = page.reduce((sum, { memory }) => sum + bytesOf(memory).length, 0)
          assert.ok(page.length === 1 || total <= 4 * MEBIBYTE, `a page of ${total} bytes`)
        }
      },
    },
    {
      title: 'ten thousand memories are there, in order, page by page and from any of them on',
      async run(trial) {
        const scope = await enterRun(trial)
        const count = 10_000
        await Promise.all(
          Array.from({ length: count }, (_, index) => scope.remember(`step/${index}`, `${index}`)),
        )
        const pages = await pagesOf(scope, 1_000)
        assert.deepEqual(
          texts(pages.flat()),
          Array.from({ length: count }, (_, index) => `${index}`),
        )
        for (const index of [0, 4_711, count - 1]) {
          const { memories } = await scope.recall({ from: placeAt(`step/${index}`), limit: 1 })
          assert.deepEqual(texts(memories), [`${index}`])
        }
      },
    },
  ],
}

async function pagesOf(scope: EnteredScope, limit: number): Promise<readonly (readonly Remembered[])[]> {
  const pages: (readonly Remembered[])[] = []
  for (let after: number | undefined; ; ) {
    const { memories, next } = await scope.recall({ limit, ...(after === undefined ? {} : { after }) })
    pages.push(memories)
    assert.ok(memories.length > 0, 'a page is empty')
    if (next === undefined) return pages
    after = next
  }
}

function texts(memories: readonly Remembered[]): readonly string[] {
  return memories.map(({ memory }) => toText(bytesOf(memory)))
}
