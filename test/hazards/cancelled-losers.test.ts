import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { race } from '../../src/index.js'
import { countUnread, openTestServer } from '../support/server.js'

// The bug: the loser of a race keeps its timer, its listener or its claim. Memory grows, callbacks hang in nobody's hands,
// and the process never exits.

it('a cancelled loser of a race keeps nothing alive: no timer, no listener, no pending claim', async () => {
  await using bench = await openTestServer()
  const [won, lost] = [await bench.server.spawn('won'), await bench.server.spawn('lost')]
  const controller = new AbortController()
  let listeners = 0
  const { signal } = controller
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++
    return addEventListener.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--
    return removeEventListener.apply(signal, args)
  }
  await bench.clock.settle()
  const before = bench.clock.timers
  const first = race({
    won: () => won.next({ timeout: '1h', signal }),
    lost: () => lost.next({ timeout: '1h', signal }),
  })
  await bench.clock.settle()
  expect(listeners).toBe(2)
  await bench.post(won.url)
  await (await first).value.ack()
  await bench.clock.settle()
  await bench.post(lost.url)
  await bench.clock.settle()

  expect([bench.clock.timers, listeners]).toEqual([before, 0])
  expect(await countUnread(bench.server)).toBe(1)
  expect((await lost.next({ timeout: 0 })).attempt).toBe(1)
})

it('the process can exit', async () => {
  const code = `
    import { CallbackServer, race } from 'longline'
    const server = await CallbackServer.listen({ port: 0, store: 'memory:' })
    const [won, lost] = [await server.spawn(), await server.spawn()]
    await fetch(won.url, { method: 'POST' })
    const first = await race({ won: () => won.next({ timeout: '1h' }), lost: () => lost.next({ timeout: '1h' }) })
    await first.value.ack()
    await server.close()
    console.log('closed')
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const [exitCode] = await once(child, 'exit')

  expect([exitCode, printed]).toEqual([0, 'closed\n'])
})
