import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkKey,
  concat,
  constantTimeEqual,
  isStorableKey,
  sha256Hex,
  toText,
  utf8,
} from '../../src/core/bytes.js'
import { InvalidOptionsError } from '../../src/errors.js'

describe('text and bytes', () => {
  it('turn into each other', () => {
    expect([...utf8('€')]).toEqual([0xe2, 0x82, 0xac])
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(toText(utf8(text))).toBe(text.replace(/^\uFEFF/, ''))
      }),
    )
  })

  it('never fail on what is not UTF-8', () => {
    expect(toText(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\uFFFDb')
  })

  it('lose a byte order mark', () => {
    expect(toText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d))).toBe('{}')
  })
})

describe('concat', () => {
  it('puts chunks one behind the other', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), chunks => {
        const all = chunks.flatMap(chunk => [...chunk])
        expect([...concat(chunks, all.length)]).toEqual(all)
      }),
    )
  })

  it('does not copy a chunk that is alone', () => {
    const chunk = Uint8Array.of(1, 2, 3)
    expect(concat([chunk], 3)).toBe(chunk)
  })

  it('refuses chunks that are longer than they are said to be', () => {
    expect(() => concat([Uint8Array.of(1, 2), Uint8Array.of(3)], 2)).toThrow(RangeError)
  })
})

describe('sha256Hex', () => {
  it('gives the published digests', () => {
    expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(sha256Hex(utf8('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('constantTimeEqual', () => {
  it('is true for equal bytes alone', () => {
    const bytes = fc.uint8Array({ maxLength: 4, max: 3 })
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(constantTimeEqual(a, b)).toBe(`${a}` === `${b}`)
      }),
    )
    expect(constantTimeEqual(utf8('abc'), utf8('abcd'))).toBe(false)
    expect(constantTimeEqual(utf8('abc'), utf8('abc'))).toBe(true)
  })
})

describe('a key', () => {
  it('may be any well-formed text of up to 255 bytes', () => {
    for (const key of ['a', 'orders/berlin', 'Grüße 🎣', ' ', '\n', 'x'.repeat(255), '€'.repeat(85)]) {
      expect(checkKey(key, 'the key')).toBe(key)
      expect(isStorableKey(key)).toBe(true)
    }
  })

  it('is refused by name and with the reason otherwise', () => {
    const refused = (key: unknown, message: string) => {
      expect(isStorableKey(key as string)).toBe(false)
      expect(() => checkKey(key as string, 'the key of a receiver')).toThrow(InvalidOptionsError)
      expect(() => checkKey(key as string, 'the key of a receiver')).toThrow(message)
    }
    refused('', 'the key of a receiver must not be empty')
    refused('a\0b', 'the key of a receiver must not contain a NUL character ("a\\u0000b")')
    refused(
      'a\ud83d',
      'the key of a receiver must be well-formed Unicode, without half a surrogate pair ("a\\ud83d")',
    )
    refused('\udc1fa', 'must be well-formed Unicode')
    refused('x'.repeat(256), `must not be longer than 255 bytes of UTF-8 ("${'x'.repeat(40)}"…)`)
    refused('€'.repeat(86), 'must not be longer than 255 bytes')
    refused(42, 'the key of a receiver must be a text')
    refused(undefined, 'must be a text')
  })
})
