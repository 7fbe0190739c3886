import { describe, expect, it } from 'vitest'
import { countUnread, openTestServer } from '../support/server.js'

type Numbered = { n: number }

describe('a loop over a receiver', () => {
  it('acknowledges when it asks for the next', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('loop')
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    const loop = receiver[Symbol.asyncIterator]()
    await loop.next()
    const before = await countUnread(bench.server)
    await loop.next()
    const after = await countUnread(bench.server)
    await loop.return?.()

    expect([before, after]).toEqual([2, 1])
  })

  it('ends when the receiver is closed and empty', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('ending')
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    const seen: number[] = []

    for await (const callback of receiver) {
      seen.push(callback.data.n)
      if (callback.data.n === 1) await receiver.close()
    }

    expect(seen).toEqual([1, 2])
  })

  it('ends when the server closes, having acknowledged what it has handled', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('closing')
    await bench.post(receiver.url, { n: 1 })
    const looped = (async () => {
      let turns = 0
      for await (const _ of receiver) turns++
      return turns
    })()
    await bench.clock.settle()
    await bench.server.close()

    expect(await looped).toBe(1)
  })

  it('is waited for by a closing server until its turn is over', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('busy')
    await bench.post(receiver.url, { n: 1 })
    let finish = () => {}
    const turn = new Promise<void>(resolve => {
      finish = resolve
    })
    const looped = (async () => {
      for await (const _ of receiver) await turn
    })()
    await bench.clock.settle()
    let closed = false
    const closing = bench.server.close().then(() => {
      closed = true
    })
    await bench.clock.settle()
    expect(closed).toBe(false)

    finish()
    await looped
    await closing

    expect(closed).toBe(true)
  })

  it('ends after being idle for as long as it was told', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('idle')
    await bench.post(receiver.url, { n: 1 })
    const seen: number[] = []
    const looped = (async () => {
      for await (const callback of receiver.stream({ idle: '10s' })) seen.push(callback.data.n)
    })()
    await bench.clock.advance('9s')
    await bench.post(receiver.url, { n: 2 })
    await bench.clock.advance('9s')
    await bench.post(receiver.url, { n: 3 })
    await bench.clock.advance('10s')
    await looped

    expect(seen).toEqual([1, 2, 3])
  })

  it('rejects with the reason of its signal, and keeps nothing', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('aborted')
    const controller = new AbortController()
    const looped = (async () => {
      for await (const _ of receiver.stream({ signal: controller.signal })) throw new Error('nothing came')
    })()
    await bench.clock.settle()
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(looped).rejects.toBe(reason)
    await bench.post(receiver.url, { n: 1 })

    expect((await receiver.next({ timeout: 0 })).attempt).toBe(1)
  })

  it('left by throw, gives back what it held', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('thrown')
    await bench.post(receiver.url, { n: 1 })
    const looped = (async () => {
      for await (const _ of receiver) throw new Error('cannot')
    })()
    await expect(looped).rejects.toThrow('cannot')

    expect((await receiver.next({ timeout: 0 })).attempt).toBe(2)
  })
})
