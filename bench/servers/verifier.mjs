// Verifies again and again, in turn with those beside it, and says how often a second.

import { answerRunner, readTask } from '../support/child.mjs'
import { toComparisons } from '../support/verifications.mjs'

/** So short that whatever else the machine does falls to all of them. */
const TURN_MS = 25
/** Of each, before the first round: what is compiled for speed is compiled by then. */
const WARMUP_MS = 500

/** @typedef {{ title: string, names: readonly string[], perSecond: readonly number[], ours: number }} Compared `ours`: its place */

/** @type {{ measuredMs: number }} of each comparison */
const task = readTask()

for (const { contenders } of toComparisons()) {
  for (const { run } of contenders) await repeat(run, WARMUP_MS)
}
answerRunner({}, { verifications })

/** One round. */
async function verifications() {
  /** @type {Compared[]} */
  const compared = []
  for (const { title, contenders } of toComparisons()) {
    const all = contenders.map(contender => ({ ...contender, times: 0, tookMs: 0 }))
    const turns = Math.ceil(task.measuredMs / TURN_MS / all.length)
    for (let turn = 0; turn < turns; turn += 1) {
      for (const each of all) {
        const { times, tookMs } = await repeat(each.run, TURN_MS)
        each.times += times
        each.tookMs += tookMs
      }
    }
    compared.push({
      title,
      names: all.map(({ name }) => name),
      perSecond: all.map(({ times, tookMs }) => (times / tookMs) * 1_000),
      ours: all.findIndex(({ name }) => name.startsWith('longline')),
    })
  }
  return compared
}

/**
 * @param {import('../support/verifications.mjs').Contender['run']} run
 * @param {number} forMs
 */
async function repeat(run, forMs) {
  const startedAt = performance.now()
  let times = 0
  let tookMs = 0
  while (tookMs < forMs) {
    const said = run()
    // Awaited only where there is something to wait for, as its users would.
    const isRight = typeof said === 'boolean' ? said : await said
    if (!isRight) throw new Error('a verification went wrong')
    times += 1
    tookMs = performance.now() - startedAt
  }
  return { times, tookMs }
}
