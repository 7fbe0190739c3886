import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { MailboxFullError } from '../../src/errors.js'
import { readData } from '../../src/model/received.js'
import { Rig } from './support/rig.js'

describe('accepting without HTTP', () => {
  it('stores data as a request with that content would', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const given = [{ a: 1 }, 'text', new Uint8Array([0, 255]), new URLSearchParams('a=1&b=2'), null]
    for (const data of given) await rig.intake.accept(receiver, data)
    const callbacks = await rig.unread(receiver)
    expect(callbacks).toMatchObject(given.map((_, index) => ({ seq: index + 1, method: 'POST', path: '' })))
    expect(await Promise.all(callbacks.map(readData))).toEqual([
      { a: 1 },
      'text',
      new Uint8Array([0, 255]),
      { a: '1', b: '2' },
      null,
    ])
    expect(rig.observed).toMatchObject(
      given.map((_, index) => ({ type: 'callback.accepted', seq: index + 1 })),
    )
  })

  it('needs no code: neither verifier nor answer is asked', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      key: 'k',
      verify: () => false,
      dedupe: () => 'same',
      respond: () => {
        throw new Error('asked')
      },
    })
    await rig.intake.accept(receiver, 1)
    await rig.another().intake.accept(receiver, 2)
    expect(await rig.unread(receiver)).toHaveLength(2)
    expect(rig.logged).toEqual([])
  })

  it('accepts a delivery id once, by hand and by HTTP alike', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    await rig.intake.accept(receiver, 1, { deliveryId: 'a' })
    await rig.intake.accept(receiver, 1, { deliveryId: 'a' })
    const byHttp = await rig.json(receiver, 1, { 'webhook-id': 'a' })
    expect([byHttp.status, byHttp.headers.get('longline-duplicate')]).toEqual([202, 'true'])
    await rig.json(receiver, 2, { 'webhook-id': 'b' })
    await rig.close(receiver)
    await rig.intake.accept(receiver, 2, { deliveryId: 'b' })
    expect(await rig.unread(receiver)).toHaveLength(2)
  })

  it.each(['', 'a\0', 'x'.repeat(256), '\ud800'])('refuses the delivery id %j', async deliveryId => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    await expect(rig.intake.accept(receiver, 1, { deliveryId })).rejects.toMatchObject({
      code: 'invalid_options',
    })
  })

  it('refuses what JSON cannot hold', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    await expect(rig.intake.accept(receiver, { n: 1n })).rejects.toMatchObject({ code: 'invalid_options' })
  })

  it('refuses what does not fit the schema, with the issues', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ schema: z.object({ n: z.number() }) })
    await expect(rig.intake.accept(receiver, { n: 'secret' })).rejects.toMatchObject({
      code: 'invalid_input',
      issues: [{ path: ['n'] }],
      message: expect.not.stringContaining('secret'),
    })
    await rig.intake.accept(receiver, { n: 1 })
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('goes by the schema as it is now, whatever the handle knew', async () => {
    const rig = await Rig.open()
    const old = await rig.spawn({ key: 'k' })
    await rig.spawn({ key: 'k', from: rig.sources.declare('s', { schema: z.string() }), capacity: 1 })
    await expect(rig.intake.accept(old, { n: 1 })).rejects.toMatchObject({ code: 'invalid_input' })
    await rig.intake.accept(old, 'text')
    await expect(rig.intake.accept(old, 'text')).rejects.toMatchObject({ code: 'mailbox_full' })
  })

  it('says that the mailbox is full, and that it may be tried again', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ key: 'k', capacity: 1 })
    await rig.intake.accept(receiver, 1)
    const refused = rig.intake.accept(receiver, 2)
    await expect(refused).rejects.toThrow(MailboxFullError)
    await expect(refused).rejects.toMatchObject({
      name: 'MailboxFullError',
      message: 'Receiver k is full: its capacity of 1 is used up',
      code: 'mailbox_full',
      retryable: true,
      receiver: 'k',
      capacity: 1,
    })
  })

  it('says that the receiver is closed or has expired', async () => {
    const rig = await Rig.open()
    const [closed, expired] = [await rig.spawn({ key: 'a' }), await rig.spawn({ key: 'b', ttl: '1s' })]
    await rig.close(closed)
    await rig.clock.advance('1s')
    await expect(rig.intake.accept(closed, 1)).rejects.toMatchObject({
      code: 'receiver_closed',
      reason: 'closed',
      receiver: 'a',
    })
    await expect(rig.intake.accept(expired, 1)).rejects.toMatchObject({
      code: 'receiver_closed',
      reason: 'expired',
    })
  })

  it('says that the server is closed', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    rig.intake.refuse()
    await expect(rig.intake.accept(receiver, 1)).rejects.toMatchObject({ code: 'server_closed' })
  })

  it('hands on what the store says when it fails', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    rig.faults.accept = () => Promise.reject(new Error('down'))
    await expect(rig.intake.accept(receiver, 1)).rejects.toThrow('down')
  })
})
