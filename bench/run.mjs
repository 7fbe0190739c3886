// node bench/run.mjs [question…] [--rounds 5] [--seconds 3] [--receivers 1000000] [--runs 100000]
//
// Prints numbers and ratios. Missing a target is not an error; an answer that is wrong is.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { deliver } from './deliver.mjs'
import { intake } from './intake.mjs'
import { isolation } from './isolation.mjs'
import { latency } from './latency.mjs'
import { parked } from './parked.mjs'
import { postgres } from './postgres.mjs'
import { receivers } from './receivers.mjs'
import { reentry } from './reentry.mjs'
import { roundtrip } from './roundtrip.mjs'
import { describeMachine } from './support/machine.mjs'
import { toText } from './support/result.mjs'
import { verify } from './verify.mjs'

/** @type {Record<string, (settings: import('./support/result.mjs').Settings) => Promise<import('./support/result.mjs').Result>>} */
const questions = {
  intake,
  verify,
  latency,
  receivers,
  roundtrip,
  reentry,
  parked,
  postgres,
  deliver,
  isolation,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    receivers: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '100000' },
  },
})
const unknown = positionals.filter(name => !(name in questions))
if (unknown.length > 0) {
  console.error(`no such question: ${unknown.join(', ')}; there are ${Object.keys(questions).join(', ')}`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'longline-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

console.log(`${await describeMachine(folder)}\n`)
for (const [name, question] of Object.entries(questions)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const result = await question({
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    receivers: Number(values.receivers),
    runs: Number(values.runs),
    folder,
    progress,
  })
  progress('')
  console.log(toText(result))
}

/** One line, written over and over; nothing where nobody watches. @param {string} text */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}
