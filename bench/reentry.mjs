// What does it cost to enter a run again that has finished many steps?

import { join } from 'node:path'
import { Child } from './support/child.mjs'
import { toCount, toMilliseconds, toRange, toTimes } from './support/result.mjs'
import { median, toRatios } from './support/statistics.mjs'

const AT_MOST_US = 10
const AT_MOST_TIMES = 2

const few = { name: 'a scope of 10, passed', steps: 10, passes: true, entries: 2_000 }
const many = { name: 'a scope of 100 000, passed', steps: 100_000, passes: true, entries: 3 }
const none = { name: 'a scope of none', steps: 0, passes: false, entries: 1_000 }
const unpassed = {
  name: 'a scope of 10 000, none of them passed',
  steps: 10_000,
  passes: false,
  entries: 1_000,
}

/** @typedef {typeof few} Scope */
/** @typedef {{ stepUs: number, cpuUs: number, entryMs: number }} Measured */

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function reentry(settings) {
  const scopes = [few, many, none, unpassed]
  const results = new Map(scopes.map(scope => [scope, /** @type {Measured[]} */ ([])]))
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const [index, scope] of scopes.entries()) {
      settings.progress(`reentry, round ${round} of ${settings.rounds}: ${scope.name}`)
      results.get(scope)?.push(await measure(scope, join(settings.folder, `reentry-${round}-${index}.db`)))
    }
  }

  /** @param {Scope} scope */
  const steps = scope => (results.get(scope) ?? []).map(({ stepUs }) => stepUs)
  /** @param {Scope} scope */
  const cpu = scope => median((results.get(scope) ?? []).map(({ cpuUs }) => cpuUs))
  /** @param {Scope} scope */
  const entries = scope => (results.get(scope) ?? []).map(({ entryMs }) => entryMs)
  const heavier = toRatios(entries(unpassed), entries(none))
  return {
    title: 'reentry: entering a run again that has finished its steps, SQLite',
    head: ['', 'a step', 'min – max', 'CPU', 'from entry to entry', 'min – max'],
    rows: scopes.map(scope => [
      scope.name,
      scope.passes ? toMicroseconds(median(steps(scope))) : '',
      scope.passes ? toRange(steps(scope), toMicroseconds) : '',
      scope.passes ? toMicroseconds(cpu(scope)) : '',
      toMilliseconds(median(entries(scope))),
      toRange(entries(scope), toMilliseconds),
    ]),
    targets: [
      toTarget(few, steps(few)),
      toTarget(many, steps(many)),
      {
        what: `an entry with ${toCount(unpassed.steps)} finished steps, none passed ÷ one with none, at most ${toTimes(AT_MOST_TIMES)}`,
        reached: `${toTimes(median(heavier))} (${toRange(heavier, toTimes)})`,
        isMet: median(heavier) <= AT_MOST_TIMES,
      },
    ],
    notes: [
      'CPU: processor time of the process meanwhile, all its threads included',
      'a step: from the top of the code until the last one was passed, divided by their number; each gave what it gave before',
      'from entry to entry: the run fails and is entered again, which takes a commit in each case',
    ],
  }
}

/**
 * @param {Scope} scope
 * @param {string} file
 * @returns {Promise<Measured>}
 */
async function measure({ steps, passes, entries }, file) {
  const child = await Child.start('servers/reentry.mjs', { file, steps, passes, entries })
  const { passingMs, passingCpuMs, apartMs } = await child.ask('entries')
  await child.stop()
  const toStepUs = (/** @type {readonly number[]} */ all) => (median(all) / steps) * 1000
  return { stepUs: toStepUs(passingMs), cpuUs: toStepUs(passingCpuMs), entryMs: median(apartMs) }
}

/**
 * @param {Scope} scope
 * @param {readonly number[]} reached
 */
function toTarget(scope, reached) {
  return {
    what: `passing a finished step, ${toCount(scope.steps)} in the scope, at most ${toMicroseconds(AT_MOST_US)}`,
    reached: toMicroseconds(median(reached)),
    isMet: median(reached) <= AT_MOST_US,
  }
}

/** @param {number} us */
const toMicroseconds = us => `${us.toFixed(1)} µs`
