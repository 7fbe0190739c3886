import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { AREAS } from '../../src/testing/conformance/areas.js'
import { describeStore } from '../../src/testing/describe-store.js'

interface Registered {
  readonly title: string
  readonly run: () => Promise<void>
}

const registered: Registered[] = []
const skipped: Registered[] = []
const groups: string[] = []

/** A runner that only remembers what it was given. */
function useRunner(): void {
  const describe = (title: string, body: () => void) => {
    groups.push(title)
    body()
  }
  const it = Object.assign((title: string, run: () => Promise<void>) => registered.push({ title, run }), {
    skip: (title: string, run: () => Promise<void>) => skipped.push({ title, run }),
  })
  vi.stubGlobal('describe', describe)
  vi.stubGlobal('it', it)
}

const open = async (): Promise<Store> => memoryStore()
const titles = AREAS.flatMap(area => area.cases.map(({ title }) => title))

beforeEach(() => {
  for (const list of [registered, skipped, groups]) list.length = 0
})
afterEach(() => vi.unstubAllGlobals())

describe('describeStore', () => {
  it('registers every case under the name of the store and its area', () => {
    useRunner()
    describeStore({ name: 'ours', open })
    expect(groups).toEqual(['the store ours', ...AREAS.map(({ title }) => title)])
    expect(registered.map(({ title }) => title)).toEqual(titles)
    expect(skipped).toEqual([])
  })

  it('has no two cases with the same title', () => {
    expect(new Set(titles).size).toBe(titles.length)
  })

  it('skips the cases that a store is exempt from, and says why in the title', () => {
    useRunner()
    const [first = '', ...others] = titles
    describeStore({ name: 'ours', open, exempt: { [first]: 'it has no tokens' } })
    expect(registered.map(({ title }) => title)).toEqual(others)
    expect(skipped.map(({ title }) => title)).toEqual([`${first} (exempt: it has no tokens)`])
  })

  it('refuses an exemption from a case that does not exist, and one without a reason', () => {
    useRunner()
    expect(() => describeStore({ name: 'ours', open, exempt: { 'flies to the moon': 'no rocket' } })).toThrow(
      /does not exist: 'flies to the moon'/,
    )
    const [first = ''] = titles
    expect(() => describeStore({ name: 'ours', open, exempt: { [first]: ' ' } })).toThrow(/reason/)
    expect(registered).toEqual([])
  })

  it('says what it needs where there is no runner', () => {
    vi.stubGlobal('it', undefined)
    expect(() => describeStore({ name: 'ours', open })).toThrow(
      expect.objectContaining({
        code: 'invalid_options',
        message: expect.stringMatching(/global describe and it/),
      }),
    )
  })

  it('opens a fresh store for each case, and closes its session, also when the case fails', async () => {
    useRunner()
    let opened = 0
    let closed = 0
    const counting = async (): Promise<Store> => {
      const store = memoryStore()
      return {
        ...store,
        async open() {
          opened += 1
          const session = await store.open()
          const close = async () => {
            closed += 1
            await session.close()
          }
          return { ...session, subscribe: listener => session.subscribe(listener), close, join: () => fail() }
        },
      }
    }
    describeStore({ name: 'ours', open: counting })
    await expect(registered[0]?.run()).rejects.toThrow('cannot join')
    await expect(registered[1]?.run()).rejects.toThrow('cannot join')
    expect([opened, closed]).toEqual([2, 2])
  })
})

function fail(): Promise<never> {
  return Promise.reject(new Error('cannot join'))
}
