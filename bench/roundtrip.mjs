// How many workflows a second go the whole way, and how long one takes, beside Restate?
//
// start → durable step → POST to a partner → callback → result. Everything is on disk before the next thing happens.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './support/child.mjs'
import { toCount, toMilliseconds, toRange, toTimes } from './support/result.mjs'
import { installRivals, rivalNode } from './support/rivals.mjs'
import { median, toRatios } from './support/statistics.mjs'

const WARMUP_MS = 2_000
const AT_LEAST = 10
const AT_MOST = 0.25

/** @typedef {{ name: string, file: string, node?: string }} Contender */
/** @typedef {import('./support/roundtrips.mjs').RoundTripsResult} RoundTrips */

/**
 * @param {import('./support/result.mjs').Settings} settings
 * @returns {Promise<import('./support/result.mjs').Result>}
 */
export async function roundtrip(settings) {
  settings.progress('roundtrip: installing Restate')
  await installRivals()
  const node = rivalNode()
  const restate = { name: 'Restate', file: 'rivals/restate.mjs', node }
  const longline = { name: 'longline', file: 'servers/workflow.mjs', node }
  const here = { name: `longline, Node ${process.versions.node}`, file: longline.file }
  const contenders = [restate, longline, here]
  const results = new Map(
    contenders.map(each => [
      each,
      /** @type {{ together: RoundTrips, alone: RoundTrips, cpuEach: number }[]} */ ([]),
    ]),
  )
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const contender of contenders) {
      settings.progress(`roundtrip, round ${round} of ${settings.rounds}: ${contender.name}`)
      results.get(contender)?.push(await measure(contender, settings))
    }
  }

  /** @param {Contender} contender */
  const rates = contender => (results.get(contender) ?? []).map(({ together }) => together.perSecond)
  /** @param {Contender} contender */
  const times = contender => (results.get(contender) ?? []).map(({ alone }) => alone.p50)
  const faster = toRatios(rates(longline), rates(restate))
  const sooner = toRatios(times(longline), times(restate))
  return {
    title: `roundtrip: start → step → POST out → callback in → result, ${settings.seconds} s a round`,
    head: [
      '',
      '64 at a time',
      'min – max',
      '÷ Restate',
      'CPU each',
      'one at a time, p50',
      'min – max',
      'p99',
      '÷ Restate',
    ],
    rows: contenders.map(contender => [
      contender.name,
      `${toCount(median(rates(contender)))}/s`,
      toRange(rates(contender), toCount),
      contender === restate ? '' : toTimes(median(toRatios(rates(contender), rates(restate)))),
      toMilliseconds(median((results.get(contender) ?? []).map(({ cpuEach }) => cpuEach)) / 1000),
      toMilliseconds(median(times(contender))),
      toRange(times(contender), toMilliseconds),
      toMilliseconds(median((results.get(contender) ?? []).map(({ alone }) => alone.p99))),
      contender === restate ? '' : toTimes(median(toRatios(times(contender), times(restate)))),
    ]),
    targets: [
      {
        what: `64 at a time, longline ÷ Restate, at least ${toTimes(AT_LEAST)}`,
        reached: `${toTimes(median(faster))} (${toRange(faster, toTimes)})`,
        isMet: median(faster) >= AT_LEAST,
      },
      {
        what: `one at a time, longline ÷ Restate, at most ${toTimes(AT_MOST)}`,
        reached: `${toTimes(median(sooner))} (${toRange(sooner, toTimes)})`,
        isMet: median(sooner) <= AT_MOST,
      },
    ],
    notes: [
      'CPU each: processor time of the service, at 64 at a time, the warm-up included; with Restate that of its server too',
      `Restate and the first longline on the same Node (${restate.name}'s SDK needs 22 or newer), each beside the process that starts the workflows`,
      'the partner is the same process for both; it was called once for each workflow, counted after each round',
    ],
  }
}

/**
 * @param {Contender} contender
 * @param {import('./support/result.mjs').Settings} settings
 */
async function measure({ name, file, node }, { folder, seconds }) {
  const data = join(folder, 'roundtrip')
  mkdirSync(data)
  const on = node === undefined ? {} : { node }
  const partner = await Child.start('servers/partner.mjs', {}, on)
  const task = {
    store: join(data, 'roundtrip.db'),
    folder: data,
    partner: `http://127.0.0.1:${partner.ready.port}`,
    warmupMs: WARMUP_MS,
    measuredMs: seconds * 1000,
  }
  const service = await Child.start(file, task, on)
  const before = await partner.ask('calls')
  const cpuBefore = await service.ask('cpu')
  const together = await service.ask('together')
  const cpuEach = ((await service.ask('cpu')) - cpuBefore) / together.done
  const alone = await service.ask('alone')
  const called = (await partner.ask('calls')) - before
  if (called !== together.done + alone.done) {
    throw new Error(
      `${name}: the partner was called ${called} times for ${together.done + alone.done} workflows`,
    )
  }
  await service.stop()
  await partner.stop()
  rmSync(data, { recursive: true })
  return { together, alone, cpuEach }
}
