import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/approval.mjs'
import { openExample, runOf, sentTo, ways } from './ways.js'

interface Mail {
  readonly to: string
  readonly text: string
  readonly link: string
}

const hour = 3_600_000
const day = hour // a bench looks at its store once a second, so three real days take a while

describe.each(ways)('approval by link, $way', way => {
  async function open() {
    const bench = await openExample(way, {}, server => declare(server, { day }))
    await bench.declared.start('7', { by: 'ada' })
    await bench.pass()
    const mails = () => sentTo<Mail>(bench.sent, 'mail.example')
    const result = async () => (await runOf(bench.declared, '7')).result()
    const visit = async (init?: RequestInit) => {
      const [mail] = await mails()
      return await bench.server.fetch(new Request(mail?.link ?? '', init))
    }
    const press = (approved: string) => visit({ method: 'POST', body: new URLSearchParams({ approved }) })
    return { bench, mails, result, visit, press }
  }

  it('sends a link to a page, on which it is decided', async () => {
    const { bench, mails, result, visit, press } = await open()
    await using _ = bench
    const page = await visit()
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await page.text()).toContain('<button name="approved" value="yes">Approve</button>')
    await visit({ method: 'HEAD' })
    await bench.pass(day / 2) // who only looks has decided nothing

    const thanks = await press('yes')
    expect([thanks.status, await thanks.text()]).toEqual([200, 'Thank you.'])
    await bench.pass()
    expect(await result()).toBe('was approved')
    expect(await mails()).toHaveLength(1)
    expect(await (await visit()).text()).toBe('It is decided, or too late.')
    expect((await press('no')).status).toBe(410)
  })

  it('reminds after a day, under the same link, and takes what is decided then', async () => {
    const { bench, mails, result, press } = await open()
    await using _ = bench
    await bench.pass(day - 2_000)
    expect(await mails()).toHaveLength(1)
    await bench.pass(4_000)
    expect((await mails()).map(({ to, text }) => [to, text])).toEqual([
      ['ada', 'please decide'],
      ['ada', 'do not forget'],
    ])
    expect(new Set((await mails()).map(({ link }) => link)).size).toBe(1)

    await bench.pass(day)
    await press('no')
    await bench.pass()
    expect(await result()).toBe('was declined')
  })

  it('ends after three days', async () => {
    const { bench, mails, result, visit } = await open()
    await using _ = bench
    await bench.pass(3 * day - 2_000)
    expect(await (await runOf(bench.declared, '7')).status()).toMatchObject({ status: 'parked' })
    expect(await (await visit()).text()).toContain('Approve')
    await bench.pass(4_000)
    expect(await result()).toBe('was not decided')
    expect(await mails()).toHaveLength(2)
    expect(await (await visit()).text()).toBe('It is decided, or too late.')
  })
})
