// node bench/profile.mjs [--seconds 8] [--receivers 1] [--with-id] [--verified] [--top 15]
//
// Where the time of the intake goes: the server of `intake` with a CPU profile of its main thread and of the store's
// thread, each as shares of the time in which the thread was busy.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Child } from './support/child.mjs'
import { describeMachine } from './support/machine.mjs'
import { summarise } from './support/profile.mjs'
import { toCount } from './support/result.mjs'
import { SECRET, signatureOf, signStandard } from './support/signed.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    receivers: { type: 'string', default: '1' },
    'with-id': { type: 'boolean', default: false },
    verified: { type: 'boolean', default: false },
    top: { type: 'string', default: '15' },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'longline-profile-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))

console.log(await describeMachine(folder))
process.env.PROFILE_FOLDER = folder
const server = await Child.start(
  values.verified ? 'servers/sourced.mjs' : 'servers/longline.mjs',
  { file: join(folder, 'profile.db'), receivers: Number(values.receivers), secret: SECRET },
  { nodeFlags: ['--import', import.meta.resolve('./support/profiled.mjs')] },
)
const generator = await Child.start('support/load.mjs', {
  port: server.ready.port,
  paths: server.ready.paths,
  connections: 64,
  warmupMs: 1_000,
  measuredMs: Number(values.seconds) * 1000,
  withId: values['with-id'],
  ...(values.verified ? { headers: signatureOf(signStandard(500)) } : {}),
})
const { perSecond } = await generator.ask('load')
await generator.stop()
await server.stop()

console.log(`${toCount(perSecond)} POSTs/s while profiled\n`)
for (const [name, title] of Object.entries({ main: 'main thread', thread: 'store thread' })) {
  const profile = JSON.parse(readFileSync(join(folder, `${name}.cpuprofile`), 'utf8'))
  console.log(summarise(title, profile, Number(values.top)))
}
