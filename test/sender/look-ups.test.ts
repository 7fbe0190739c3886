import { describe, expect, it } from 'vitest'
import { LookUps, type Resolved } from '../../src/sender/look-ups.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { deferred } from './bench.js'

const address: Resolved = { address: '192.0.2.1', family: 4 }

/** Look-ups that end when the test says so. */
function openLookUps() {
  const clock = new ManualClock()
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  let underWay = 0
  let most = 0
  const lookUps = new LookUps({
    clock,
    timeoutMs: 5_000,
    resolve: async hostname => {
      begun.push(hostname)
      most = Math.max(most, ++underWay)
      const { promise, resolve } = deferred<void>()
      ends.set(hostname, () => resolve())
      await promise
      underWay--
      if (hostname.startsWith('no-')) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
      return [address]
    },
  })
  const end = async (hostname: string) => {
    ends.get(hostname)?.()
    await clock.settle()
  }
  return { lookUps, clock, begun, end, most: () => most }
}

describe('look-ups', () => {
  it('are two at a time, in the order in which they were asked for', async () => {
    const { lookUps, begun, end, most } = openLookUps()
    const names = ['a', 'b', 'c', 'd', 'e']
    const found = Promise.all(names.map(name => lookUps.find(name)))
    expect(begun).toEqual(['a', 'b'])
    await end('b')
    expect(begun).toEqual(['a', 'b', 'c'])
    for (const name of names) await end(name)
    expect(await found).toEqual(names.map(() => [address]))
    expect([begun, most()]).toEqual([names, 2])
  })

  it('of one name are one while it is under way, and another one afterwards', async () => {
    const { lookUps, begun, end } = openLookUps()
    const found = Promise.all([lookUps.find('a'), lookUps.find('a'), lookUps.find('a')])
    expect(begun).toEqual(['a'])
    await end('a')
    expect(await found).toEqual([[address], [address], [address]])
    const again = lookUps.find('a')
    expect(begun).toEqual(['a', 'a'])
    await end('a')
    expect(await again).toEqual([address])
  })

  it('that fail tell all who asked, and make room', async () => {
    const { lookUps, begun, end } = openLookUps()
    const failing = [lookUps.find('no-a'), lookUps.find('no-a')]
    const found = [lookUps.find('b'), lookUps.find('c')]
    await end('no-a')
    for (const each of failing) await expect(each).rejects.toMatchObject({ code: 'ENOTFOUND' })
    expect(begun).toEqual(['no-a', 'b', 'c'])
    await end('b')
    await end('c')
    await Promise.all(found)
  })

  it('time out from when they began, not from when they were asked for', async () => {
    const { lookUps, clock, end } = openLookUps()
    const [a, b, c] = [lookUps.find('a'), lookUps.find('b'), lookUps.find('c')]
    await clock.advance('4s')
    await end('a')
    await clock.advance('1s')
    await expect(b).rejects.toMatchObject({ code: 'LOOKUP_TIMEOUT' })
    await clock.advance('3999ms')
    expect(await Promise.race([c, 'pending'])).toBe('pending')
    await clock.advance('1ms')
    await expect(c).rejects.toMatchObject({ code: 'LOOKUP_TIMEOUT' })
    expect(await a).toEqual([address])
  })

  it('that timed out keep their place until the platform is done with them', async () => {
    const { lookUps, clock, begun, end } = openLookUps()
    const late = [lookUps.find('a'), lookUps.find('b')]
    const waiting = lookUps.find('c')
    await clock.advance('5s')
    for (const each of late) await expect(each).rejects.toMatchObject({ code: 'LOOKUP_TIMEOUT' })
    await expect(lookUps.find('a')).rejects.toMatchObject({ code: 'LOOKUP_TIMEOUT' })
    expect(begun).toEqual(['a', 'b'])
    await end('a')
    expect(begun).toEqual(['a', 'b', 'c'])
    await end('c')
    expect(await waiting).toEqual([address])
  })

  it('of names that hang leave a place to those that do not', async () => {
    const { lookUps, clock, begun, end } = openLookUps()
    const hanging = ['h1', 'h2', 'h3', 'h4']
    for (const [first = '', second = ''] of [hanging.slice(0, 2), hanging.slice(2)]) {
      const late = [lookUps.find(first), lookUps.find(second)]
      await clock.advance('5s')
      for (const each of late) await expect(each).rejects.toMatchObject({ code: 'LOOKUP_TIMEOUT' })
      await end(first)
      await end(second)
    }
    begun.length = 0
    const again = Promise.allSettled(hanging.map(name => lookUps.find(name)))
    const good = ['a', 'b', 'c'].map(name => lookUps.find(name))
    for (const name of ['a', 'b', 'c']) await end(name)
    expect(await Promise.all(good)).toEqual([[address], [address], [address]])
    expect(begun).toEqual(['h1', 'a', 'b', 'c'])
    for (const name of hanging) await end(name)
    expect((await again).every(({ status }) => status === 'fulfilled')).toBe(true)
    begun.length = 0
    const trusted = [lookUps.find('h1'), lookUps.find('h2')]
    expect(begun).toEqual(['h1', 'h2'])
    await end('h1')
    await end('h2')
    await Promise.all(trusted)
  })

  it('end with whoever asks for them, and leave no timer behind', async () => {
    const { lookUps, clock, begun } = openLookUps()
    const waits = ['a', 'b', 'c'].map(name => lookUps.find(name))
    lookUps.close()
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: 'ECANCELLED' })
    await expect(lookUps.find('d')).rejects.toMatchObject({ code: 'ECANCELLED' })
    expect([clock.timers, begun]).toEqual([0, ['a', 'b']])
  })
})
