import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { forgetFailures } from '../../src/model/forgetting.js'
import type { Memory, MemoryKey, WaitEnd } from '../../src/model/memory.js'
import type { ReceiverRecord } from '../../src/model/receiver.js'

const receiver: ReceiverRecord = {
  id: 'rcv_1',
  token: 'token',
  version: 1,
  state: 'open',
  openedAt: 0,
  settings: { inline: [] },
}
const exchange = { verb: 'exchange', receiver, messageId: 'msg_1', deliveryId: 'dlv_1' } as const
const answer: WaitEnd = {
  type: 'callback',
  callback: {
    id: 'cb_1',
    receiverId: 'rcv_1',
    seq: 1,
    receivedAt: 0,
    method: 'POST',
    path: '',
    query: '',
    headers: '[]',
    body: utf8('yes'),
  },
}
const error = { type: 'error', bytes: utf8('no') } as const

function at(key: string, n = 0): MemoryKey {
  return { part: '', key, n }
}

function wonBy(by: MemoryKey): Memory {
  return { verb: 'race', decision: { winner: 'a', by: { type: 'wait', at: by } } }
}

/** The keys of what is forgotten or changed. */
function forgotten(memories: Readonly<Record<string, Memory>>, blames?: string): readonly string[] {
  const list = Object.entries(memories).map(([key, memory]) => ({ at: at(key), memory }))
  const { changes } = forgetFailures(list, blames === undefined ? undefined : at(blames))
  return changes.map(change => change.at.key)
}

describe('what a retry forgets', () => {
  it('is every failure where none is blamed, and nothing that succeeded or is still open', () => {
    const memories: Readonly<Record<string, Memory>> = {
      slept: { verb: 'sleep', end: { type: 'timed_out' } },
      napping: { verb: 'sleep', deadlineAt: 5 },
      read: { verb: 'wait', end: answer },
      late: { verb: 'wait', deadlineAt: 5, end: { type: 'timed_out' } },
      open: { verb: 'wait', deadlineAt: 5 },
      booked: { verb: 'step', result: { type: 'value', bytes: utf8('booked') } },
      refused: { verb: 'step', result: error },
      reply: { verb: 'spawn', receiver },
      unbegun: { verb: 'spawn', end: { type: 'cancel' } },
    }
    expect(forgotten(memories)).toEqual(['late', 'refused', 'unbegun'])
  })

  it('is the one memory that is blamed, also one that has only a deadline yet', () => {
    const late: Memory = { verb: 'wait', deadlineAt: 5, end: { type: 'timed_out' } }
    const memories: Readonly<Record<string, Memory>> = {
      one: late,
      other: late,
      open: { verb: 'sleep', deadlineAt: 5 },
    }
    expect(forgotten(memories, 'other')).toEqual(['other'])
    expect(forgotten(memories, 'open')).toEqual(['open'])
    expect(forgotten(memories, 'never')).toEqual([])

    const booked: Memory = { verb: 'step', result: { type: 'value', bytes: utf8('booked') } }
    expect(forgotten({ booked }, 'booked')).toEqual(['booked'])
  })

  it('is not a callback that was read, though the read is blamed: nobody would have it any more', () => {
    expect(forgotten({ read: { verb: 'wait', end: answer }, race: wonBy(at('read')) }, 'read')).toEqual([])
    expect(forgotten({ ask: { ...exchange, end: answer } }, 'ask')).toEqual([])
  })

  it('is, with a wait, every race that it decided, and every race around those', () => {
    const memories: Readonly<Record<string, Memory>> = {
      outermost: wonBy(at('outer')),
      late: { verb: 'wait', end: { type: 'timed_out' } },
      inner: wonBy(at('late')),
      outer: wonBy(at('inner')),
      other: wonBy(at('late', 2)),
    }
    for (const blames of [undefined, 'late']) {
      expect([...forgotten(memories, blames)].sort()).toEqual(['inner', 'late', 'outer', 'outermost'])
    }
  })

  it('is of an exchange only its end and its deadline, and it is to be sent again', () => {
    const memory: Memory = { ...exchange, deadlineAt: 5, end: { type: 'dead' } }
    expect(forgetFailures([{ at: at('ask'), memory }]).changes).toEqual([
      { at: at('ask'), memory: { ...exchange, retried: true } },
    ])
  })

  it('is, with an any that failed, what its branches failed with, also through an any among them', () => {
    const late: Memory = { verb: 'wait', deadlineAt: 5, end: { type: 'timed_out' } }
    const failed = (...blames: MemoryKey[]): Memory => ({
      verb: 'any',
      decision: { winner: 'a', by: { type: 'result', result: error, blames } },
    })
    const memories: Readonly<Record<string, Memory>> = {
      declined: { verb: 'step', result: error },
      one: late,
      two: { verb: 'step', result: error },
      inner: failed(at('one'), at('two')),
      read: { verb: 'wait', end: answer },
      outer: failed(at('inner'), at('read'), at('three')),
      three: { ...exchange, end: { type: 'dead' } },
      around: wonBy(at('outer')),
    }
    expect([...forgotten(memories, 'outer')].sort()).toEqual([
      'around',
      'inner',
      'one',
      'outer',
      'three',
      'two',
    ])
    expect([...forgotten(memories, 'inner')].sort()).toEqual(['inner', 'one', 'two'])
  })

  it('is every failure, where a branch of an any failed with nothing that is remembered', () => {
    const any: Memory = { verb: 'any', decision: { winner: 'a', by: { type: 'result', result: error } } }
    const declined: Memory = { verb: 'step', result: error }
    expect([...forgotten({ declined, any }, 'any')].sort()).toEqual(['any', 'declined'])
  })

  it('says whether the cancellation of the run was thrown at one of them', () => {
    const cancelled: Memory = { verb: 'wait', end: { type: 'cancel', reason: 'enough' } }
    const memories = [
      { at: at('reply', 1), memory: cancelled },
      { at: at('undo'), memory: { verb: 'step', result: error } as const },
    ]
    expect(forgetFailures(memories).isCancelForgotten).toBe(true)
    expect(forgetFailures(memories, at('undo')).isCancelForgotten).toBe(false)
  })
})
