// An answer by hand, an answer of another node, the time-out and the sender's leaving can meet in any order. Each test
// holds the store still at one instant and lets the other side come first.

import { expect, it } from 'vitest'
import type { CallbackRecord } from '../../src/model/callback.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { eventually, Rig } from './support/rig.js'

const LARGE = 'x'.repeat(100_000)
const elsewhere = { status: 203, headers: [], body: new Uint8Array() }

function gate() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { open, opened }
}

/** A sender that waits for its answer. `commands` of the store have the faults that the test gives them afterwards. */
async function openWaiting(rig: Rig) {
  const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '500ms' })
  const pending = rig.json(receiver, 1)
  await eventually(() => rig.commands.includes('findAnswer'))
  const [callback] = await rig.unread(receiver)
  if (callback === undefined) throw new Error('nothing was accepted')
  return { pending, receiver, callback }
}

const looks = (rig: Rig) => rig.commands.filter(name => name === 'findAnswer').length

const answerElsewhere = (rig: Rig, callback: CallbackRecord) =>
  rig.session.answer({ callbackId: callback.id, answer: elsewhere, until: rig.clock.now() + 1_000 })

it('gives the sender the whole body, also when the wake-up comes before the store has answered', async () => {
  const rig = await Rig.open()
  const { pending, receiver, callback } = await openWaiting(rig)
  const { answer } = rig.session
  const { open, opened } = gate()
  rig.faults.answer = async input => {
    const recorded = await answer(input)
    await opened
    return recorded
  }
  const before = looks(rig)
  const responding = rig.intake.respond(receiver, callback, { body: LARGE })
  await eventually(() => looks(rig) > before)
  open()
  expect(await responding).toBe(true)
  expect(await (await pending).text()).toHaveLength(LARGE.length)
})

it('gives the sender the whole body, also when the time is over before the store has answered', async () => {
  const rig = await Rig.open()
  const { pending, receiver, callback } = await openWaiting(rig)
  const { answer } = rig.session
  const { open, opened } = gate()
  rig.faults.answer = async input => {
    delete rig.faults.answer
    const recorded = await answer(input)
    await opened
    return recorded
  }
  const responding = rig.intake.respond(receiver, callback, { body: LARGE })
  await rig.clock.advance('1s')
  open()
  expect(await responding).toBe(true)
  expect(await (await pending).text()).toHaveLength(LARGE.length)
  expect(rig.clock.timers).toBe(0)
})

it('gives the sender the answer of another node that came first, without waiting for a poll', async () => {
  const rig = await Rig.open()
  const { pending, receiver, callback } = await openWaiting(rig)
  const { answer } = rig.session
  const { open, opened } = gate()
  rig.faults.answer = async input => {
    delete rig.faults.answer
    await opened
    return answer(input)
  }
  const responding = rig.intake.respond(receiver, callback, { body: 'second' })
  await eventually(() => rig.commands.includes('answer'))
  const before = looks(rig)
  await answerElsewhere(rig, callback)
  await eventually(() => looks(rig) > before)
  open()
  expect(await responding).toBe(false)
  expect((await pending).status).toBe(203)
})

it('gives the sender at its time-out what another node has answered, when every wake-up was lost', async () => {
  const session = await memoryStore().open()
  const rig = await Rig.open({}, { ...session, subscribe: () => () => {} })
  const { pending, callback } = await openWaiting(rig)
  await answerElsewhere(rig, callback)
  await rig.clock.advance('500ms')
  expect((await pending).status).toBe(203)
})

it('gives the sender 202 when the time is over and neither answer can be recorded', async () => {
  const rig = await Rig.open()
  const { pending, receiver, callback } = await openWaiting(rig)
  const { open, opened } = gate()
  rig.faults.answer = async () => {
    rig.faults.answer = (): Promise<never> => Promise.reject(new Error('down'))
    await opened
    throw new Error('down')
  }
  const responding = rig.intake.respond(receiver, callback, { body: 'lost' })
  await rig.clock.advance('500ms')
  open()
  await expect(responding).rejects.toThrow('down')
  expect((await pending).status).toBe(202)
  expect(rig.clock.timers).toBe(0)
})

it('does not begin to wait for a sender that left while its request was stored', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ respond: 'manual' })
  const controller = new AbortController()
  const { accept } = rig.session
  rig.faults.accept = async input => {
    const outcome = await accept(input)
    controller.abort()
    return outcome
  }
  await rig.request(receiver, { signal: controller.signal })
  expect(rig.clock.timers).toBe(0)
  expect(await rig.unread(receiver)).toHaveLength(1)
})
