import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runExample } from './run-example.js'

const printed: Record<string, string[]> = {
  'await-one-callback.mjs': ["called back: { status: 'done', video: 'cat.mp4' }"],
  'race.mjs': ['ada: 12 paid', 'ben: cancelled', 'cem: nobody paid in time'],
  'consume.mjs': [
    'order 1: the pizza is ready (attempt 1)',
    'order 2: the stew is not ready yet (attempt 1)',
    'order 2: the stew is not ready yet (attempt 2)',
    'order 2: the stew is ready (attempt 3)',
    'order 3: set aside, because there are no unicorns',
  ],
  'manual-answer.mjs': [
    'first: 200 {"cents":750}',
    'again: 200 {"cents":750}, the same answer, nothing handled twice',
  ],
  'send.mjs': [
    'partner: POST /api/orders/a%2Fb/accept {"minutes":25}, but not now',
    'partner: POST /api/orders/a%2Fb/accept {"minutes":25}',
    'it was delivered',
    'attempt: 503',
    'attempt: 200',
  ],
  'ask.mjs': ['first: no answer yet', 'second: chicken', 'third: chicken', 'the partner was asked once'],
  'approval.mjs': [
    'mail to ada: please decide',
    'the invoice of ada was approved',
    'mail to ben: please decide',
    'mail to ben: do not forget',
    'the invoice of ben was declined',
    'mail to cem: please decide',
    'mail to cem: do not forget',
    'the invoice of cem was not decided',
    'cem reads: It is decided, or too late.',
  ],
  'render.mjs': ['cat.mov: 25 %', 'cat.mov: 50 %', 'cat.mov: 75 %', 'https://cdn.example/cat.mov'],
  'suppliers.mjs': ['ordered at nuts for 7', 'the winner is nuts', 'bolts is late, and reads 410'],
  'order-broker.mjs': [
    'pizza/1: granted',
    'sushi/1: refused by the partner',
    'ramen/1: refused by the app',
    'soup/1: unanswered',
  ],
  'saga.mjs': [
    'cem: flight booked',
    'cem: car booked',
    'cem: everything is booked',
    'ada: flight booked',
    'ada: car booked',
    'ada: car undone',
    'ada: flight undone',
    'ada: DeliveryFailedError',
    'ben: flight booked',
    'ben: car booked',
    'ben: car undone',
    'ben: flight undone',
    'ben: The run was cancelled: Ben is ill',
  ],
  'secret-rotation.mjs': [
    'first: 503 of who knows the old secret',
    'second: 204 of who knows the old secret',
    'third: 204 of who knows the new secret',
    'first: 204 of who knows the new secret',
    'fourth: 204 of who knows the new secret',
  ],
  'webhook-provider.mjs': ['again: id', 'shop: {"event":"book.created","id":7}, signed', 'bank: unproven'],
  'return-to-sender.mjs': [
    '7A: delivered',
    '13F: dead',
    'seat 13F is free again',
    'mail to ben: no seat 13F, the airline says 422',
  ],
  'stripe-payment.mjs': [
    'https://checkout.stripe.com/c/pay/cs_1',
    'unpaid 202',
    'paid 202',
    'order 7 is paid, and shipped',
    'paid 202',
  ],
  'github-push.mjs': ['a: pending', 'a: success', 'b: pending', 'b: failure'],
  'slack-interaction.mjs': [
    'now: is this yours?',
    'now: {"text":"There is no report \'weather\'."}',
    'now: {"text":"One moment."}',
    'later: {"response_type":"in_channel","text":"all is well"}',
  ],
  'replicate-prediction.mjs': ['somebody else: 401', 'replicate: 202', 'https://replicate.delivery/cat.png'],
  'recurring.mjs': ['the report of day 1', 'the report of day 2', 'the report of day 3', '3 runs are done'],
}

const folder = new URL('../../examples/', import.meta.url)

describe.concurrent('an example', () => {
  it.each(readdirSync(folder).filter(name => name.endsWith('.mjs')))(
    '%s prints what it should, and ends by itself',
    async file => {
      const { code, stdout, stderr } = await runExample(file)

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout.split('\n').slice(0, -1).sort()).toEqual([...(printed[file] ?? [])].sort())
      const most = file === 'order-broker.mjs' ? 120 : 75
      expect(readFileSync(new URL(file, folder), 'utf8').split('\n').length).toBeLessThan(most)
    },
  )
})
