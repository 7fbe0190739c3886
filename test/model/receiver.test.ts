import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  applyPatch,
  expiryOf,
  type InlineCode,
  patchConflict,
  type ReceiverSettings,
  type SettingsPatch,
  stateAt,
} from '../../src/model/receiver.js'

const codes: readonly InlineCode[] = ['verify', 'dedupe', 'respond', 'handshake']
const inline = fc.subarray([...codes]).map(some => [...some].sort())
const source = fc.constantFrom('stripe', 'github')
const numbers = {
  capacity: fc.nat(),
  maxBodyBytes: fc.nat(),
  ttlMs: fc.nat(),
  respondTimeoutMs: fc.nat(),
  dedupeWindowMs: fc.nat(),
  methods: fc.subarray(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'] as const, { minLength: 1 }),
}
const settings: fc.Arbitrary<ReceiverSettings> = fc.record(
  { inline, source, ...numbers },
  { requiredKeys: ['inline'] },
)
const patch: fc.Arbitrary<SettingsPatch> = fc.record(
  {
    source: fc.option(source),
    brings: fc.subarray([...codes]),
    dropsVerify: fc.boolean(),
    ...numbers,
  },
  { requiredKeys: [] },
)

describe('applying a patch', () => {
  it('replaces what is given and keeps what is left out', () => {
    const stored: ReceiverSettings = { inline: ['dedupe'], source: 'stripe', capacity: 5, methods: ['PUT'] }
    expect(applyPatch(stored, { capacity: 7, ttlMs: 60 })).toEqual({
      inline: ['dedupe'],
      source: 'stripe',
      capacity: 7,
      methods: ['PUT'],
      ttlMs: 60,
    })
  })

  it('keeps a value for which undefined is given', () => {
    const given: SettingsPatch = Object.fromEntries(['capacity', 'source'].map(name => [name, undefined]))
    expect(applyPatch({ inline: [], capacity: 5, source: 'stripe' }, given)).toEqual({
      inline: [],
      capacity: 5,
      source: 'stripe',
    })
  })

  it('takes a source away for null, and only then', () => {
    expect(applyPatch({ inline: [], source: 'stripe' }, { source: null })).toEqual({ inline: [] })
    expect(applyPatch({ inline: [] }, { source: null })).toEqual({ inline: [] })
  })

  it('takes a verifier away when told to, and when a source takes its place', () => {
    const stored: ReceiverSettings = { inline: ['dedupe', 'verify'] }
    expect(applyPatch(stored, { dropsVerify: true }).inline).toEqual(['dedupe'])
    expect(applyPatch(stored, { source: 'stripe' }).inline).toEqual(['dedupe'])
    expect(applyPatch(stored, { source: null }).inline).toEqual(['dedupe', 'verify'])
    expect(applyPatch(stored, { capacity: 1 }).inline).toEqual(['dedupe', 'verify'])
  })

  it('a verifier that is brought along replaces the one that was taken away', () => {
    expect(applyPatch({ inline: ['verify'] }, { dropsVerify: true, brings: ['verify'] }).inline).toEqual([
      'verify',
    ])
  })

  it('changes nothing that it was given', () => {
    fc.assert(
      fc.property(settings, patch, (stored, change) => {
        const before = structuredClone([stored, change])
        applyPatch(stored, change)
        expect([stored, change]).toEqual(before)
      }),
    )
  })

  it('applied twice is applied once', () => {
    fc.assert(
      fc.property(settings, patch, (stored, change) => {
        const once = applyPatch(stored, change)
        expect(applyPatch(once, change)).toEqual(once)
      }),
    )
  })

  it('an empty patch changes nothing', () => {
    fc.assert(
      fc.property(settings, stored => {
        expect(applyPatch(stored, {})).toEqual(stored)
      }),
    )
  })

  it('names each piece of code once, in order, and only what was there or is brought', () => {
    fc.assert(
      fc.property(settings, patch, (stored, change) => {
        const { inline: after } = applyPatch(stored, change)
        expect(after).toEqual([...new Set(after)].sort())
        for (const code of after) expect([...stored.inline, ...(change.brings ?? [])]).toContain(code)
        for (const code of change.brings ?? []) expect(after).toContain(code)
      }),
    )
  })

  it('without a conflict leaves no verifier beside a source', () => {
    fc.assert(
      fc.property(fc.array(patch, { maxLength: 6 }), changes => {
        const start: ReceiverSettings = { inline: [] }
        const end = changes.reduce(
          (stored, change) =>
            patchConflict(stored, change) === undefined ? applyPatch(stored, change) : stored,
          start,
        )
        expect(end.source !== undefined && end.inline.includes('verify')).toBe(false)
      }),
    )
  })
})

describe('a conflict of a patch', () => {
  it('is a verifier beside a source, wherever the source comes from, and says which', () => {
    expect(patchConflict({ inline: [], source: 'stripe' }, { brings: ['verify'] })).toMatch(/'stripe'/)
    expect(patchConflict({ inline: [] }, { source: 'github', brings: ['verify'] })).toMatch(/'github'/)
    expect(patchConflict({ inline: [], source: 'stripe' }, { source: 'github', brings: ['verify'] })).toMatch(
      /'github'/,
    )
  })

  it('is none when the source is taken away, or when nothing but other code is brought', () => {
    expect(
      patchConflict({ inline: [], source: 'stripe' }, { source: null, brings: ['verify'] }),
    ).toBeUndefined()
    expect(patchConflict({ inline: [], source: 'stripe' }, { brings: ['dedupe', 'respond'] })).toBeUndefined()
    expect(patchConflict({ inline: ['verify'] }, { source: 'stripe' })).toBeUndefined()
    expect(patchConflict({ inline: [] }, { brings: ['verify'] })).toBeUndefined()
  })
})

describe('when a receiver expires', () => {
  it('is never without a time to live', () => {
    expect(expiryOf(1_000, { inline: [] }, 2_000)).toBeUndefined()
  })

  it('counts from when it was opened', () => {
    expect(expiryOf(1_000, { inline: [], ttlMs: 5_000 }, 2_000)).toBe(6_000)
  })

  it('is now, and not in the past, when that would be over already', () => {
    expect(expiryOf(1_000, { inline: [], ttlMs: 500 }, 2_000)).toBe(2_000)
  })
})

describe('the state at an instant', () => {
  it('is expired from its instant on, and open before', () => {
    const receiver = { state: 'open', expiresAt: 1_000 } as const
    expect(stateAt(receiver, 999)).toBe('open')
    expect(stateAt(receiver, 1_000)).toBe('expired')
    expect(stateAt(receiver, 1_001)).toBe('expired')
  })

  it('is open for ever without an instant', () => {
    expect(stateAt({ state: 'open' }, Number.MAX_SAFE_INTEGER)).toBe('open')
  })

  it('stays what it ended as, whatever the clock says', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('closed', 'expired'),
        fc.integer(),
        fc.integer(),
        (state, expiresAt, now) => {
          expect(stateAt({ state, expiresAt }, now)).toBe(state)
        },
      ),
    )
  })
})
