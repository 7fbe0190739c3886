import { expect, it } from 'vitest'
import { Processes } from '../../examples/demo/processes.mjs'

// The bug: the demo was left by Ctrl-C, and starts the broker once more.

it('no process is started once the demo is over before its end', () => {
  const processes = new Processes(() => {})
  processes.fail(new Error('seen enough'))
  expect(() => processes.start('app.mjs', '1')).toThrow('seen enough')
  processes.endAll()
})
