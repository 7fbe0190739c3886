import { createHmac } from 'node:crypto'
import { ManualClock } from 'longline/testing'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/stripe-payment.mjs'
import { openExample, ways } from './ways.js'

const secret = 'whsec_test'

describe.each(ways)('a payment by Stripe, $way', way => {
  async function open() {
    const said: string[] = []
    const clock = new ManualClock()
    const world = () => Response.json({ url: 'https://checkout.stripe.com/c/pay/cs_1' })
    const bench = await openExample(way, { clock, world }, server =>
      declare(server, { secret, apiKey: 'sk_test_1', say: line => void said.push(line) }),
    )
    let count = 0
    /** An event, signed as Stripe does: `by` a secret, `ageS` seconds ago. */
    const tell = async (
      type: string,
      object: object,
      { id = `evt_${++count}`, by = secret, ageS = 0 }: { id?: string; by?: string; ageS?: number } = {},
    ) => {
      const body = JSON.stringify({ id, type: `checkout.session.${type}`, data: { object } })
      const t = Math.floor(clock.now() / 1_000) - ageS
      const v1 = createHmac('sha256', by).update(`${t}.${body}`).digest('hex')
      const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${t},v1=${v1}` }
      const { url } = await bench.server.spawn('stripe')
      const { status } = await bench.server.fetch(new Request(url, { method: 'POST', headers, body }))
      await bench.pass()
      return status
    }
    return { bench, said, tell }
  }

  it('asks for one page of an order, and says which order it is', async () => {
    const { bench } = await open()
    await using _ = bench
    const pages: string[] = []
    for (let asked = 0; asked < 2; asked++) {
      const page = bench.declared('7', 'price_1')
      await bench.settle()
      pages.push(await page)
      await bench.pass()
    }
    expect(new Set(pages)).toEqual(new Set(['https://checkout.stripe.com/c/pay/cs_1']))
    expect(bench.sent).toHaveLength(1)
    const [request] = bench.sent
    expect(request?.url).toBe('https://api.stripe.com/v1/checkout/sessions')
    expect(request?.headers.get('authorization')).toBe('Bearer sk_test_1')
    expect(request?.headers.get('idempotency-key')).toBe('checkout/7')
    const form = new URLSearchParams(await request?.text())
    expect(form.get('client_reference_id')).toBe('7')
    expect(form.get('line_items[0][price]')).toBe('price_1')
  })

  it('ships what is paid, once, though it is told twice and in two ways', async () => {
    const { bench, said, tell } = await open()
    await using _ = bench
    const paid = { client_reference_id: '7', payment_status: 'paid' }
    expect(await tell('completed', paid, { id: 'evt_paid' })).toBe(202)
    expect(await tell('completed', paid, { id: 'evt_paid' })).toBe(202)
    expect(await tell('async_payment_succeeded', paid)).toBe(202)
    expect(said).toEqual(['order 7 is paid, and shipped'])
  })

  it('waits where it is completed and not paid, and lets go of what nobody pays', async () => {
    const { bench, said, tell } = await open()
    await using _ = bench
    await tell('completed', { client_reference_id: '7', payment_status: 'unpaid' })
    expect(await tell('completed', { client_reference_id: null, payment_status: 'paid' })).toBe(202)
    expect(said).toEqual([])
    await tell('async_payment_succeeded', { client_reference_id: '7', payment_status: 'paid' })
    await tell('expired', { client_reference_id: '8', payment_status: 'unpaid' })
    expect(said).toEqual(['order 7 is paid, and shipped', 'order 8: nobody paid'])
    for await (const { unread, failed } of bench.server.receivers({ key: 'stripe' })) {
      expect({ unread, failed }).toEqual({ unread: 0, failed: 0 }) // of checkouts that are none of ours, too
    }
  })

  it('takes nothing that Stripe has not signed, or that is old', async () => {
    const { bench, said, tell } = await open()
    await using _ = bench
    const paid = { client_reference_id: '7', payment_status: 'paid' }
    expect(await tell('completed', paid, { by: 'whsec_other' })).toBe(401)
    expect(await tell('completed', paid, { ageS: 301 })).toBe(401)
    expect(said).toEqual([])
    expect(await tell('completed', paid, { ageS: 299 })).toBe(202)
    expect(said).toEqual(['order 7 is paid, and shipped'])
  })
})
