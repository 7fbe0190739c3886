import { createHmac } from 'node:crypto'
import { ManualClock } from 'longline/testing'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/slack-interaction.mjs'
import { openExample, sentTo, ways } from './ways.js'

const secret = 'the signing secret'

describe.each(ways)('a command in Slack, $way', way => {
  async function open(today: () => Promise<string> = async () => 'all is well') {
    const clock = new ManualClock()
    const bench = await openExample(way, { clock }, server => declare(server, { secret, reports: { today } }))
    const call = async (type: string, body: string, by = secret) => {
      const at = String(Math.floor(clock.now() / 1_000))
      const signature = `v0=${createHmac('sha256', by).update(`v0:${at}:${body}`).digest('hex')}`
      const headers = {
        'content-type': type,
        'x-slack-request-timestamp': at,
        'x-slack-signature': signature,
      }
      const answer = bench.server.fetch(new Request(bench.declared.url, { method: 'POST', headers, body }))
      await bench.settle()
      return await answer
    }
    const command = (text: string, by?: string) => {
      const fields = { command: '/report', text, response_url: 'https://hooks.slack.com/commands/1' }
      return call('application/x-www-form-urlencoded', String(new URLSearchParams(fields)), by)
    }
    return { bench, call, command, answers: () => sentTo<object>(bench.sent, 'hooks.slack.com') }
  }

  it('is answered at once, and gets its report when that is there', async () => {
    let finish = (_found: string) => {}
    const found = new Promise<string>(resolve => (finish = resolve))
    const { bench, command, answers } = await open(() => found)
    await using _ = bench
    const answer = await command('today')
    expect([answer.status, await answer.json()]).toEqual([200, { text: 'One moment.' }])
    await bench.pass(60_000)
    expect(await answers()).toEqual([])
    finish('all is well')
    await bench.pass(1_000)
    expect(await answers()).toEqual([{ response_type: 'in_channel', text: 'all is well' }])
  })

  it('has its report made once, and sent once, whatever is entered again', async () => {
    let made = 0
    const { bench, command, answers } = await open(async () => `all is well, ${++made}`)
    await using _ = bench
    await command('today')
    await bench.pass(60_000)
    expect(await answers()).toEqual([{ response_type: 'in_channel', text: 'all is well, 1' }])
    expect(made).toBe(1)
  })

  it('for a report that there is not is told so, and nothing follows', async () => {
    const { bench, command, answers } = await open()
    await using _ = bench
    expect(await (await command('weather')).json()).toEqual({ text: "There is no report 'weather'." })
    expect(await (await command('toString')).json()).toEqual({ text: "There is no report 'toString'." })
    await bench.pass(1_000)
    expect(await answers()).toEqual([])
  })

  it('shares its URL with events: Slack reads that it is ours, and that they have come', async () => {
    const { bench, call, answers } = await open()
    await using _ = bench
    const question = JSON.stringify({ type: 'url_verification', challenge: 'is this yours?' })
    expect(await (await call('application/json', question)).text()).toBe('is this yours?')
    expect((await call('application/json', question, 'a guess')).status).toBe(401)
    const event = JSON.stringify({ type: 'event_callback', event_id: 'Ev1', event: { type: 'app_mention' } })
    const answer = await call('application/json', event)
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    await bench.pass(1_000)
    expect(await answers()).toEqual([])
  })

  it('is not taken from anybody else', async () => {
    const { bench, command, answers } = await open()
    await using _ = bench
    expect((await command('today', 'a guess')).status).toBe(401)
    await bench.pass(1_000)
    expect(await answers()).toEqual([])
  })
})
