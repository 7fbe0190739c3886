import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { beforeIdsOf, createId, createToken, isToken } from '../../src/core/ids.js'

/** Later than every other test's clock: what these ids begin with must not depend on who ran before. */
const base = Date.UTC(2100, 0, 1)

describe('an id', () => {
  it('is a prefix and 26 letters that nobody confuses', () => {
    expect(createId('cb', Date.now())).toMatch(/^cb_[0-9a-hjkmnp-tv-z]{26}$/)
  })

  it('begins with its instant, so that ids sort by time', () => {
    const letters = '0123456789abcdefghjkmnpqrstvwxyz'
    for (const ms of [base, base + 1, base + 1023, base + 2 ** 20, base + 2 ** 40]) {
      const time = createId('x', ms).slice(2, 12)
      expect([...time].reduce((sum, letter) => sum * 32 + letters.indexOf(letter), 0)).toBe(ms)
    }
  })

  it('is greater than every earlier one, whatever the clock does', () => {
    let last = createId('x', base)
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ noNaN: true, min: 0, max: base * 2 }), fc.constant(Number.NaN))),
        clock => {
          for (const now of clock) {
            const id = createId('x', now)
            expect(id > last).toBe(true)
            expect(id).toHaveLength(28)
            last = id
          }
        },
      ),
    )
  })

  it('is greater than every earlier one when a million are made in one millisecond', () => {
    const now = base * 3
    let last = createId('x', now)
    let disorder = 0
    for (let count = 0; count < 1_100_000; count++) {
      const id = createId('x', now)
      if (id <= last) disorder++
      last = id
    }
    expect(disorder).toBe(0)
  })

  it('sorts behind the beginning of its instant, and those that were made before it do not', () => {
    const later = base * 5
    const earlier = createId('x', later - 1)
    expect(earlier < beforeIdsOf('x', later)).toBe(true)
    expect(createId('x', later) > beforeIdsOf('x', later)).toBe(true)
    expect(createId('x', later) > beforeIdsOf('x', later + 0.5)).toBe(true)
    expect(beforeIdsOf('x', -1) < earlier).toBe(true)
    expect(beforeIdsOf('x', 8.64e15) > createId('x', later)).toBe(true)
  })

  it('differs from those that other processes make in the same millisecond', () => {
    const tails = new Set(
      Array.from({ length: 1000 }, (_, index) => createId('x', base * 4 + index).slice(12)),
    )
    expect(tails.size).toBe(1000)
  })
})

describe('a token', () => {
  it('is 24 letters that are safe in a URL, and never the same', () => {
    const tokens = Array.from({ length: 10_000 }, createToken)
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{24}$/)
    expect(new Set(tokens).size).toBe(10_000)
  })

  it('is known by its letters and its length', () => {
    expect(isToken(createToken())).toBe(true)
    const token = 'abcdefghijklmnopqrstuvwx'
    expect(isToken(token)).toBe(true)
    for (const text of [
      '',
      token.slice(1),
      `${token}x`,
      `${token}\n`,
      `${token.slice(1)}+`,
      `${token.slice(1)}=`,
      `${token.slice(1)}é`,
    ]) {
      expect(isToken(text)).toBe(false)
    }
  })
})
