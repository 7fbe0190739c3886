import assert from 'node:assert/strict'
import type { MemoryKey, Race, WaitEndType } from '../../model/memory.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import type { DecideInput } from '../../store/scoping.js'
import { enterRun, reenter } from './entered-run.js'
import { type EnteredScope, endOf, failure, onReceiver, placeAt, textOf, value } from './entered-scope.js'
import { type Area, DAY, MINUTE, type Trial } from './trial.js'

const RACED = { type: 'raced' } as const
const ANY_END: readonly WaitEndType[] = ['callback', 'timed_out', 'closed', 'expired', 'dead']

/** Races between waits: one branch wins, and the others take nothing. */
export const racing: Area = {
  title: 'races',
  cases: [
    {
      title: 'the wait that ends first wins its race, which is remembered with it',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        const decides = (branch: string) => ({ decides: [race('first', branch)] })
        assert.equal((await scope.read('left', left, decides('left'))).type, 'waiting')
        assert.equal((await scope.read('right', right, decides('right'))).type, 'waiting')
        assert.equal(await scope.memoryAt('first'), undefined)
        await trial.fill(right, 'right')
        assert.equal(textOf(await scope.read('right', right, decides('right'))), 'right')
        assert.deepEqual(await scope.memoryAt('first'), {
          verb: 'race',
          decision: { winner: 'right', by: { type: 'wait', at: placeAt('right', 1) } },
        })
        assert.deepEqual(await scope.read('left', left, decides('left')), RACED)
        await trial.restart()
        assert.equal(await scope.winnerOf('first'), 'right')
        assert.equal((await scope.endAt(placeAt('right', 1)))?.type, 'callback')
      },
    },
    {
      title: 'of two branches that are ready in the same instant one wins, and the other has taken nothing',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        for (let round = 0; round < 20; round += 1) {
          await trial.fill(left, `${round}`)
          await trial.fill(right, `${round}`)
          const before = [await trial.unreadOf(left), await trial.unreadOf(right)]
          const [ofLeft, ofRight] = await Promise.all(
            ([left, right] as const).map((receiver, branch) =>
              scope.read(placeAt(`${branch}`, round + 1), receiver, {
                decides: [race(`race ${round}`, `${branch}`)],
              }),
            ),
          )
          assert.ok(ofLeft && ofRight)
          assert.deepEqual([ofLeft.type, ofRight.type].sort(), ['ended', 'raced'])
          const winner = ofLeft.type === 'ended' ? 0 : 1
          assert.equal(await scope.winnerOf(`race ${round}`), `${winner}`)
          const after = [await trial.unreadOf(left), await trial.unreadOf(right)]
          assert.deepEqual(
            after,
            before.map((unread, branch) => unread - (branch === winner ? 1 : 0)),
          )
        }
      },
    },
    {
      title: 'a branch that lost takes no callback, records no time-out and begins no deadline',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        const begun = await scope.exchange('ask', { deadlineAt: trial.now + MINUTE })
        await scope.sleep('slow', trial.now + MINUTE, { decides: [race('first', 'slow')] })
        await trial.fill(left, 'left')
        await scope.read('left', left, { decides: [race('first', 'left')] })
        await trial.fill(right, 'right')
        await trial.fill(begun.receiver, 'yes')
        trial.pass(DAY)
        const loses = (branch: string) => ({ decides: [race('first', branch)], deadlineAt: trial.now })
        const before = await scope.memories()
        assert.deepEqual(await scope.read('right', right, loses('right')), RACED)
        assert.deepEqual(await scope.sleep('slow', trial.now, loses('slow')), RACED)
        assert.deepEqual(await scope.hear('ask', begun, loses('ask')), RACED)
        assert.deepEqual(await scope.memories(), before)
        assert.equal(await trial.unreadOf(right), 1)
        assert.equal((await trial.find(begun.receiver.token)).state, 'open')
        assert.equal((await trial.session.findDelivery(begun))?.status, 'due')
        assert.equal(textOf(await scope.read('right', right)), 'right')
      },
    },
    {
      title: 'an end that does not settle its branch well enough decides nothing, and the others go on',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        const any = (branch: string) => ({ decides: [race('good', branch, ['callback'], 'any')] })
        await trial.close(left)
        assert.deepEqual(endOf(await scope.read('left', left, any('left'))), { type: 'closed' })
        const late = { ...any('late'), deadlineAt: trial.now }
        assert.deepEqual(endOf(await scope.read('late', right, late)), { type: 'timed_out' })
        assert.equal(await scope.memoryAt('good'), undefined)
        await trial.fill(right, 'right')
        assert.equal(textOf(await scope.read('right', right, any('right'))), 'right')
        assert.deepEqual(await scope.memoryAt('good'), {
          verb: 'any',
          decision: { winner: 'right', by: { type: 'wait', at: placeAt('right', 1) } },
        })
      },
    },
    {
      title: 'a branch whose time-out has a fallback wins by it',
      async run(trial) {
        const { scope, left } = await begin(trial)
        const decides = [race('good', 'left', ['callback', 'timed_out'], 'any')]
        assert.equal(
          (await scope.read('left', left, { decides, deadlineAt: trial.now + MINUTE })).type,
          'waiting',
        )
        trial.pass(MINUTE)
        assert.deepEqual(endOf(await scope.read('left', left, { decides })), { type: 'timed_out' })
        assert.equal(await scope.winnerOf('good'), 'left')
      },
    },
    {
      title: 'a wait in a race within a race decides both: the outer one is won by the inner',
      async run(trial) {
        const { scope, left } = await begin(trial)
        await trial.fill(left, 'left')
        const decides = [race('inner', 'a'), race('middle', 'b'), race('outer', 'c')]
        await scope.read('left', left, { decides })
        const by = (at: MemoryKey) => ({ type: 'wait', at })
        assert.deepEqual((await scope.memoryAt('inner'))?.verb, 'race')
        for (const [key, winner, at] of [
          ['inner', 'a', placeAt('left', 1)],
          ['middle', 'b', placeAt('inner')],
          ['outer', 'c', placeAt('middle')],
        ] as const) {
          const decision = { winner, by: by(at) }
          assert.deepEqual(await scope.memoryAt(key), { verb: 'race', decision })
        }
      },
    },
    {
      title: 'where an end does not decide the inner race it decides none around it',
      async run(trial) {
        const { scope, left } = await begin(trial)
        const deadlineAt = trial.now
        const none = [race('inner', 'a', ['callback']), race('outer', 'b', ANY_END)]
        assert.equal((await scope.read('left', left, { decides: none, deadlineAt })).type, 'ended')
        assert.deepEqual(
          [await scope.memoryAt('inner'), await scope.memoryAt('outer')],
          [undefined, undefined],
        )
        const one = [race('inner', 'a', ANY_END), race('outer', 'b', ['callback'])]
        assert.equal((await scope.read(placeAt('left', 2), left, { decides: one, deadlineAt })).type, 'ended')
        assert.equal(await scope.winnerOf('inner'), 'a')
        assert.equal(await scope.memoryAt('outer'), undefined)
      },
    },
    {
      title: 'a race that is decided ends all waits within it, also within races that are not',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        await trial.fill(left, 'left')
        await trial.fill(right, 'right')
        await scope.read('left', left, { decides: [race('outer', 'left')] })
        const decides = [race('inner', 'right'), race('outer', 'rest')]
        assert.deepEqual(await scope.read('right', right, { decides }), RACED)
        assert.equal(await scope.memoryAt('inner'), undefined)
        assert.equal(await trial.unreadOf(right), 1)
      },
    },
    {
      title: 'a race that something else than a wait has won is lost for its waits, and the other way round',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        await trial.fill(left, 'left')
        await trial.fill(right, 'right')
        const byStep = { winner: 'step', by: { type: 'result', result: value('done') } } as const
        await scope.remember('one', { verb: 'race', decision: byStep })
        assert.deepEqual(await scope.read('left', left, { decides: [race('one', 'left')] }), RACED)
        await scope.read('right', right, { decides: [race('other', 'right')] })
        const told = await scope.remember('other', { verb: 'race', decision: byStep })
        assert.equal(told.type, 'remembered')
        assert.deepEqual(told.memory, await scope.memoryAt('other'))
        assert.equal(await scope.winnerOf('other'), 'right')
      },
    },
    {
      title: 'an end that is remembered is told again, whoever has won the race since',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        await trial.fill(left, 'left')
        await trial.fill(right, 'right')
        const first = await scope.read('left', left)
        await scope.read('right', right, { decides: [race('first', 'right')] })
        assert.deepEqual(await scope.read('left', left, { decides: [race('first', 'left')] }), first)
        assert.equal(await scope.winnerOf('first'), 'right')
      },
    },
    {
      title: 'a wait that lost its race lends its number to another, which has a deadline of its own',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        const [soon, late] = [trial.now + MINUTE, trial.now + DAY]
        const decides = [race('first', 'left')]
        const look = (entry: EnteredScope, changes: Partial<DecideInput>) =>
          entry.read('left', left, { deadlineAt: late, ...changes })
        const fixed = { type: 'waiting', deadlineAt: soon, lookAgainAt: soon }
        assert.deepEqual(await look(scope, { decides, deadlineAt: soon }), fixed)
        assert.deepEqual(await look(scope, { decides }), fixed)
        await scope.release()
        const again = await reenter(trial, scope.id)
        assert.deepEqual(await look(again, { decides }), fixed)
        await trial.fill(right, 'right')
        await again.read('right', right, { decides: [race('first', 'right')] })
        trial.pass(MINUTE)
        const anew = { type: 'waiting', deadlineAt: late, lookAgainAt: late }
        assert.deepEqual(await look(again, {}), anew)
        assert.deepEqual(await look(again, { deadlineAt: soon }), anew)
        assert.deepEqual(await look(again, { decides: [race('second', 'left')], deadlineAt: late + 1 }), {
          type: 'waiting',
          deadlineAt: late + 1,
          lookAgainAt: late + 1,
        })
      },
    },
    {
      title: 'a sleep has no number to lend: its deadline stands in whichever race it is',
      async run(trial) {
        const { scope } = await begin(trial)
        const [soon, late] = [trial.now + MINUTE, trial.now + DAY]
        await scope.sleep('sleep', soon, { decides: [race('first', 'sleep')] })
        trial.pass(MINUTE)
        const second = await scope.sleep('sleep', late, { decides: [race('second', 'sleep')] })
        assert.deepEqual(endOf(second), { type: 'timed_out' })
        assert.equal(await scope.winnerOf('second'), 'sleep')
      },
    },
    {
      title: 'the winner wins again in every later entry, though the others have become ready',
      async run(trial) {
        const { scope, left, right } = await begin(trial)
        await scope.read('left', left, { decides: [race('first', 'left')], deadlineAt: trial.now })
        await scope.release()
        for (const receiver of [left, right]) await trial.fill(receiver, 'late')
        const again = await reenter(trial, scope.id)
        assert.deepEqual(await again.read('right', right, { decides: [race('first', 'right')] }), RACED)
        const won = await again.read('left', left, { decides: [race('first', 'left')] })
        assert.deepEqual(endOf(won), { type: 'timed_out' })
        assert.equal(await again.winnerOf('first'), 'left')
      },
    },
    {
      title: 'a branch that fails wins a race as well, with its error',
      async run(trial) {
        const { scope, left } = await begin(trial)
        const decision = { winner: 'step', by: { type: 'result', result: failure('no') } } as const
        await scope.remember('first', { verb: 'race', decision })
        const look = scope.wait('left', onReceiver(left), { decides: [race('first', 'left')] })
        assert.deepEqual(await look, RACED)
        assert.deepEqual(await scope.memoryAt('first'), { verb: 'race', decision })
      },
    },
  ],
}

function race(key: string, branch: string, wins = ANY_END, verb: Race['verb'] = 'race'): Race {
  return { at: placeAt(key), verb, branch, wins }
}

async function begin(trial: Trial): Promise<{
  readonly scope: EnteredScope & { release(): Promise<boolean> }
  readonly left: ReceiverRecord
  readonly right: ReceiverRecord
}> {
  const scope = await enterRun(trial)
  return { scope, left: await scope.spawn('left'), right: await scope.spawn('right') }
}
