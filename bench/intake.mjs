// How many callbacks a second are answered after they are on disk, beside a route that forgets them?

import { CONNECTIONS, measurePosts } from './support/posts.mjs'
import { toCount, toMilliseconds, toRange, toTimes } from './support/result.mjs'
import { median, toRatios } from './support/statistics.mjs'

const AT_LEAST = 0.7

const bare = {
  name: 'bare Hono, forgets',
  file: 'servers/hono.mjs',
  keeps: false,
  receivers: 1,
  withId: false,
}
const insert = { ...bare, name: 'Hono, an insert each', file: 'servers/insert.mjs', keeps: true }
const longline = { ...bare, name: 'longline', file: 'servers/longline.mjs', keeps: true }
const longlineTo64 = { ...longline, name: 'longline, 64 receivers', receivers: 64 }
const bareWithId = { ...bare, name: 'bare Hono, webhook-id', withId: true }
const longlineWithId = { ...longline, name: 'longline, webhook-id', withId: true }

/** @typedef {typeof bare} Contender */
/** @typedef {import('./support/posts.mjs').Measured} Measured */

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function intake(settings) {
  const contenders = [bare, insert, longline, longlineTo64, bareWithId, longlineWithId]
  const results = new Map(contenders.map(contender => [contender, /** @type {Measured[]} */ ([])]))
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const contender of contenders) {
      settings.progress(`intake, round ${round} of ${settings.rounds}: ${contender.name}`)
      results.get(contender)?.push(await measurePosts(contender, settings))
    }
  }

  /** @param {Contender} contender */
  const rates = contender => (results.get(contender) ?? []).map(result => result.perSecond)
  /** @type {readonly [Contender, Contender][]} */
  const pairs = [
    [bare, bare],
    [insert, bare],
    [longline, bare],
    [longlineTo64, bare],
    [bareWithId, bareWithId],
    [longlineWithId, bareWithId],
  ]
  const generator = contenders.map(each => median((results.get(each) ?? []).map(result => result.ownCpu)))
  return {
    title: `intake: POSTs/s, ${CONNECTIONS} connections, 500-byte JSON, ${settings.seconds} s a round`,
    head: ['', 'median', 'min – max', 'p50', 'p99', 'CPU each', '÷ bare', 'min – max'],
    rows: pairs.map(([contender, beside]) => {
      const ratios = toRatios(rates(contender), rates(beside))
      const all = results.get(contender) ?? []
      return [
        contender.name,
        toCount(median(rates(contender))),
        toRange(rates(contender), toCount),
        toMilliseconds(median(all.map(result => result.p50))),
        toMilliseconds(median(all.map(result => result.p99))),
        `${median(all.map(result => result.cpuEach)).toFixed(1)} µs`,
        contender === beside ? '' : toTimes(median(ratios)),
        contender === beside ? '' : toRange(ratios, toTimes),
      ]
    }),
    targets: [
      toTarget('longline ÷ bare Hono', toRatios(rates(longline), rates(bare))),
      toTarget('the same, to 64 receivers in turn', toRatios(rates(longlineTo64), rates(bare))),
      toTarget(
        'the same, each request with a webhook-id',
        toRatios(rates(longlineWithId), rates(bareWithId)),
      ),
    ],
    notes: [
      'CPU each: processor time of the server, all its threads and the warm-up included, for one request',
      'every answer was 202, and what was acknowledged is in the mailboxes, counted after each round',
      `longline ÷ an insert for each request: ${toTimes(median(toRatios(rates(longline), rates(insert))))}`,
      `the load generator took ${Math.round(Math.max(...generator) * 100)} % of a core at the most`,
    ],
  }
}

/**
 * @param {string} what
 * @param {readonly number[]} ratios
 */
function toTarget(what, ratios) {
  const reached = median(ratios)
  return {
    what: `${what}, at least ${toTimes(AT_LEAST)}`,
    reached: toTimes(reached),
    isMet: reached >= AT_LEAST,
  }
}
