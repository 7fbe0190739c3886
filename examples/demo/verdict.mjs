// What the demo has to show for itself: what was seen at both ends in, a table, the promises that were broken, and an exit
// code out.
//
//   V1. An order that was answered with 202 ends, in one way, under one key.
//   V2. It ends as the partner and the app said; unanswered it is only if nothing of theirs came in time.
//   V3. A message is one message, however often it is seen: one id, the same bytes.
//   V4. A callback is taken. Only one that came too late may read 410.

/** @import { Booking, Outcome } from '../order-broker.mjs' */
/** @import { Call, Left, Seen } from './protocol.mjs' */

/**
 * @typedef {object} Tally
 * @property {ReadonlySet<string>} placed orders that the app has posted
 * @property {ReadonlyMap<string, number>} taken those that were answered with 202, and after how many tries
 * @property {readonly Booking[]} ledger as the broker wrote it
 * @property {readonly Seen[]} seen every request that the app or the partner saw
 * @property {readonly Call[]} calls what they answered
 * @property {Left} left what is in the broker's mailbox
 */

/**
 * @typedef {object} Verdict
 * @property {readonly Row[]} rows
 * @property {readonly string[]} broken a sentence for each promise that was broken
 * @property {0 | 1} exitCode
 */

/** @typedef {{ name: string, count: number, note?: string, good?: boolean }} Row */

/** @type {readonly Outcome[]} */
const outcomes = ['granted', 'refused by the partner', 'refused by the app', 'unanswered']

/**
 * @param {Tally} tally
 * @returns {Verdict}
 */
export function toVerdict(tally) {
  const broken = findBroken(tally)
  return { rows: toRows(tally), broken, exitCode: broken.length === 0 ? 0 : 1 }
}

/** @param {Tally} tally */
function findBroken({ placed, taken, ledger, seen, calls, left }) {
  if (placed.size === 0) return ['Nothing was placed, so nothing was shown']

  const bookings = groupBy(ledger, ({ order }) => order)
  const messages = groupBy(seen, ({ about }) => about)
  return [
    list('Not finished, no answer was given to order', without(placed, taken)),
    list('LOST: answered with 202, and never ended: order', without(taken.keys(), bookings)),
    list('Ended without having been placed: order', without(bookings.keys(), placed)),
    list('ENDED TWICE, under different keys: order', differing(bookings, 'key')),
    list('ENDED TWICE, in different ways: order', differing(bookings, 'outcome')),
    list('WRONG END, not what was said: order', wrongEnds(ledger, calls)),
    list('SENT TWICE, under different ids:', differing(messages, 'id')),
    list('CHANGED between two attempts:', differing(messages, 'digest')),
    list('LOST: the callback was not taken:', refused(calls)),
    left.unread === 0 ? undefined : `${left.unread} left in the mailbox`,
    left.failed === 0 ? undefined : `${left.failed} set aside as failed`,
  ].filter(sentence => sentence !== undefined)
}

/**
 * @param {Iterable<string>} names
 * @param {{ has(name: string): boolean }} found
 */
function without(names, found) {
  return [...names].filter(name => !found.has(name))
}

/**
 * The names under which there is more than one of something.
 *
 * @template T
 * @param {ReadonlyMap<string, readonly T[]>} groups
 * @param {keyof T} fact
 */
function differing(groups, fact) {
  return [...groups].filter(([, same]) => new Set(same.map(one => one[fact])).size > 1).map(([name]) => name)
}

/**
 * @param {Tally['ledger']} ledger
 * @param {Tally['calls']} calls
 */
function wrongEnds(ledger, calls) {
  /** @param {Call['by']} party */
  const saidBy = party => new Map(calls.filter(({ by }) => by === party).map(call => [call.order, call]))
  const [partner, app] = [saidBy('partner'), saidBy('app')]
  const wrong = ledger.filter(
    ({ order, outcome }) => !endsAllowed(partner.get(order), app.get(order)).includes(outcome),
  )
  return [...new Set(wrong.map(({ order }) => order))]
}

/**
 * @param {Call | undefined} partner
 * @param {Call | undefined} app
 * @returns {Outcome[]}
 */
function endsAllowed(partner, app) {
  if (partner === undefined) return ['unanswered']
  /** @type {Outcome[]} */
  const late = partner.late || app?.late ? ['unanswered'] : []
  if (!partner.yes) return ['refused by the partner', ...late]
  if (app === undefined) return late // the app always answers, so it was not asked
  return [app.yes ? 'granted' : 'refused by the app', ...late]
}

/** @param {Tally['calls']} calls */
function refused(calls) {
  return calls
    .filter(({ status, late }) => !isTaken(status) && !(late && status === 410))
    .map(({ by, order }) => `${by}'s of ${order}`)
}

/** @param {Booking} booking */
function isGranted({ outcome }) {
  return outcome === 'granted'
}

/** @param {number | undefined} status */
function isTaken(status) {
  return status !== undefined && status >= 200 && status < 300
}

/**
 * @param {Tally} tally
 * @returns {Row[]}
 */
function toRows({ placed, taken, ledger, seen, calls }) {
  const again = [...taken.values()].filter(tries => tries > 1).length
  const messages = groupBy(seen, ({ about, id }) => `${about}/${id}`)
  const steps = groupBy(ledger, ({ key }) => key)
  const bookings = groupBy(ledger, ({ order }) => order)
  const granted = groupBy(ledger.filter(isGranted), ({ order }) => order)
  const lost = without(taken.keys(), bookings).length
  const grantedTwice = differing(granted, 'key').length
  const late = calls.filter(({ status }) => status === 410).length
  return [
    { name: 'orders in', count: placed.size },
    row('  posted more than once', again, 'the broker was down'),
    ...outcomes.map(outcome => {
      const ended = new Set(ledger.filter(booking => booking.outcome === outcome).map(({ order }) => order))
      return row(`  ${outcome}`, ended.size, outcome === 'unanswered' ? 'timed out' : undefined)
    }),
    row(
      'messages from the broker',
      messages.size,
      toKinds([...messages.values()].map(([first]) => first?.about)),
    ),
    row('  seen more than once', countRepeated(messages), 'the same webhook-id, the same bytes'),
    { name: 'bookings in the ledger', count: steps.size },
    row('  repeated', countRepeated(steps), 'killed inside: the ledger saw the same key again'),
    { name: 'callbacks to the broker', count: calls.length },
    row('  posted more than once', calls.filter(({ tries }) => tries > 1).length, 'the broker was down'),
    { name: '  taken', count: calls.filter(({ status }) => isTaken(status)).length },
    row('  too late', late, 'the order had timed out'),
    { name: 'lost', count: lost, good: lost === 0 },
    { name: 'granted twice', count: grantedTwice, good: grantedTwice === 0 },
  ]
}

/**
 * What the messages were about, by kind.
 *
 * @param {readonly (string | undefined)[]} abouts
 */
function toKinds(abouts) {
  /** @param {string} start */
  const count = start => abouts.filter(about => about?.startsWith(start)).length
  return `= ${count('offer')} offers, ${count('accept')} to the app, ${count('region')} registration`
}

/** @param {ReadonlyMap<string, readonly unknown[]>} groups */
function countRepeated(groups) {
  return [...groups.values()].filter(same => same.length > 1).length
}

/**
 * @param {string} name
 * @param {number} count
 * @param {string} [note] explains the count, if there is anything to explain
 * @returns {Row}
 */
function row(name, count, note) {
  return count === 0 || note === undefined ? { name, count } : { name, count, note }
}

/**
 * @template T
 * @param {Iterable<T>} all
 * @param {(one: T) => string} toKey
 */
function groupBy(all, toKey) {
  /** @type {Map<string, T[]>} */
  const groups = new Map()
  for (const one of all) {
    const key = toKey(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}

/**
 * @param {string} sentence
 * @param {string[]} names
 */
function list(sentence, names) {
  if (names.length === 0) return undefined
  const rest = names.length > 10 ? ` and ${names.length - 10} more` : ''
  return `${sentence} ${names.slice(0, 10).join(', ')}${rest}`
}
