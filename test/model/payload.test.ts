import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { toText } from '../../src/core/bytes.js'
import { InvalidOptionsError } from '../../src/errors.js'
import { encodePayload, type Payload } from '../../src/model/payload.js'

const encode = (payload: Payload) => {
  const { bytes, contentType } = encodePayload(payload, 'The body')
  return [toText(bytes), contentType]
}

describe('bytes', () => {
  const { buffer } = new Uint8Array([0, ...Buffer.from('text'), 0])

  it.each([
    ['Uint8Array', new Uint8Array(buffer, 1, 4)],
    ['Uint16Array', new Uint16Array(buffer.slice(1, 5))],
    ['DataView', new DataView(buffer, 1, 4)],
    ['Buffer', Buffer.from('text')],
    ['ArrayBuffer', buffer.slice(1, 5)],
  ])('of a %s go as they are, without a content type', (_, bytes) => {
    expect(encode(bytes)).toEqual(['text', undefined])
  })

  it('are copied: what is written into them later does not go out', () => {
    for (const given of [new Uint8Array([1]), new DataView(new ArrayBuffer(1)), new ArrayBuffer(1)]) {
      const { bytes } = encodePayload(given, 'The body')
      const [before] = bytes
      new Uint8Array(ArrayBuffer.isView(given) ? given.buffer : given).fill(9)
      expect(bytes[0]).toBe(before)
    }
  })
})

it.each<[string, Payload, string]>([
  ['an object', { a: 1 }, '{"a":1}'],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  ['a list', [1, { a: 1 }], '[1,{"a":1}]'],
  ['a date, which says itself how', new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ['null', null, 'null'],
  ['a number', 7, '7'],
])('%s is JSON', (_, payload, json) => {
  expect(encode(payload)).toEqual([json, 'application/json'])
})

class Order {
  readonly #id = 7

  get id(): number {
    return this.#id
  }
}

it.each<[string, object, RegExp]>([
  ['a Blob', new Blob(['secret']), /arrayBuffer/],
  ['a FormData', new FormData(), /URLSearchParams/],
  ['a stream of the web', new ReadableStream(), /read to the end/],
  ['a stream of Node', Readable.from(['secret']), /class.*bytes/],
  ['a Map', new Map([['a', 'secret']]), /Object\.fromEntries/],
  ['a Set', new Set(['secret']), /\[\.\.\.set\]/],
  ['a promise', Promise.resolve('secret'), /await/],
  ['an instance of a class', new Order(), /plain object/],
])(
  '%s, which JSON would write as an empty object, is refused with what to pass instead',
  (_, payload, advice) => {
    expect(() => encode(payload)).toThrow(InvalidOptionsError)
    expect(() => encode(payload)).toThrow(advice)
    expect(() => encode(payload)).not.toThrow(/secret/)
  },
)
