import assert from 'node:assert/strict'
import { toText, utf8 } from '../../core/bytes.js'
import type { AcceptInput } from '../../store/receiving.js'
import { NOTHING_SWEPT } from './sweeps.js'
import { type Area, type Case, type Trial, texts } from './trial.js'

const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index)
const mebibyte = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31 + (index >> 8)) & 255)

function comesOut(title: string, what: Partial<AcceptInput>): Case {
  return {
    title: `${title} comes out exactly as it went in`,
    async run(trial) {
      const receiver = await trial.spawn('orders')
      await trial.session.accept(trial.request(receiver, '', what))
      await expectOut(trial, what)
      await trial.restart()
      await trial.takeOver()
      await expectOut(trial, what)
    },
  }
}

async function expectOut(trial: Trial, what: Partial<AcceptInput>): Promise<void> {
  const receiver = await trial.spawn('orders')
  const callback = await trial.takeOne(receiver)
  for (const [name, value] of Object.entries(what)) {
    const out = callback[name as keyof typeof callback]
    if (value instanceof Uint8Array && out instanceof Uint8Array) assert.ok(Buffer.from(value).equals(out))
    else assert.deepEqual(out, value)
  }
}

/** What strangers send is kept to the byte. */
export const contents: Area = {
  title: 'contents',
  cases: [
    comesOut('a body of the bytes 0x00 to 0xFF', { body: everyByte }),
    comesOut('an empty body', { body: new Uint8Array() }),
    comesOut('a body of 1 MiB', { body: mebibyte }),
    comesOut('invalid UTF-8', { body: Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80) }),
    comesOut('a part of a larger buffer', { body: everyByte.subarray(100, 110) }),
    comesOut('a repeated header, an empty one and one outside ASCII', {
      headers: JSON.stringify([
        'X-A',
        '1',
        'x-a',
        '2',
        'X-Empty',
        '',
        'x-latin',
        'é\u00ff',
        'x-quote',
        '"\\',
      ]),
    }),
    comesOut('no header at all', { headers: '[]' }),
    comesOut('a query that is not well-formed', { query: 'a=%&b&&=c&%zz=%e2%28%a1&x=1&x=2+3' }),
    comesOut('a path with encoded characters', { path: '/a%2Fb/%E2%98%83/../c;d=1/' }),
    comesOut('a method of any kind', { method: 'PATCH' }),
    comesOut('a delivery id of 255 bytes outside ASCII', { deliveryId: '☃'.repeat(85) }),
    {
      title: 'instants beyond every date spoil nothing: what they belong to is found, listed and handed out',
      async run(trial) {
        for (const never of [Number.MAX_SAFE_INTEGER + 1_000, 1e300, Number.POSITIVE_INFINITY]) {
          const patch = { ttlMs: never }
          const receiver = await trial.spawn(`orders/${never}`, patch)
          await trial.spawn(`orders/${never}`, { ...patch, capacity: 5 })
          const request = { deliveryId: 'evt', dedupeUntil: never }
          await trial.post(receiver, 'a', request)
          assert.equal((await trial.post(receiver, 'a', request)).type, 'duplicate')
          const answer = { status: 200, headers: [], body: utf8('ok') }
          const answered = trial.request(receiver, 'b', { dedupeUntil: never, answer })
          await trial.session.accept(answered)
          const later = trial.request(receiver, 'c')
          await trial.session.accept(later)
          await trial.session.answer({ callbackId: later.callbackId, answer, until: never })

          await trial.release(await trial.takeOne(receiver), { dueAt: never })
          const { callbacks, lookAgainAt = 0 } = await trial.claim(receiver)
          assert.deepEqual(texts(callbacks), ['b', 'c'])
          assert.ok(lookAgainAt > trial.now)
          assert.equal((await trial.find(receiver.token)).state, 'open')
          assert.deepEqual(await trial.session.findAnswer({ callbackId: later.callbackId }), answer)

          const lane = `endpoint:${never}` as const
          const deliveryId = await trial.queue(lane, { deadlineAt: never })
          await trial.record(await trial.takeDelivery(lane), { status: 'due', dueAt: never })
          assert.equal((await trial.session.findDelivery({ deliveryId }))?.status, 'due')
          const room = { lanes: { [lane]: 9 } }
          assert.ok(((await trial.claimDeliveries(room)).nextDueAt ?? 0) > trial.now)
          await trial.queue(lane, { dueAt: never, deadlineAt: never })
          assert.deepEqual((await trial.claimDeliveries(room)).claimed, [])
        }
        assert.equal((await trial.session.listReceivers({ now: trial.now, limit: 9 })).length, 3)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'bytes that the caller changes afterwards are not changed in the store',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const body = utf8('before')
        const accepting = trial.session.accept(trial.request(receiver, '', { body }))
        await accepting
        body.fill(0)
        assert.deepEqual(texts(await trial.take(receiver)), ['before'])
      },
    },
    {
      title: "bytes that were handed out are the caller's: what is written into them is not in the store",
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const answer = { status: 200, headers: [], body: utf8('good') }
        const request = trial.request(receiver, 'good', { deliveryId: 'evt', answer })
        await trial.session.accept(request)
        const spoil = ({ body }: { readonly body: Uint8Array } = assert.fail('nothing was handed out')) => {
          assert.equal(toText(body), 'good')
          body.fill(0)
        }
        for (let time = 0; time < 2; time += 1) {
          spoil(await trial.session.findAnswer({ callbackId: request.callbackId }))
          const repeated = await trial.session.accept({ ...request, callbackId: `cb_${time}` })
          assert.equal(repeated.type, 'duplicate')
          spoil(repeated.answer)
          spoil((await trial.claim(receiver, { ordered: true })).ungrouped[0])
          for (const record of await trial.close(receiver)) spoil(record)
          const callback = await trial.takeOne(receiver)
          spoil(callback)
          await trial.giveUp(callback)
          const { id: receiverId } = receiver
          spoil((await trial.session.listFailed({ receiverId, limit: 1 }))[0])
          await trial.session.retryFailed({ receiverId, callbackId: callback.id, now: trial.now })
        }

        await trial.send(trial.message('endpoint:app', { body: utf8('good') }))
        for (let time = 0; time < 2; time += 1) {
          const claimed = await trial.takeDelivery('endpoint:app')
          spoil(claimed.message)
          const attempt = { answer: { headers: [], body: utf8('good'), truncated: false } }
          await trial.record(claimed, { status: 'due', dueAt: trial.now }, attempt)
          const ask = { deliveryId: claimed.delivery.id }
          spoil((await trial.session.listAttempts(ask))[0]?.answer)
          spoil((await trial.session.listAttempts(ask))[0]?.answer)
        }
      },
    },
    {
      title: 'a message comes out exactly as it went in, with all its headers and bytes',
      async run(trial) {
        const message = trial.message('endpoint:app', {
          key: 'order/7',
          type: 'order.created',
          method: 'PUT',
          path: '/%2e%2e/☃',
          query: 'a=%zz&a=2',
          headers: [
            ['X-Twice', '1'],
            ['x-twice', '2'],
            ['x-empty', ''],
            ['x-latin', 'é"\\'],
          ],
          body: everyByte,
        })
        await trial.send(message)
        await trial.restart()
        const claimed = await trial.takeDelivery('endpoint:app')
        assert.ok(claimed.message.body instanceof Uint8Array)
        assert.deepEqual(
          { ...claimed.message, body: [...claimed.message.body] },
          { ...message, body: [...everyByte] },
        )
      },
    },
    {
      title: 'a message to a written-out URL keeps its URL',
      async run(trial) {
        const url = 'https://hooks.example.com/a?b=c'
        await trial.send(trial.message('origin:https://hooks.example.com', { url, body: mebibyte }))
        const { message } = await trial.takeDelivery('origin:https://hooks.example.com')
        assert.equal(message.url, url)
        assert.ok(Buffer.from(mebibyte).equals(message.body))
        assert.equal('key' in message, false)
      },
    },
    {
      title: 'the answer to an attempt comes out exactly as it went in',
      async run(trial) {
        await trial.queue('endpoint:app')
        const claimed = await trial.takeDelivery('endpoint:app')
        const attempt = {
          at: trial.now,
          durationMs: 12,
          status: 200,
          answer: {
            headers: [
              ['set-cookie', 'a=1'],
              ['set-cookie', 'b=2'],
            ] as const,
            body: everyByte,
            truncated: true,
          },
        }
        await trial.record(claimed, { status: 'delivered' }, attempt)
        await trial.restart()
        const [stored, ...others] = await trial.session.listAttempts({ deliveryId: claimed.delivery.id })
        assert.deepEqual(others, [])
        assert.ok(stored?.answer !== undefined)
        assert.deepEqual([...stored.answer.body], [...everyByte])
        assert.deepEqual({ ...stored, answer: { ...stored.answer, body: everyByte } }, attempt)
      },
    },
  ],
}
