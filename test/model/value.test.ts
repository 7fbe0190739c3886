import { Buffer } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StoreUnusableError } from '../../src/errors.js'
import { decodeValue, encodeValue } from '../../src/model/value.js'

const WHAT = "The result of step 'charge'"

const roundTrip = (value: unknown) => decodeValue(encodeValue(value, WHAT))

const bytesOf = (...bytes: number[]) => new Uint8Array(bytes).buffer

/** Things by the order in which they are met: two values with equal lists refer to their parts in the same way. */
function listReferences(value: unknown, met = new Map<object, number>(), list: unknown[] = []): unknown[] {
  if (typeof value !== 'object' || value === null) return list
  const known = met.get(value)
  list.push(known ?? 'new')
  if (known !== undefined) return list
  met.set(value, met.size)
  const parts =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value)
  for (const part of parts) listReferences(part, met, list)
  return list
}

describe('a value that is stored', () => {
  it.each<[string, unknown]>([
    ['a text', 'charged'],
    ['an empty text', ''],
    ['a text with lone surrogates', 'a\ud800b\udc00'],
    ['a text with a byte order mark, NUL and line separators', '\ufeff\0\u2028\u2029</script>'],
    ['null', null],
    ['undefined', undefined],
    ['undefined as a member', { receipt: undefined, list: [undefined] }],
    ['NaN', Number.NaN],
    ['infinity', [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['minus zero', [-0, 0]],
    ['the numbers at the limits', [Number.MAX_VALUE, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER, 0.1 + 0.2]],
    ['a bigint', [-(2n ** 80n), 0n]],
    ['a date', new Date('2026-02-03T04:05:06.789Z')],
    ['a date before our time', new Date(-1e14)],
    ['a regular expression', /^a\/(?<rest>.*)$/giu],
    ['a URL', new URL('https://user:pass@example.com:8443/a%20b?x=1#y')],
    ['URLSearchParams', new URLSearchParams('a=1&a=2&b=%20')],
    [
      'a Map',
      new Map<unknown, unknown>([
        [{ a: 1 }, new Map([['x', undefined]])],
        [Number.NaN, -0],
      ]),
    ],
    ['a Set', new Set<unknown>([1, '1', { one: 1 }, new Set()])],
    ['a list with holes', Object.assign([], { 1: 'one', 3: undefined, length: 5 })],
    ['a list with little in it', Object.assign([], { 5000000: 'far' })],
    ['an ArrayBuffer', bytesOf(0, 127, 128, 255)],
    [
      'an object without a prototype',
      Object.assign(Object.create(null), { toString: 1, nested: Object.create(null) }),
    ],
    ['a key __proto__', JSON.parse('{"a":1,"__proto__":{"admin":true},"b":{"__proto__":null}}')],
    // biome-ignore lint/suspicious/noThenProperty: not a promise, and not taken for one
    ['keys of Object.prototype', { constructor: 1, hasOwnProperty: 2, toString: 3, then: 4 }],
    ['keys that are numbers', { 10: 'ten', 9: 'nine', '-1': 'minus one', '01': 'text' }],
    ['what looks like our own bytes', [['Shell', 1], ['Map'], { type: 'Object', at: 1 }, -1]],
  ])('comes back equal: %s', (_, value) => {
    expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
  })

  it.each<new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView>([
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ])('comes back equal: %o', View => {
    const buffer = bytesOf(1, 2, 3, 4, 5, 6, 7, 8, 255, 254, 253, 252, 251, 250, 249, 248)
    expect(roundTrip(new View(buffer))).toStrictEqual(new View(buffer))
    expect(roundTrip(new View(buffer, 8, 1))).toStrictEqual(new View(buffer.slice(8), 0, 1))
    expect(roundTrip(new View(new ArrayBuffer(0)))).toStrictEqual(new View(new ArrayBuffer(0)))
  })

  it('comes back equal: a date that is none', () => {
    const date = roundTrip(new Date(Number.NaN))
    expect(date).toBeInstanceOf(Date)
    expect(Number(date)).toBeNaN()
  })

  it('pollutes nothing when it has a key __proto__', () => {
    const value = roundTrip(JSON.parse('{"__proto__":{"polluted":true}}'))
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value).not.toHaveProperty('polluted')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('comes back as an object of ours where it came from another realm', () => {
    const foreign = runInNewContext(`({
      list: [1], map: new Map([[1, 2]]), set: new Set([1]), date: new Date(5), expression: /a/g, bytes: new Uint8Array([1]),
      error: new RangeError('far')
    })`)
    expect(roundTrip(foreign)).toStrictEqual({
      list: [1],
      map: new Map([[1, 2]]),
      set: new Set([1]),
      date: new Date(5),
      expression: /a/g,
      bytes: new Uint8Array([1]),
      error: new RangeError('far'),
    })
  })

  it('keeps what is referred to twice one thing', () => {
    const item = { id: 1 }
    const date = new Date(5)
    const bytes = bytesOf(1, 2)
    const back = roundTrip({ item, again: [item, date, date], bytes, view: new Uint8Array(bytes) })
    expect(back).toMatchObject({ item: { id: 1 }, again: [{ id: 1 }, new Date(5), new Date(5)] })
    const {
      item: first,
      again,
      bytes: buffer,
      view,
    } = back as {
      item: unknown
      again: unknown[]
      bytes: ArrayBuffer
      view: Uint8Array
    }
    expect(again[0]).toBe(first)
    expect(again[1]).toBe(again[2])
    expect(view.buffer).toBe(buffer)
  })

  it('keeps circles', () => {
    const list: unknown[] = []
    const map = new Map<unknown, unknown>([['list', list]])
    const odd = JSON.parse('{"__proto__":1}')
    const error = new Error('round')
    error.cause = error
    odd.odd = odd
    map.set(map, new Set([map]))
    list.push(list, map, odd, error)
    const back = roundTrip(list) as [unknown, Map<unknown, unknown>, { odd: unknown }, Error]
    expect(back[0]).toBe(back)
    expect(back[1].get('list')).toBe(back)
    expect(back[1].get(back[1])).toEqual(new Set([back[1]]))
    expect(back[2].odd).toBe(back[2])
    expect(back[3].cause).toBe(back[3])
  })

  it('may be nested 500 levels deep, and be read where half of the stack is in use', () => {
    const chain = (length: number): unknown => (length === 0 ? [] : { next: chain(length - 1) })
    let deepest = 0
    const descend = (level: number, bottom: number): boolean => {
      deepest = level
      if (level === bottom) return isDeepStrictEqual(roundTrip(chain(500)), chain(500))
      return descend(level + 1, bottom)
    }
    expect(() => descend(0, Number.POSITIVE_INFINITY)).toThrow(RangeError)
    expect(descend(0, Math.floor(deepest / 2))).toBe(true)
  })

  it('comes back as its nearest of kin: a Buffer as a Uint8Array', () => {
    const back = roundTrip(Buffer.from('charged'))
    expect(Buffer.isBuffer(back)).toBe(false)
    expect(back).toStrictEqual(new Uint8Array([...'charged'].map(letter => letter.charCodeAt(0))))
  })

  it('holds nothing of the memory around a view', () => {
    const memory = new TextEncoder().encode('secret charged secret')
    for (const view of [
      memory.subarray(7, 14),
      Buffer.from(memory.buffer, 7, 7),
      new DataView(memory.buffer, 7, 7),
    ]) {
      for (const beside of [undefined, new Error('that has to be rebuilt')]) {
        const back = roundTrip({ view, beside }) as { view: ArrayBufferView }
        expect(Buffer.from(back.view.buffer).toString()).toBe('charged')
        expect(back.view.buffer.byteLength).toBe(7)
      }
    }
  })

  it('is another one each time it is read', () => {
    const bytes = encodeValue({ list: [1] }, WHAT)
    const first = decodeValue(bytes)
    expect(decodeValue(bytes)).toEqual(first)
    expect(decodeValue(bytes)).not.toBe(first)
  })

  it('takes what a getter says, and leaves out what is not enumerable', () => {
    const value = Object.defineProperty(
      {
        get total() {
          return 7
        },
      },
      'hidden',
      { value: () => 1 },
    )
    expect(roundTrip(value)).toStrictEqual({ total: 7 })
  })

  const values = fc.anything({
    maxDepth: 4,
    withBigInt: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnicodeString: true,
    values: [
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.integer({ min: 0xd7ff, max: 0xe001 }), { maxLength: 4 })
        .map(codes => String.fromCharCode(...codes)),
      fc.double(),
      fc.constantFrom(undefined, null, -0, Number.NaN, Number.POSITIVE_INFINITY, '__proto__', true),
      fc.date({ noInvalidDate: true }),
      fc.webUrl().map(url => new URL(url)),
      fc.constantFrom('a', '\\/', '[/]').map(source => new RegExp(source, 'gu')),
      fc.uint8Array().map(bytes => bytes.buffer),
    ],
  })

  it('comes back equal, whatever it is', () => {
    fc.assert(
      fc.property(values, value => {
        expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('comes back with the same references, however its parts refer to each other', () => {
    const kind = fc.constantFrom('list', 'record', 'odd', 'map', 'set')
    const link = fc.tuple(fc.nat(), fc.nat())
    fc.assert(
      fc.property(
        fc.array(kind, { minLength: 1, maxLength: 12 }),
        fc.array(link, { maxLength: 30 }),
        (kinds, links) => {
          const things = kinds.map(kind => {
            if (kind === 'list') return []
            if (kind === 'map') return new Map()
            if (kind === 'set') return new Set()
            return kind === 'odd' ? JSON.parse('{"__proto__":0}') : {}
          })
          const property = { configurable: true, enumerable: true, writable: true }
          for (const [index, [from, to]] of links.entries()) {
            const owner = things[from % things.length]
            const part = things[to % things.length]
            if (Array.isArray(owner)) owner.push(part)
            else if (owner instanceof Map) owner.set(part, things[index % things.length])
            else if (owner instanceof Set) owner.add(part)
            else
              Object.defineProperty(owner, index % 3 === 0 ? '__proto__' : `to${index}`, {
                ...property,
                value: part,
              })
          }
          expect(listReferences(roundTrip(things))).toEqual(listReferences(things))
        },
      ),
    )
  })
})

describe('bytes of a stored value', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text)

  function complaint(bytes: Uint8Array): StoreUnusableError {
    try {
      decodeValue(bytes)
    } catch (error) {
      if (error instanceof StoreUnusableError) return error
      throw error
    }
    throw new Error('they were read')
  }

  // Written once and never edited: values like these are in people's stores.
  it.each<[bytes: string, value: unknown]>([
    ['1[[-1]]', undefined],
    ['1[[1],"charged"]', 'charged'],
    [
      '1[[1],{"id":2,"paid":3,"total":4,"rest":-1,"none":-3,"zero":-6,"list":5},"ord_1",true,12.5,[6,-2,-4],null]',
      {
        id: 'ord_1',
        paid: true,
        total: 12.5,
        rest: undefined,
        none: Number.NaN,
        zero: -0,
        list: Object.assign([null], { 2: Number.POSITIVE_INFINITY }),
      },
    ],
    ['1[[1],[-7,1000,7,2],"far"]', Object.assign([], { 7: 'far', length: 1000 })],
    [
      '1[[1],["Map",2,3,4,5],"date",["Date","2026-02-03T04:05:06.789Z"],["Set",6],["BigInt","12"],["null","a",7],["RegExp","a+","gi"]]',
      new Map<unknown, unknown>([
        ['date', new Date('2026-02-03T04:05:06.789Z')],
        [new Set([Object.assign(Object.create(null), { a: /a+/gi })]), 12n],
      ]),
    ],
    [
      '1[[1],[2,3,5],["URL","https://example.com/a?b#c"],["Uint8Array",4],["ArrayBuffer","AQL/"],["Uint16Array",6],["ArrayBuffer","AQI="]]',
      [
        new URL('https://example.com/a?b#c'),
        new Uint8Array([1, 2, 255]),
        new Uint16Array(new Uint8Array([1, 2]).buffer),
      ],
    ],
    [
      '1[[1,5],["Shell",2],{"type":3,"at":4},"Object",1,{"shown":6},["Map",7,4],"__proto__"]',
      JSON.parse('{"__proto__":1}'),
    ],
  ])('are read by every later version: %s', (bytes, value) => {
    expect(isDeepStrictEqual(decodeValue(utf8(bytes)), value)).toBe(true)
  })

  it('of a format that is not known yet are told from damaged ones', () => {
    const error = complaint(utf8('2[[1],"hush"]'))
    expect(error.reason).toBe('newer')
    expect(error.message).toBe('A stored value cannot be read: it was written by a newer longline')
  })

  it.each([
    '',
    '1',
    '1[',
    '1{}',
    '1[]',
    '1 null',
    'hush',
    '[[1],"hush"]',
    '1[[1],"hu',
    '1[[1],["Shell",2],"hush"]',
    '1[[7]]',
    '1[[1],["Huh",2],1]',
    '1[[1],["URL","hush"]]',
    '1[[1],["Shell",2],{"type":"Object","at":9}]',
  ])('that are damaged are told, and not quoted: %s', text => {
    const error = complaint(utf8(text))
    expect(error.reason).toBe('corrupt')
    expect(error.message).toBe('A stored value cannot be read: its bytes are damaged')
    expect(error.cause).toBeUndefined()
  })

  it('give a value or that complaint, whatever they are', () => {
    const whole = encodeValue({ list: [1, 'two', new Date(0), new Map([[1, new Error('three')]])] }, WHAT)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(whole.length),
        (changes, end) => {
          const bytes = whole.slice(0, end)
          for (const [index, byte] of changes) bytes[index] = byte
          try {
            decodeValue(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(StoreUnusableError)
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
