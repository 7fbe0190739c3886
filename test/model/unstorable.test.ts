import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnstorableValueError } from '../../src/errors.js'
import { decodeValue, encodeValue } from '../../src/model/value.js'
import { DEFAULTS } from '../../src/options.js'

const WHAT = "The result of step 'charge'"

function refusal(value: unknown): UnstorableValueError {
  try {
    encodeValue(value, WHAT)
  } catch (error) {
    if (error instanceof UnstorableValueError) return error
    throw error
  }
  throw new Error('it was stored')
}

describe('a value that cannot be stored', () => {
  class Invoice {
    total = 7
  }
  class Money extends Map {}
  class Pixels extends Uint8Array {}
  class Thenable {
    // biome-ignore lint/suspicious/noThenProperty: that is the case
    then() {}
  }
  const bad = () => 1
  const fail = (): never => {
    throw new Error('no')
  }

  it.each<[name: string, make: () => unknown, reason: string]>([
    ['a function', () => () => 1, 'is a function; leave it out, or store what it returns'],
    ['a class', () => class {}, 'is a function; leave it out, or store what it returns'],
    ['a symbol', () => Symbol('secret'), 'is a symbol; use a text'],
    ['a promise', () => Promise.resolve(), 'is a promise; await it first'],
    ['a thenable', () => new Thenable(), 'is a promise; await it first'],
    ['a WeakMap', () => new WeakMap(), 'is a WeakMap; store a Map'],
    ['a WeakSet', () => new WeakSet(), 'is a WeakSet; store a Map'],
    ['a WeakRef', () => new WeakRef({}), 'is a WeakRef; store a Map'],
    ['a stream to read', () => new ReadableStream(), 'is a stream; read it to the end and store its bytes'],
    ['a stream to write', () => new WritableStream(), 'is a stream; store what was written to it'],
    ['a stream between two', () => new TransformStream(), 'is a stream; read it to the end'],
    ["Node's stream", () => Readable.from(['secret']), 'is a stream; read it to the end and store its bytes'],
    ['a Request', () => new Request('https://example.com/'), 'is a Request; store what you need of it'],
    [
      'a Response',
      () => new Response('secret'),
      'is a Response; store what you need of it, such as its status and',
    ],
    ['Headers', () => new Headers(), 'is a Headers; store Object.fromEntries(headers)'],
    ['FormData', () => new FormData(), 'is a FormData; store Object.fromEntries(form)'],
    ['a Blob', () => new Blob(['secret']), 'is a Blob; store its bytes'],
    ['a File', () => new File(['secret'], 'name'), 'is a File; store its bytes'],
    ['an instance', () => new Invoice(), 'is an instance of Invoice; store a plain object such as { ...it }'],
    [
      'an heir of an instance',
      () => Object.create(new Invoice()),
      'is an instance of Invoice; store a plain object',
    ],
    [
      'an instance of a class without a name',
      () => new (class {})(),
      'is an instance of a class; store a plain object',
    ],
    ['a Map of a class', () => new Money(), 'is an instance of Money; store a plain object'],
    ['a typed array of a class', () => new Pixels(1), 'is an instance of Pixels; store a plain object'],
    [
      'a list of a class',
      () => new (class List extends Array {})(),
      'is an instance of List; store a plain object',
    ],
    ['a boxed number', () => Object(1), 'is an instance of Number; store a plain object'],
    ['an EventTarget', () => new EventTarget(), 'is an instance of EventTarget; store a plain object'],
    ['a generator', () => (function* () {})(), 'is a generator; store the list of what it yields, [...it]'],
    ['an async generator', () => (async function* () {})(), 'is a generator; store the list'],
    ['shared memory', () => new SharedArrayBuffer(1), 'is memory shared between threads; store a copy'],
    [
      'a view of it',
      () => new Uint8Array(new SharedArrayBuffer(1)),
      'is memory shared between threads; store a copy',
    ],
    [
      'a window of it',
      () => new Uint8Array(new SharedArrayBuffer(8), 0, 1),
      'is memory shared between threads; store a copy',
    ],
    ['a symbol as a key', () => ({ [Symbol('secret')]: 1 }), 'has a symbol as a key; use a text'],
    ['a match', () => /(?<word>a)/.exec('a'), 'has properties besides what it contains'],
    [
      'properties of a Map',
      () => Object.assign(new Map(), { secret: 1 }),
      'has properties besides what it contains',
    ],
    [
      'properties of a date',
      () => Object.assign(new Date(), { secret: 1 }),
      'has properties besides what it contains',
    ],
    ['a proxy of a Map', () => new Proxy(new Map(), {}), 'is a proxy; store what it stands for'],
    [
      'a proxy that lists no keys',
      () => new Proxy({}, { ownKeys: fail }),
      'could not be read: a getter or a proxy threw',
    ],
    ['a proxy of unknown class', () => new Proxy({}, { getPrototypeOf: fail }), 'could not be read'],
  ])('is told with what to do instead: %s', (_, make, reason) => {
    const error = refusal(make())
    expect(error.message).toContain(`${WHAT} cannot be stored: it ${reason}`)
    expect([error.code, error.retryable]).toEqual(['unstorable_value', false])
  })

  it.each<[place: string, make: () => unknown]>([
    ['items[3].callback', () => ({ items: [0, 1, 2, { callback: bad }] })],
    ['[0][0]', () => [[bad]]],
    ['[2]', () => Object.assign([], { 2: bad })],
    ["['content-type']", () => ({ 'content-type': bad })],
    ['headers[…]', () => ({ headers: { 'a b': bad } })],
    ['users[…].name', () => ({ users: { 'somebody@example.com': { name: bad } } })],
    ['keys[…]', () => ({ keys: { [`sk_live_${'a'.repeat(40)}`]: bad } })],
    [
      'scores.values()[1]',
      () => ({
        scores: new Map([
          ['secret', 1 as unknown],
          ['b', bad],
        ]),
      }),
    ],
    ['scores.keys()[0].id', () => ({ scores: new Map([[{ id: bad }, 1]]) })],
    ['values()[1]', () => new Set([1, bad])],
  ])('is told with its place: %s', (place, make) => {
    expect(refusal(make()).message).toContain(`cannot be stored: ${place} is a function;`)
  })

  it('is told with its place, where it could not be read, too', () => {
    expect(
      refusal({ order: Object.defineProperty({}, 'total', { get: fail, enumerable: true }) }).message,
    ).toContain('cannot be stored: order.total could not be read')
  })

  it('is told by a short place when it lies deep', () => {
    const chain = (length: number): unknown => (length === 0 ? {} : { next: chain(length - 1) })
    const { message } = refusal(chain(501))
    expect(message).toContain('is nested too deeply; store a flat list')
    expect(message.length).toBeLessThan(250)
    let deep: unknown = null
    for (let level = 0; level < 100_000; level++) deep = [deep]
    expect(refusal(deep).message).toContain('is nested too deeply')
  })

  it('has what a getter threw as its cause', () => {
    const cause = new Error('no connection')
    expect(
      refusal({
        get total() {
          throw cause
        },
      }).cause,
    ).toBe(cause)
  })

  it('is told when it changes between looking and writing', () => {
    let reads = 0
    const value = {
      note: 'secret',
      get total() {
        return ++reads === 1 ? 'secret' : () => 'secret'
      },
    }
    const error = refusal(value)
    expect(error.message).toContain('could not be read a second time')
    expect(inspect(error, { depth: 9 })).not.toContain('secret')
  })

  it('is told when its memory was transferred', () => {
    const buffer = new ArrayBuffer(8)
    structuredClone(buffer, { transfer: [buffer] })
    expect(refusal({ buffer }).message).toContain('its memory was transferred')
  })

  it('is never quoted: neither what it contains nor the keys of a Map', () => {
    const secret = 'hush-hush'
    fc.assert(
      fc.property(
        fc.constantFrom<unknown>(() => secret, Symbol(secret), new WeakMap(), new Response(secret)),
        fc.constantFrom<(bad: unknown) => unknown>(
          bad => [secret, bad],
          bad => ({ secret, bad }),
          bad => new Map([[secret, bad]]),
          bad => new Map([[bad, secret]]),
          bad => new Set([secret, bad]),
          bad => ({ [`${secret} `]: bad }),
          bad => new Map([[{ secret }, { bad }]]),
        ),
        (bad, around) => {
          const error = refusal({ secret, around: around(bad) })
          expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain(secret)
        },
      ),
    )
  })

  it('is too large when it takes up more than a mebibyte, to the byte', () => {
    const longest = 'x'.repeat(DEFAULTS.valueBytes - encodeValue('', WHAT).length)
    expect(encodeValue(longest, WHAT)).toHaveLength(DEFAULTS.valueBytes)
    expect(decodeValue(encodeValue(longest, WHAT))).toBe(longest)
    expect(refusal(`${longest}x`).message).toBe(
      `${WHAT} cannot be stored: it takes up more than 1 MiB; keep it elsewhere and store where, such as its key`,
    )
  })

  it.each<[string, () => unknown]>([
    ['bytes', () => ({ file: new Uint8Array(800_000) })],
    ['a window of bytes', () => Buffer.alloc(900_000).subarray(1)],
    ['many members', () => new Array(600_000).fill(1)],
    ['very many members', () => new Array(4_000_000).fill(1)],
    ['many texts', () => Array.from({ length: 20_000 }, (_, index) => `${index}`.padEnd(100, 'x'))],
    ['long texts', () => Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(60_000, 'x'))],
    ['letters of three bytes', () => '€'.repeat(400_000)],
    ['a message', () => new Error('x'.repeat(2_000_000))],
  ])('is too large because of %s', (_, make) => {
    expect(refusal(make()).message).toContain('takes up more than 1 MiB')
  })

  it('counts once what is referred to many times', () => {
    const page = 'x'.repeat(100_000)
    const value = Array.from({ length: 100 }, () => ({ page }))
    expect(decodeValue(encodeValue(value, WHAT))).toEqual(value)
  })
})
