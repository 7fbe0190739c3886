import { describe, expect, it } from 'vitest'
import { toVerdict } from '../../examples/demo/verdict.mjs'

type Tally = Parameters<typeof toVerdict>[0]
type Call = Tally['calls'][number]
type Booking = Tally['ledger'][number]

describe('the verdict of the demo is good', () => {
  it('when every order ended as it was answered', () => {
    const { rows, exitCode, broken } = toVerdict(tally())

    expect(broken).toEqual([])
    expect(exitCode).toBe(0)
    expect(rows.map(({ name, count }) => [name.trim(), count])).toEqual([
      ['orders in', 4],
      ['posted more than once', 0],
      ['granted', 1],
      ['refused by the partner', 1],
      ['refused by the app', 1],
      ['unanswered', 1],
      ['messages from the broker', 7],
      ['seen more than once', 0],
      ['bookings in the ledger', 4],
      ['repeated', 0],
      ['callbacks to the broker', 5],
      ['posted more than once', 0],
      ['taken', 5],
      ['too late', 0],
      ['lost', 0],
      ['granted twice', 0],
    ])
    expect(rows.filter(({ good }) => good === true)).toHaveLength(2)
  })

  it('and says of what kind the messages are', () => {
    const { rows } = toVerdict(tally({ seen: [...seen, message('region berlin'), message('offer of 1')] }))
    const { note } = rows.find(({ name }) => name === 'messages from the broker') ?? {}
    expect(note).toBe('= 4 offers, 2 to the app, 1 registration')
  })

  it('when the same was posted, sent or booked again, which it counts and explains', () => {
    const { rows, exitCode } = toVerdict(
      tally({
        taken: new Map([...taken, ['1', 3]]),
        seen: [...seen, message('offer of 1'), message('offer of 1'), message('accept of 3')],
        ledger: [...ledger, booking('1', 'granted')],
        calls: calls.map((call, index) => (index < 2 ? { ...call, tries: 2 } : call)),
      }),
    )

    expect(exitCode).toBe(0)
    const repeated = rows.filter(({ name }) => /more than once|repeated/.test(name))
    expect(repeated.map(({ count }) => count)).toEqual([1, 2, 1, 2])
    expect(repeated.every(({ note }) => note !== undefined)).toBe(true)
  })

  it('when an answer came too late, and found the order timed out or closed', () => {
    for (const status of [202, 410]) {
      const late: Call = { by: 'partner', order: '4', yes: true, tries: 9, status, late: true }
      expect(toVerdict(tally({ calls: [...calls, late] })).exitCode).toBe(0)
    }
  })

  it('when an answer came late and was used all the same', () => {
    const late = calls.map(call => ({ ...call, late: call.by === 'partner' }))
    expect(toVerdict(tally({ calls: late })).broken).toEqual([])
  })
})

describe('the verdict of the demo is bad', () => {
  const call = (order: string, different: Partial<Call>, by = 'partner') => ({
    calls: calls.map(one => (one.order === order && one.by === by ? { ...one, ...different } : one)),
  })
  const without = (order: string, by: Call['by']) => ({
    calls: calls.filter(one => one.order !== order || one.by !== by),
  })
  const end = (order: string, outcome: Booking['outcome']) => ({
    ledger: ledger.map(one => (one.order === order ? { ...one, outcome } : one)),
  })

  it.each<[string, Partial<Tally>, string]>([
    ['nothing was placed', { placed: new Set() }, 'Nothing was placed, so nothing was shown'],
    [
      'an order was never answered',
      { placed: new Set(['1', '2', '3', '4', '5']) },
      'Not finished, no answer was given to order 5',
    ],
    [
      'an order was answered with 202 and never ended',
      { ledger: ledger.slice(1) },
      'LOST: answered with 202, and never ended: order 1',
    ],
    [
      'an order ended that nobody placed',
      { ledger: [...ledger, booking('9', 'unanswered')] },
      'Ended without having been placed: order 9',
    ],
    [
      'an order was granted twice, as two steps',
      { ledger: [...ledger, { ...booking('1', 'granted'), key: 'another' }] },
      'ENDED TWICE, under different keys: order 1',
    ],
    [
      'an order was unanswered although the partner had answered in time',
      end('2', 'unanswered'),
      'WRONG END, not what was said: order 2',
    ],
    [
      'an order was unanswered although the app had granted it',
      end('1', 'unanswered'),
      'WRONG END, not what was said: order 1',
    ],
    [
      'an order was granted that the partner had refused',
      call('1', { yes: false }),
      'WRONG END, not what was said: order 1',
    ],
    [
      'an order was granted that the app had refused',
      end('3', 'granted'),
      'WRONG END, not what was said: order 3',
    ],
    [
      'an order was granted that the partner never answered',
      without('1', 'partner'),
      'WRONG END, not what was said: order 1',
    ],
    [
      'an order was granted that the app was never asked for',
      without('1', 'app'),
      'WRONG END, not what was said: order 1',
    ],
    [
      'a message was sent twice, as two',
      { seen: [...seen, { ...message('offer of 1'), id: 'another' }] },
      'SENT TWICE, under different ids: offer of 1',
    ],
    [
      'the region was registered twice, as two messages',
      { seen: [...seen, { ...message('region berlin'), id: 'another' }] },
      'SENT TWICE, under different ids: region berlin',
    ],
    [
      'a message changed between two attempts',
      { seen: [...seen, { ...message('accept of 3'), digest: 'another' }] },
      'CHANGED between two attempts: accept of 3',
    ],
    [
      'a callback was refused',
      call('2', { status: 404 }),
      "LOST: the callback was not taken: partner's of 2",
    ],
    [
      'a callback in time found the door closed',
      call('2', { status: 410 }),
      "LOST: the callback was not taken: partner's of 2",
    ],
    [
      'a callback is still being posted',
      call('1', { status: undefined }, 'app'),
      "LOST: the callback was not taken: app's of 1",
    ],
    ['orders are left unread', { left: { unread: 2, failed: 0 } }, '2 left in the mailbox'],
    ['orders were set aside', { left: { unread: 0, failed: 1 } }, '1 set aside as failed'],
  ])('when %s', (_, different, sentence) => {
    const { exitCode, broken } = toVerdict(tally(different))

    expect(broken).toEqual([sentence])
    expect(exitCode).toBe(1)
  })

  it('when an order ended in two ways under one key, whichever of them was right', () => {
    const { exitCode, broken } = toVerdict(tally({ ledger: [...ledger, booking('1', 'refused by the app')] }))

    expect(broken).toEqual([
      'ENDED TWICE, in different ways: order 1',
      'WRONG END, not what was said: order 1',
    ])
    expect(exitCode).toBe(1)
  })

  it('in red, where it counts what was lost and what was granted twice', () => {
    const twice = [...ledger.slice(0, 3), { ...booking('1', 'granted'), key: 'another' }]
    const { rows } = toVerdict(tally({ ledger: twice }))

    expect(rows.filter(({ good }) => good === false).map(({ name, count }) => [name, count])).toEqual([
      ['lost', 1],
      ['granted twice', 1],
    ])
  })

  it('and names ten of many', () => {
    const placed = new Set(Array.from({ length: 16 }, (_, index) => String(index + 1)))

    expect(toVerdict(tally({ placed })).broken).toEqual([
      'Not finished, no answer was given to order 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 and 2 more',
    ])
  })
})

/** Four orders, one for each end. */
const taken = new Map(['1', '2', '3', '4'].map(order => [order, 1]))

const ledger: readonly Booking[] = [
  booking('1', 'granted'),
  booking('2', 'refused by the partner'),
  booking('3', 'refused by the app'),
  booking('4', 'unanswered'),
]

const offers = ['1', '2', '3', '4'].map(order => message(`offer of ${order}`))
const seen = [message('region berlin'), ...offers, message('accept of 1'), message('accept of 3')]

const calls: readonly Call[] = [
  { by: 'partner', order: '1', yes: true, tries: 1, status: 202, late: false },
  { by: 'app', order: '1', yes: true, tries: 1, status: 202, late: false },
  { by: 'partner', order: '2', yes: false, tries: 1, status: 202, late: false },
  { by: 'partner', order: '3', yes: true, tries: 1, status: 202, late: false },
  { by: 'app', order: '3', yes: false, tries: 1, status: 202, late: false },
]

function tally(different: Partial<Tally> = {}): Tally {
  const placed = new Set(taken.keys())
  return { placed, taken, ledger, seen, calls, left: { unread: 0, failed: 0 }, ...different }
}

function booking(order: string, outcome: Booking['outcome']): Booking {
  return { order, outcome, key: `key of ${order}` }
}

function message(about: string): Tally['seen'][number] {
  return { about, id: `id of ${about}`, digest: `digest of ${about}` }
}
