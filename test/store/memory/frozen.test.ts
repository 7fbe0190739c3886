import { describe, expect, it } from 'vitest'
import { frozenCopy } from '../../../src/store/memory/frozen.js'

describe('a frozen copy', () => {
  it('is equal to what was copied, down to its bytes', () => {
    const value = { a: 1, b: ['x', { c: null }], bytes: Uint8Array.of(1, 2), text: 'y', no: false }
    expect(frozenCopy(value)).toEqual(value)
  })

  it('does not change when what was copied does', () => {
    const value = { list: [['a', '1']], bytes: Buffer.from('before') }
    const copy = frozenCopy(value)
    value.list.push(['b', '2'])
    value.bytes.fill(0)
    expect(copy.list).toEqual([['a', '1']])
    expect(Buffer.from(copy.bytes).toString()).toBe('before')
  })

  it('cannot be changed, on any level', () => {
    const copy = frozenCopy({ list: [{ name: 'a' }] })
    expect(() => copy.list.push({ name: 'b' })).toThrow(TypeError)
    expect(() => Object.assign(copy.list[0] ?? {}, { name: 'b' })).toThrow(TypeError)
  })
})
