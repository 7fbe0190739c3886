// How does a store in Postgres do, beside DBOS on the same server: workflows, callbacks taken in, callbacks handed out?
//
// The server waits for the disk, on both sides; each has a database of its own.

import { startPostgres } from '../scripts/postgres.mjs'
import { Child } from './support/child.mjs'
import { toCount, toMilliseconds, toRange, toTimes } from './support/result.mjs'
import { installRivals } from './support/rivals.mjs'
import { median, toRatios } from './support/statistics.mjs'

const WARMUP_MS = 2_000
const CONNECTIONS = 64
const AT_LEAST = 5

/** @typedef {{ together: import('./support/roundtrips.mjs').RoundTripsResult, alone: import('./support/roundtrips.mjs').RoundTripsResult, accepted: number, claimed?: number }} Measured */

const dbos = { name: 'DBOS', file: 'rivals/dbos.mjs', database: 'dbos' }
const longline = { name: 'longline', file: 'servers/workflow.mjs', database: 'postgres' }

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function postgres(settings) {
  settings.progress('postgres: installing DBOS')
  await installRivals()
  const results = new Map([dbos, longline].map(each => [each, /** @type {Measured[]} */ ([])]))
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const contender of [dbos, longline]) {
      settings.progress(`postgres, round ${round} of ${settings.rounds}: ${contender.name}`)
      results.get(contender)?.push(await measure(contender, settings))
    }
  }

  /**
   * @param {typeof dbos} contender
   * @param {(measured: Measured) => number} pick
   */
  const all = (contender, pick) => (results.get(contender) ?? []).map(pick)
  /** @param {(measured: Measured) => number} pick */
  const ratios = pick => toRatios(all(longline, pick), all(dbos, pick))
  /** @type {readonly [string, (measured: Measured) => number, (value: number) => string][]} */
  const figures = [
    ['workflows/s, 64 at a time', ({ together }) => together.perSecond, toCount],
    ['workflow, one at a time, p50', ({ alone }) => alone.p50, toMilliseconds],
    ['callbacks taken in/s, 64 connections', ({ accepted }) => accepted, toCount],
  ]
  const faster = ratios(({ together }) => together.perSecond)
  const claimed = all(longline, each => each.claimed ?? 0)
  return {
    title: `postgres: on one server that waits for the disk, ${settings.seconds} s a round`,
    head: ['', 'DBOS', 'longline', 'min – max', '÷ DBOS', 'min – max'],
    rows: [
      ...figures.map(([name, pick, format]) => [
        name,
        format(median(all(dbos, pick))),
        format(median(all(longline, pick))),
        toRange(all(longline, pick), format),
        toTimes(median(ratios(pick))),
        toRange(ratios(pick), toTimes),
      ]),
      [
        'callbacks/s through two competing nodes',
        '',
        toCount(median(claimed)),
        toRange(claimed, toCount),
        '',
        '',
      ],
    ],
    targets: [
      {
        what: `workflows, 64 at a time, longline ÷ DBOS, at least ${toTimes(AT_LEAST)}`,
        reached: `${toTimes(median(faster))} (${toRange(faster, toTimes)})`,
        isMet: median(faster) >= AT_LEAST,
      },
    ],
    notes: [
      'the same work: a step, a POST to a partner, a callback in (DBOS: a Hono route that calls send), the result',
      'taken in: every answer was 202; DBOS: send to one workflow that waits',
      'two nodes consume what was taken in before; each callback was handled and acknowledged once',
    ],
  }
}

/**
 * @param {typeof dbos} contender
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<Measured>}
 */
async function measure({ name, file, database }, { seconds }) {
  const server = await startPostgres()
  try {
    const databaseUrl = server.url.replace(/\/postgres$/, `/${database}`)
    const partner = await Child.start('servers/partner.mjs', {})
    const task = {
      databaseUrl,
      store: databaseUrl,
      partner: `http://127.0.0.1:${partner.ready.port}`,
      warmupMs: WARMUP_MS,
      measuredMs: seconds * 1000,
    }
    const service = await Child.start(file, task)
    const together = await service.ask('together')
    const alone = await service.ask('alone')
    const called = await partner.ask('calls')
    if (called !== together.done + alone.done) {
      throw new Error(`${name}: the partner was called ${called} times for ${together.done + alone.done}`)
    }
    const accepted = await takeIn(name, service, seconds)
    await service.kill()
    await partner.stop()
    if (name === dbos.name) return { together, alone, accepted: accepted.perSecond }
    return { together, alone, accepted: accepted.perSecond, claimed: await consume(databaseUrl, accepted) }
  } finally {
    await server.remove()
  }
}

/**
 * @param {string} name
 * @param {Child} service
 * @param {number} seconds
 */
async function takeIn(name, service, seconds) {
  const generator = await Child.start('support/load.mjs', {
    port: service.ready.port,
    paths: service.ready.paths,
    connections: CONNECTIONS,
    warmupMs: WARMUP_MS / 2,
    measuredMs: seconds * 1000,
    withId: false,
  })
  const result = await generator.ask('load')
  await generator.stop()
  if (result.refused > 0) throw new Error(`${name}: ${result.refused} answers were not 202`)
  return result
}

/**
 * Two nodes on what lies in one receiver.
 *
 * @param {string} databaseUrl
 * @param {{ accepted: number }} taken
 */
async function consume(databaseUrl, { accepted }) {
  const nodes = await Promise.all([1, 2].map(() => Child.start('servers/consumer.mjs', { databaseUrl })))
  const startedAt = performance.now()
  const handled = await Promise.all(nodes.map(node => node.ask('drained')))
  const tookMs = performance.now() - startedAt
  await Promise.all(nodes.map(node => node.stop()))
  const sum = handled.reduce((total, each) => total + each, 0)
  if (sum !== accepted) throw new Error(`two nodes handled ${sum} of ${accepted} callbacks`)
  return (sum / tookMs) * 1000
}
