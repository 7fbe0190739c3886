import assert from 'node:assert/strict'
import { toText, utf8 } from '../../core/bytes.js'
import type { Memory, Verb } from '../../model/memory.js'
import type { Result } from '../../model/run.js'
import { enterRun, tryStartRun } from './entered-run.js'
import { bytesOf, type EnteredScope, failure, placeAt, value } from './entered-scope.js'
import type { Area } from './trial.js'

const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index)
const mebibyte = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31 + (index >> 8)) & 255)
const DECISION = { winner: 'left', by: { type: 'result', result: value('left') } } as const

/** Every verb that a key can be of. */
const verbs = ['spawn', 'send', 'start', 'step', 'race', 'any', 'exchange'] as const

/** What a scope remembers of its verbs. */
export const remembering: Area = {
  title: 'remembering',
  cases: [
    {
      title: 'results are remembered to the byte, values and errors, through a restart',
      async run(trial) {
        const scope = await enterRun(trial)
        const contents = [everyByte, new Uint8Array(), mebibyte, everyByte.subarray(100, 110)]
        const results = contents.flatMap((bytes): Result[] => [
          { type: 'value', bytes },
          { type: 'error', bytes },
        ])
        for (const [index, result] of results.entries()) {
          await scope.remember(`step ${index}`, { verb: 'step', result })
        }
        await trial.restart()
        for (const [index, result] of results.entries()) {
          const memory = await scope.memoryAt(`step ${index}`)
          assert.ok(memory !== undefined && 'result' in memory)
          assert.equal(memory.result.type, result.type)
          assert.ok(memory.result.bytes instanceof Uint8Array)
          assert.ok(Buffer.from(result.bytes).equals(memory.result.bytes))
        }
      },
    },
    {
      title: 'the decision of a race is remembered as it was made',
      async run(trial) {
        const scope = await enterRun(trial)
        const byWait = { winner: 'ein Zweig', by: { type: 'wait', at: placeAt('reply', 3, 'cb_1') } } as const
        const byError = { winner: '', by: { type: 'result', result: failure('no') } } as const
        await scope.remember('race', { verb: 'race', decision: byWait })
        await scope.remember('any', { verb: 'any', decision: byError })
        const blames = [placeAt('reply', 1), placeAt('ask', 0, 'cb_1')]
        const blaming = { winner: 'b', by: { ...byError.by, blames } } as const
        await scope.remember('blaming', { verb: 'any', decision: blaming })
        await trial.restart()
        assert.deepEqual(await scope.memories(), [
          { at: placeAt('race'), memory: { verb: 'race', decision: byWait } },
          { at: placeAt('any'), memory: { verb: 'any', decision: byError } },
          { at: placeAt('blaming'), memory: { verb: 'any', decision: blaming } },
        ])
      },
    },
    {
      title: 'what is remembered under a key stays: whoever brings another result is told the first',
      async run(trial) {
        const scope = await enterRun(trial)
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, (_, index) => scope.remember('book', `booked ${index}`)),
        )
        const memory: Memory = { verb: 'step', result: value('booked 0') }
        assert.deepEqual(
          outcomes,
          outcomes.map(() => ({ type: 'remembered', memory })),
        )
        await scope.remember('race', { verb: 'race', decision: DECISION })
        const other = { ...DECISION, winner: 'right' }
        assert.deepEqual(await scope.remember('race', { verb: 'race', decision: other }), {
          type: 'remembered',
          memory: { verb: 'race', decision: DECISION },
        })
        assert.equal((await scope.memories()).length, 2)
      },
    },
    {
      title: 'a key that another verb has is known, with what is there, and nothing is written',
      async run(trial) {
        const scope = await enterRun(trial)
        for (const verb of verbs) await call(scope, verb, verb)
        const before = await scope.memories()
        assert.equal(before.length, verbs.length)
        const registry = () => trial.session.listReceivers({ now: trial.now, limit: 100 })
        const receivers = await registry()
        const due = await trial.session.countDue({ now: trial.now })
        for (const { at, memory } of before) {
          for (const verb of verbs.filter(other => other !== memory.verb)) {
            assert.deepEqual(await call(scope, verb, at.key), { type: 'known', memory })
          }
        }
        assert.deepEqual(await scope.memories(), before)
        assert.deepEqual(await registry(), receivers)
        assert.equal(await trial.session.countDue({ now: trial.now }), due)
      },
    },
    {
      title: 'places are told apart by every letter of the key, by the part and by the number',
      async run(trial) {
        const scope = await enterRun(trial)
        const keys = [
          'a',
          'A',
          'a ',
          'a/1',
          'ördèrs/☃/😀',
          "'; drop table memories; --",
          '%',
          '_',
          'a'.repeat(255),
        ]
        const places = keys.flatMap(key =>
          ['', 'cb_1', 'cb_2'].flatMap(part => [0, 1, 2, 11].map(n => placeAt(key, n, part))),
        )
        for (const [index, at] of places.entries()) await scope.remember(at, `${index}`)
        for (const [index, at] of places.entries()) {
          const { memories } = await scope.recall({ from: at, limit: 1 })
          assert.deepEqual(memories, [{ at, memory: { verb: 'step', result: value(`${index}`) } }])
        }
        assert.equal((await scope.memories()).length, places.length)
      },
    },
    {
      title: 'a wait that looked, found nothing and has no deadline leaves nothing behind',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        assert.deepEqual(await scope.read('reply', receiver), { type: 'waiting' })
        assert.equal((await scope.memories()).length, 1)
      },
    },
    {
      title:
        "bytes that are remembered or recalled are the caller's: what is written into them is not in the store",
      async run(trial) {
        const scope = await enterRun(trial)
        const bytes = utf8('good')
        await scope.remember('book', { verb: 'step', result: { type: 'value', bytes } })
        bytes.fill(0)
        for (let time = 0; time < 2; time += 1) {
          const [memory] = await scope.memories()
          assert.ok(memory)
          assert.equal(toText(bytesOf(memory.memory)), 'good')
          bytesOf(memory.memory).fill(0)
        }
      },
    },
    {
      title: 'a key that the store refuses costs the commands beside it nothing',
      async run(trial) {
        const scope = await enterRun(trial)
        const keys = ['a', 'NUL \0', 'b', 'half a pair \ud800', 'c']
        const settled = await Promise.allSettled(keys.map(key => scope.remember(key, key)))
        const stored = keys.filter((_, index) => settled[index]?.status === 'fulfilled')
        assert.ok(['a', 'b', 'c'].every(key => stored.includes(key)))
        assert.deepEqual(
          (await scope.memories()).map(({ at }) => at.key),
          stored,
        )
      },
    },
  ],
}

function call(scope: EnteredScope, verb: Verb, key: string): Promise<{ readonly type: string }> {
  const { entry, trial } = scope
  switch (verb) {
    case 'spawn':
      return scope.trySpawn(key)
    case 'send':
      return scope.trySend(key)
    case 'start':
      return tryStartRun(trial, { in: { entry, at: placeAt(key) } })
    case 'step':
      return scope.remember(key, 'done')
    case 'race':
    case 'any':
      return scope.remember(key, { verb, decision: DECISION })
    case 'exchange':
      return scope.tryExchange(key)
    default:
      return assert.fail(`${verb} has no command of its own`)
  }
}
