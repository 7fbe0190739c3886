// The order in which a request is judged, from DESIGN: token, method, size, signature, duplicate, ended, content,
// capacity. Each test breaks two rules at once and sees the earlier one speak.

import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { ReceiverRecord } from '../../src/model/receiver.js'
import type { ReceiverOptions } from '../../src/options.js'
import { Rig, toJsonInit, transports } from './support/rig.js'

const LARGE = { body: 'x'.repeat(101), headers: { 'content-type': 'application/json' } }

async function openRig(options: ReceiverOptions<unknown> & { key?: string } = {}) {
  const rig = await Rig.open()
  const receiver = await rig.spawn({
    key: 'k',
    maxBodyBytes: 100,
    capacity: 1,
    verify: request => request.headers.get('x-signature') === 'good',
    schema: z.object({ n: z.number() }),
    ...options,
  })
  return { rig, receiver }
}

const signed = (body: unknown, id = '') =>
  toJsonInit(body, { 'x-signature': 'good', ...(id === '' ? {} : { 'webhook-id': id }) })

describe.each(transports)('the order of judging, by $name', ({ send }) => {
  it('asks for the token before anything else', async () => {
    const { rig } = await openRig()
    const nobody = { token: 'n'.repeat(24) }
    expect((await send(rig, nobody, { method: 'GET' })).status).toBe(404)
    expect((await send(rig, nobody, LARGE)).status).toBe(404)
  })

  it('asks for the method before the size', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, { method: 'PUT', ...LARGE })).status).toBe(405)
  })

  it('asks for the size before the signature', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, LARGE)).status).toBe(413)
  })

  it('asks for the signature before it says that a request is a repetition', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, signed({ n: 1 }, 'a'))).status).toBe(202)
    const forged = await send(rig, receiver, toJsonInit({ n: 1 }, { 'webhook-id': 'a' }))
    expect(forged.status).toBe(401)
  })

  it('asks for the signature before it says that a receiver has ended', async () => {
    const { rig, receiver } = await openRig()
    await rig.close(receiver)
    expect((await send(rig, receiver, toJsonInit({ n: 1 }))).status).toBe(401)
    expect((await send(rig, receiver, signed({ n: 1 }))).status).toBe(410)
  })

  it('gives a repetition its answer also when the receiver has ended, its content is bad or the mailbox is full', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, signed({ n: 1 }, 'a'))).status).toBe(202)
    expect((await send(rig, receiver, signed({ n: 1 }, 'a'))).headers.get('longline-duplicate')).toBe('true')
    expect((await send(rig, receiver, signed({ n: 'bad' }, 'a'))).headers.get('longline-duplicate')).toBe(
      'true',
    )
    await rig.close(receiver)
    const repeated = await send(rig, receiver, signed({ n: 'bad' }, 'a'))
    expect([repeated.status, repeated.headers.get('longline-duplicate')]).toEqual([202, 'true'])
  })

  it('says that a receiver has ended before it looks at the content or the capacity', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, signed({ n: 1 }))).status).toBe(202)
    await rig.close(receiver)
    expect((await send(rig, receiver, signed({ n: 'bad' }))).status).toBe(410)
    expect((await send(rig, receiver, { body: '{', headers: { 'x-signature': 'good' } })).status).toBe(410)
    expect((await send(rig, receiver, signed({ n: 2 }))).status).toBe(410)
  })

  it('looks at the content before the capacity', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, signed({ n: 1 }))).status).toBe(202)
    expect((await send(rig, receiver, signed({ n: 'bad' }))).status).toBe(422)
    const malformed = { ...signed(1), body: '{' }
    expect((await send(rig, receiver, malformed)).status).toBe(400)
    expect((await send(rig, receiver, signed({ n: 2 }))).status).toBe(429)
  })

  it('does not remember what it refused: the same id is taken once the reason is gone', async () => {
    const { rig, receiver } = await openRig()
    expect((await send(rig, receiver, signed({ n: 'bad' }, 'a'))).status).toBe(422)
    expect((await send(rig, receiver, signed({ n: 1 }, 'a'))).status).toBe(202)
    expect((await send(rig, receiver, signed({ n: 2 }, 'b'))).status).toBe(429)
    await rig.spawn({ key: 'k', capacity: 5 })
    const late = await send(rig, receiver, signed({ n: 2 }, 'b'))
    expect([late.status, late.headers.get('longline-duplicate')]).toEqual([202, null])
  })

  describe('where the code is not loaded', () => {
    async function restart(change: (rig: Rig, receiver: ReceiverRecord) => Promise<unknown>) {
      const { rig, receiver } = await openRig({ ttl: '1h' })
      await change(rig, receiver)
      const restarted = rig.another()
      return { rig: restarted, receiver }
    }

    it('says that the receiver has ended before it asks to come again, whatever is wrong besides', async () => {
      const closed = await restart((rig, receiver) => rig.close(receiver))
      const expired = await restart(rig => rig.clock.advance('1h'))
      for (const { rig, receiver } of [closed, expired]) {
        expect((await send(rig, receiver, LARGE)).status).toBe(410)
        expect((await send(rig, receiver, { method: 'PUT' })).status).toBe(410)
      }
    })

    it('asks to come again before it judges anything else', async () => {
      const { rig, receiver } = await restart(async () => {})
      expect((await send(rig, receiver, LARGE)).status).toBe(503)
      expect((await send(rig, receiver, { method: 'PUT' })).status).toBe(503)
      expect((await send(rig, receiver, toJsonInit({ n: 1 }))).status).toBe(503)
      expect(rig.logsOf('warn')[0]?.facts).toMatchObject({ receiverId: receiver.id, inline: ['verify'] })
    })
  })
})
