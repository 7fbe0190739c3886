// How many requests a second are verified and refused, beside the providers' own libraries, and what it adds to the intake?

import { Child } from './support/child.mjs'
import { CONNECTIONS, measurePosts } from './support/posts.mjs'
import { toCount, toRange, toTimes } from './support/result.mjs'
import { SECRET, signatureOf, signStandard } from './support/signed.mjs'
import { median, toRatios } from './support/statistics.mjs'

const SIZE_POSTED = 500

/** @typedef {import('./servers/verifier.mjs').Compared} Compared */
/** @typedef {import('./support/posts.mjs').Measured} Measured */
/** @typedef {readonly number[]} Rates a second, in each round */

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function verify(settings) {
  const rounds = await compare(settings)
  const posts = await post(settings)
  const [plain, verified] = [posts.plain.map(toRate), posts.verified.map(toRate)]
  return {
    title: `verify: a second, ${settings.seconds} s a round for each comparison, who is in it by turns of milliseconds`,
    head: ['', 'median', 'min – max', 'longline ÷ it', 'min – max'],
    rows: [
      ...toGroups(rounds).flatMap(({ title, names, rates, ours }) => [
        [title, '', '', '', ''],
        ...names.map((name, index) => toCells(name, rates[index] ?? [], ours)),
      ]),
      [`durable intake, POSTs over ${CONNECTIONS} connections, ${SIZE_POSTED} bytes`, '', '', '', ''],
      toCells('longline, nothing verified', plain, verified),
      toCells('longline, Standard Webhooks', verified, verified),
    ],
    targets: [],
    notes: [
      'longline gets each request as the intake does: headers as node:http has read them, and bytes; a verifier gets a copy',
      'the others get the body as a text, and headers in an object, made beforehand',
      'node:crypto: createHmac, and timingSafeEqual; no check of the time, of headers, or of whatever else may come',
      `durable intake: ${toCpu(posts.plain)} µs of processor time for each request, and ${toCpu(posts.verified)} where it is verified`,
      'every answer was right: what is signed passed, what is not was refused',
    ],
  }
}

/** @param {import('./support/result.mjs').Settings} settings */
async function compare({ rounds, seconds, progress }) {
  progress('verify: warming up')
  const verifier = await Child.start('servers/verifier.mjs', { measuredMs: seconds * 1000 })
  /** @type {(readonly Compared[])[]} */
  const results = []
  for (let round = 1; round <= rounds; round += 1) {
    progress(`verify, round ${round} of ${rounds}`)
    results.push(await verifier.ask('verifications'))
  }
  await verifier.stop()
  return results
}

/** @param {import('./support/result.mjs').Settings} settings */
async function post(settings) {
  /** @type {Measured[]} */
  const plain = []
  /** @type {Measured[]} */
  const verified = []
  for (let round = 1; round <= settings.rounds; round += 1) {
    settings.progress(`verify, the intake, round ${round} of ${settings.rounds}`)
    const signed = signatureOf(signStandard(SIZE_POSTED)) // the load generator brings the other headers
    plain.push(await measurePosts(toPosted(signed, {}), settings))
    verified.push(await measurePosts(toPosted(signed, { secret: SECRET }), settings))
  }
  return { plain, verified }
}

/** @param {Measured} measured */
const toRate = ({ perSecond }) => perSecond

/** @param {readonly Measured[]} all */
const toCpu = all => median(all.map(({ cpuEach }) => cpuEach)).toFixed(1)

/**
 * @param {Readonly<Record<string, string>>} headers
 * @param {{ secret?: string }} task
 * @returns {import('./support/posts.mjs').Posted}
 */
function toPosted(headers, task) {
  return {
    name: task.secret === undefined ? 'longline' : 'longline, verified',
    file: 'servers/sourced.mjs',
    keeps: true,
    receivers: 1,
    withId: false,
    task,
    headers,
  }
}

/** What all rounds gave, comparison by comparison. @param {readonly (readonly Compared[])[]} rounds */
function toGroups(rounds) {
  return (rounds[0] ?? []).map(({ title, names, ours }, place) => {
    const rates = names.map((_, index) => rounds.map(round => round[place]?.perSecond[index] ?? Number.NaN))
    return { title, names, rates, ours: rates[ours] ?? [] }
  })
}

/**
 * @param {string} name
 * @param {Rates} rates
 * @param {Rates} ours `rates` themselves, where they are ours
 */
function toCells(name, rates, ours) {
  const ratios = toRatios(ours, rates)
  return [
    `  ${name}`,
    toCount(median(rates)),
    toRange(rates, toCount),
    rates === ours ? '' : toTimes(median(ratios)),
    rates === ours ? '' : toRange(ratios, toTimes),
  ]
}
