// What the demo has to show for itself: counts in, a table and an exit code out.

/**
 * @typedef {object} Tally
 * @property {ReadonlySet<string>} sent orders that the app posted
 * @property {ReadonlySet<string>} repeated those that it posted more than once, because no answer had come
 * @property {ReadonlySet<string>} answered those that were answered with 202: from then on the broker has promised
 * @property {ReadonlyMap<string, number>} received how often the broker wrote down each of them
 * @property {ReadonlySet<string>} accepted those whose acceptance reached the app
 */

/**
 * @typedef {object} Verdict
 * @property {readonly { readonly name: string, readonly count: number, readonly note?: string }[]} rows
 * @property {string} sentence
 * @property {0 | 1} exitCode
 */

/**
 * Lost is an order that was answered with 202 and never handled, or handled and never accepted at the app. An order
 * that was not answered at all is not lost, since its sender knows; but then the demo did not get to its end.
 *
 * @param {Tally} tally
 * @returns {Verdict}
 */
export function toVerdict({ sent, repeated, answered, received, accepted }) {
  const lost = [...answered].filter(order => !received.has(order))
  const unaccepted = [...received.keys()].filter(order => !accepted.has(order))
  const unanswered = [...sent].filter(order => !answered.has(order))
  const again = [...received.values()].filter(times => times > 1).length
  const rows = [
    { name: 'orders sent', count: sent.size },
    row('  of these more than once', repeated.size, 'no answer came while the broker was down'),
    { name: 'answered with 202', count: answered.size },
    { name: 'received by the broker', count: received.size },
    row('  of these more than once', again, 'it was killed with these in its hands, so they came again'),
    { name: 'lost', count: lost.length },
    { name: 'acceptances delivered', count: accepted.size },
  ]
  return { rows, ...conclude({ lost, unaccepted, unanswered, nothingSent: sent.size === 0 }) }
}

/**
 * @param {string} name
 * @param {number} count
 * @param {string} note explains the count, if there is anything to explain
 */
function row(name, count, note) {
  return count === 0 ? { name, count } : { name, count, note }
}

/**
 * @param {{ lost: string[], unaccepted: string[], unanswered: string[], nothingSent: boolean }} missing
 * @returns {Pick<Verdict, 'sentence' | 'exitCode'>}
 */
function conclude({ lost, unaccepted, unanswered, nothingSent }) {
  if (nothingSent) return { sentence: 'Nothing was sent, so nothing was shown.', exitCode: 1 }
  if (lost.length > 0) {
    return { sentence: `LOST: answered with 202 and never received: ${list(lost)}.`, exitCode: 1 }
  }
  if (unaccepted.length > 0) {
    return { sentence: `LOST: received, but never accepted at the app: ${list(unaccepted)}.`, exitCode: 1 }
  }
  if (unanswered.length > 0) {
    return { sentence: `Not finished: no answer was given to ${list(unanswered)}.`, exitCode: 1 }
  }
  return { sentence: 'Nothing was lost.', exitCode: 0 }
}

/** @param {string[]} orders */
function list(orders) {
  const shown = orders.slice(0, 10).join(', ')
  return `order${orders.length === 1 ? '' : 's'} ${shown}${orders.length > 10 ? ` and ${orders.length - 10} more` : ''}`
}
