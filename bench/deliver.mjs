// How many messages a second reach a fast endpoint, durably: in Postgres beside pg-boss with `fetch`, and in SQLite.

import { join } from 'node:path'
import { startPostgres } from '../scripts/postgres.mjs'
import { Child } from './support/child.mjs'
import { toCount, toRange, toTimes } from './support/result.mjs'
import { installRivals } from './support/rivals.mjs'
import { median, toRatios } from './support/statistics.mjs'

const PER_SECOND = 2_000
const AT_LEAST = 5
const SQLITE_AT_LEAST = 1

/** @typedef {'pg-boss' | 'longline on Postgres' | 'longline on SQLite'} Contender */
/** @type {readonly Contender[]} */
const contenders = ['pg-boss', 'longline on Postgres', 'longline on SQLite']

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function deliver(settings) {
  settings.progress('deliver: installing pg-boss')
  await installRivals()
  const results = new Map(contenders.map(each => [each, /** @type {number[]} */ ([])]))
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const contender of contenders) {
      settings.progress(`deliver, round ${round} of ${settings.rounds}: ${contender}`)
      results.get(contender)?.push(await measure(contender, settings, round))
    }
  }

  /** @param {Contender} contender */
  const all = contender => results.get(contender) ?? []
  const besideBoss = toRatios(all('longline on Postgres'), all('pg-boss'))
  const besidePostgres = toRatios(all('longline on SQLite'), all('longline on Postgres'))
  return {
    title: `deliver: ${toCount(settings.seconds * PER_SECOND)} messages to one fast endpoint a round`,
    head: ['', 'deliveries/s', 'min – max', '÷ pg-boss', 'min – max'],
    rows: contenders.map(contender => {
      const ratios = toRatios(all(contender), all('pg-boss'))
      return [
        contender,
        toCount(median(all(contender))),
        toRange(all(contender), toCount),
        ...(contender === 'pg-boss' ? ['', ''] : [toTimes(median(ratios)), toRange(ratios, toTimes)]),
      ]
    }),
    targets: [
      {
        what: `longline ÷ pg-boss with fetch, on Postgres, at least ${toTimes(AT_LEAST)}`,
        reached: `${toTimes(median(besideBoss))} (${toRange(besideBoss, toTimes)})`,
        isMet: median(besideBoss) >= AT_LEAST,
      },
      {
        what: `SQLite ÷ Postgres, at least ${toTimes(SQLITE_AT_LEAST)}`,
        reached: `${toTimes(median(besidePostgres))} (${toRange(besidePostgres, toTimes)})`,
        isMet: median(besidePostgres) >= SQLITE_AT_LEAST,
      },
    ],
    notes: [
      'from the first message, 64 being sent at a time, each durable before the next, until the last is recorded as delivered',
      'pg-boss: four workers that take up to 1 000 jobs at a time and call fetch for 64 of them at once',
    ],
  }
}

/**
 * @param {Contender} contender
 * @param {import('./support/result.mjs').Settings} settings
 * @param {number} round
 */
async function measure(contender, { seconds, folder }, round) {
  const farSide = await Child.start('servers/far-side.mjs', {})
  const postgres = contender === 'longline on SQLite' ? undefined : await startPostgres()
  try {
    const count = seconds * PER_SECOND
    const partner = `http://127.0.0.1:${farSide.ready.port}`
    const store = postgres?.url ?? join(folder, `deliver-${round}.db`)
    const file = contender === 'pg-boss' ? 'rivals/pg-boss.mjs' : 'servers/deliveries.mjs'
    const sender = await Child.start(file, { databaseUrl: store, store, partner, count })
    const perSecond = await sender.ask('delivered')
    await sender.stop()
    const calls = await farSide.ask('calls')
    const sent = count + Math.ceil(count / 10)
    if (calls !== sent)
      throw new Error(`${contender}: the endpoint was called ${calls} times for ${sent} messages`)
    return perSecond
  } finally {
    await farSide.stop()
    await postgres?.remove()
  }
}
