import { expect, it } from 'vitest'
import { ServerClosedError, StoreUnavailableError } from '../../src/errors.js'
import { EndWaits, type Sought } from '../../src/store/end-waits.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { Watch } from '../../src/store/watch.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

async function openWaits() {
  const clock = new ManualClock()
  const session = await memoryStore().open()
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const watch = new Watch({ session, clock, pollMs: 1_000, onError })
  const waits = new EndWaits({ watch, clock, onError })
  let deliveryId = ''
  const send = async () => {
    const now = clock.now()
    const message = {
      id: 'msg_1',
      lane: 'endpoint:app',
      method: 'POST',
      path: '',
      query: '',
      headers: [],
      body: new Uint8Array(),
      createdAt: now,
    } as const
    const sent = await session.send({ message, deliveryId: 'dlv_1', dueAt: now, deadlineAt: now + 1e9 })
    if (sent.type === 'sent') deliveryId = sent.deliveryId
  }
  await send()
  const sought: Sought<string> = {
    watched: [{ kind: 'delivery', id: deliveryId }],
    async look() {
      const delivery = await session.findDelivery({ deliveryId })
      return delivery?.status === 'dead' ? { found: 'over' } : {}
    },
  }
  const end = () => session.cancelDelivery({ deliveryId, now: clock.now() })
  return { clock, errors, waits, sought, end }
}

it('ends with what is found, also when that lies behind already', async () => {
  const { waits, sought, end, clock } = await openWaits()
  const early = waits.until(sought, { what: 'the end' })
  await clock.settle()
  await end()
  expect(await early).toBe('over')
  expect(await waits.until(sought, { what: 'the end', timeout: 0 })).toBe('over')
})

it('a wait that ended holds no subscription and no timer', async () => {
  const { clock, waits, sought, end } = await openWaits()
  const found = waits.until(sought, { what: 'the end', timeout: '1h' })
  const given = waits.until(sought, { what: 'the end' })
  const late = waits.until(sought, { what: 'the end', timeout: '5s' })
  await clock.advance('10s')
  await expect(late).rejects.toThrow('waiting for the end')
  given.cancel()
  expect(clock.timers).toBe(2) // the poll, and the hour
  await end()
  expect(await found).toBe('over')
  expect(clock.timers).toBe(0)
})

it('a store that cannot be reached ends no wait, whether it is to begin something or to be asked', async () => {
  const { clock, waits, sought, errors } = await openWaits()
  let begins = 0
  let looks = 0
  const begin = async (): Promise<Sought<string>> => {
    if (++begins <= 2) throw new StoreUnavailableError('gone')
    return {
      ...sought,
      look: async () => {
        if (++looks <= 2) throw new StoreUnavailableError('gone')
        return { found: 'over' }
      },
    }
  }
  const wait = waits.untilBegun(begin, { what: 'the end' })
  await clock.advance('5s')
  expect(await wait).toBe('over')
  expect([begins, looks, errors.length]).toEqual([3, 3, 4])
  expect(clock.timers).toBe(0)
})

it('any other error ends it', async () => {
  const { waits, sought, clock } = await openWaits()
  const look = () => Promise.reject(new Error('no such thing'))
  await expect(waits.until({ ...sought, look }, { what: 'the end' })).rejects.toThrow('no such thing')
  await expect(
    waits.untilBegun(() => Promise.reject(new Error('refused')), { what: 'the end' }),
  ).rejects.toThrow('refused')
  expect(clock.timers).toBe(0)
})

it('looks again when it was told to, without a wake-up', async () => {
  const { waits, clock } = await openWaits()
  const opensAt = clock.now() + 300
  const look = async () => (clock.now() >= opensAt ? { found: 'over' } : { lookAgainAt: opensAt })
  const wait = waits.until({ watched: [], look }, { what: 'the end' })
  await clock.advance(299)
  expect(clock.timers).toBe(1)
  await clock.advance(1)
  expect(await wait).toBe('over')
})

it('what was found for a wait that was given up meanwhile is handed back, once', async () => {
  const { waits, clock } = await openWaits()
  let found = () => {}
  let handedBack = 0
  const look = () =>
    new Promise<{ found: string; handBack: () => void }>(resolve => {
      found = () => resolve({ found: 'over', handBack: () => void handedBack++ })
    })
  const wait = waits.until({ watched: [], look }, { what: 'the end' })
  await clock.settle()
  wait.cancel()
  found()
  await expect(wait).rejects.toMatchObject({ code: 'cancelled' })
  await clock.settle()
  expect(handedBack).toBe(1)
})

it('what was begun for a wait that was given up meanwhile is not looked at', async () => {
  const { waits, clock, sought } = await openWaits()
  let begun = () => {}
  let looks = 0
  const begin = () =>
    new Promise<Sought<string>>(resolve => {
      begun = () =>
        resolve({
          ...sought,
          look: async () => {
            looks += 1
            return {}
          },
        })
    })
  const ways: string[] = []
  const wait = waits.untilBegun(begin, { what: 'the end', onGiveUp: how => void ways.push(how) })
  await clock.settle()
  wait.cancel()
  begun()
  await clock.settle()
  expect([looks, clock.timers, ways]).toEqual([0, 0, ['cancelled']])
})

it('closed, every wait is told so, and none begins', async () => {
  const { waits, sought, clock } = await openWaits()
  const wait = waits.until(sought, { what: 'the end' })
  await clock.settle()
  waits.close()
  await expect(wait).rejects.toThrow(ServerClosedError)
  await expect(waits.until(sought, { what: 'the end' })).rejects.toThrow(ServerClosedError)
  expect(clock.timers).toBe(0)
})
