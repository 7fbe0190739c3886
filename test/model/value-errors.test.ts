import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/errors.js'
import { decodeValue, encodeValue } from '../../src/model/value.js'
import { decodeError, encodeError } from '../../src/model/value-errors.js'
import { DEFAULTS } from '../../src/options.js'

const roundTrip = (thrown: unknown) => decodeError(encodeError(thrown))

const throwing = (): never => {
  throw new Error('hush')
}

describe('an error that is recorded', () => {
  it.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])(
    'comes back as it was: %o',
    Known => {
      const error = new Known('no seat left')
      const back = roundTrip(error)
      expect(back).toBeInstanceOf(Known)
      expect(Object.getPrototypeOf(back)).toBe(Known.prototype)
      expect(back).toStrictEqual(error)
      expect(String(back)).toBe(String(error))
      expect(Object.keys(back)).toEqual([])
    },
  )

  it('keeps its cause, its code and what else hangs on it', () => {
    const cause = Object.assign(new Error('ECONNREFUSED'), { code: 'ECONNREFUSED', errno: -111 })
    const error = Object.assign(new TypeError('fetch failed', { cause }), { status: 502, at: new Date(5) })
    const back = roundTrip(error)
    expect(back).toMatchObject({ message: 'fetch failed', status: 502, at: new Date(5) })
    expect(back.cause).toMatchObject({ message: 'ECONNREFUSED', code: 'ECONNREFUSED', errno: -111 })
    expect(Object.keys(back)).toEqual(['status', 'at'])
    expect(inspect(back)).toContain('[cause]')
  })

  it('keeps a cause that is no error, also undefined', () => {
    expect(roundTrip(new Error('no', { cause: { id: 7 } })).cause).toEqual({ id: 7 })
    expect(Object.hasOwn(roundTrip(new Error('no', { cause: undefined })), 'cause')).toBe(true)
    expect(Object.hasOwn(roundTrip(new Error('no')), 'cause')).toBe(false)
  })

  it('keeps the errors of an AggregateError', () => {
    const back = roundTrip(new AggregateError([new RangeError('one'), 'two'], 'all failed'))
    expect(back).toBeInstanceOf(AggregateError)
    expect(back).toHaveProperty('message', 'all failed')
    expect((back as AggregateError).errors).toStrictEqual([new RangeError('one'), 'two'])
    expect(Object.keys(back)).toEqual([])
  })

  it('comes back as a DOMException, with its name and the code of that name', () => {
    const back = roundTrip(AbortSignal.abort().reason)
    expect(back).toBeInstanceOf(DOMException)
    expect(back).toMatchObject({ name: 'AbortError', code: DOMException.ABORT_ERR })
    expect(roundTrip(new DOMException('late', 'TimeoutError'))).toMatchObject({
      name: 'TimeoutError',
      message: 'late',
    })
  })

  it('comes back as one of ours, with its code and its facts', () => {
    const examples = [
      new errors.TimeoutError('Timed out'),
      new errors.CancelledError(),
      new errors.ReceiverClosedError({ receiver: 'orders', reason: 'expired' }),
      new errors.DeliveryFailedError({ delivery: 'dl_1', reason: 'HTTP 500' }),
      new errors.KeyConflictError({ key: 'offer', message: 'twice' }),
      new errors.InvalidInputError('Not an order', [{ message: 'id is missing', path: ['id'] }]),
      new errors.StoreUnusableError({
        reason: 'full',
        message: 'The disk is full',
        cause: new Error('ENOSPC'),
      }),
      new errors.NonRetryableError('The card is stolen'),
    ]
    for (const error of examples) {
      const back = roundTrip(error)
      expect(back).toBeInstanceOf(error.constructor)
      expect(back).toStrictEqual(error)
      expect({ ...back, name: back.name }).toStrictEqual({ ...error, name: error.name })
    }
  })

  it('comes back as every class of ours', () => {
    for (const [name, { prototype }] of Object.entries(errors)) {
      const back = roundTrip(Object.create(prototype, { message: { value: 'no' } }))
      expect(Object.getPrototypeOf(back)).toBe(prototype)
      expect(String(back)).toBe(`${name}: no`)
    }
  })

  it('comes back as the nearest class that is known, under its own name', () => {
    class CardError extends errors.NonRetryableError {
      override readonly name = 'CardError'
    }
    class HttpError extends Error {
      constructor(readonly status: number) {
        super(`HTTP ${status}`)
        this.name = 'HttpError'
      }
      get code() {
        return `E_${this.status}`
      }
    }
    const card = roundTrip(new CardError('stolen'))
    expect(card).toBeInstanceOf(errors.NonRetryableError)
    expect(card).toMatchObject({ name: 'CardError', code: 'final', retryable: false })
    const http = roundTrip(new HttpError(503))
    expect(Object.getPrototypeOf(http)).toBe(Error.prototype)
    expect(http).toMatchObject({ name: 'HttpError', message: 'HTTP 503', status: 503, code: 'E_503' })
    expect(String(http)).toBe('HttpError: HTTP 503')
  })

  it('comes back as an error of ours where it came from another realm', () => {
    const back = roundTrip(runInNewContext(`Object.assign(new RangeError('far'), { code: 'E_FAR' })`))
    expect(back).toBeInstanceOf(RangeError)
    expect(back).toMatchObject({ message: 'far', code: 'E_FAR' })
  })

  it('keeps eight lines of its stack', () => {
    const error = new Error('deep')
    error.stack = `Error: deep\n${Array.from({ length: 50 }, (_, index) => `    at frame${index}`).join('\n')}`
    const lines = roundTrip(error).stack?.split('\n') ?? []
    expect(lines).toHaveLength(9)
    expect(lines[0]).toBe('Error: deep')
    expect(lines[8]).toContain('frame7')
  })

  it('shows its message and its stack as errors do, also where a class made properties like others of them', () => {
    class FieldError extends Error {
      override message = 'from a field'
      override stack = 'FieldError: from a field\n    at frame0'
    }
    const back = roundTrip(new FieldError())
    expect(back).toMatchObject({ message: 'from a field', stack: 'Error: from a field\n    at frame0' })
    expect(Object.keys(back)).toEqual([])
  })

  it('loses what cannot be stored, and nothing else', () => {
    const shared = { id: 7 }
    const error = Object.assign(new Error('no', { cause: new Response('hush') }), {
      file: new Uint8Array(700_000),
      copy: new Uint8Array(700_000),
      request: { shared, send: () => 1 },
      retry: () => 1,
      status: 500,
      shared,
    })
    Object.defineProperty(error, 'token', { get: throwing, enumerable: true })
    const back = roundTrip(error)
    expect(Object.keys(back)).toEqual(['file', 'status', 'shared'])
    expect(back).toMatchObject({ status: 500, shared: { id: 7 } })
    expect(back.cause).toBeUndefined()
    const aggregate = roundTrip(new AggregateError([new Error('one'), () => 1, new Error('three')]))
    expect((aggregate as AggregateError).errors).toStrictEqual([new Error('one'), new Error('three')])
  })

  it('does not let through elsewhere what it could not keep itself', () => {
    const request = { inner: { list: [1] }, send: () => 1 }
    const error = Object.assign(new Error('no'), { request })
    const place = 'cannot be stored: [1].send is a function'
    expect(() => encodeValue([error, request], 'It')).toThrow(place)
    expect(() => encodeValue([request, error], 'It')).toThrow('cannot be stored: [0].send is a function')
    expect(decodeValue(encodeValue([error, request.inner], 'It'))).toStrictEqual([
      new Error('no'),
      { list: [1] },
    ])
  })

  it('keeps its place among other errors when one on the way is dropped', () => {
    const bad = Object.assign(new Error('bad'), { inner: new Error('inner') })
    const error = Object.assign(new Error('outer'), {
      first: { bad, send: () => 1 },
      second: new Error('second'),
    })
    const list = decodeValue(encodeValue([error, bad, new Error('last')], 'It'))
    expect(list).toMatchObject([
      { message: 'outer', second: { message: 'second' } },
      { message: 'bad', inner: { message: 'inner' } },
      { message: 'last' },
    ])
  })

  it('may be part of a circle', () => {
    const error: Error & { self?: unknown; response?: unknown } = new Error('round')
    error.self = error
    error.response = { error, list: [error] }
    error.cause = new AggregateError([error])
    const back = roundTrip(error) as typeof error
    expect(back.self).toBe(back)
    expect(back.response).toEqual({ error: back, list: [back] })
    expect((back.cause as AggregateError).errors[0]).toBe(back)
  })

  it('ends somewhere, when its causes do not', () => {
    let error = new Error('first')
    for (let index = 0; index < 5_000; index++) error = new Error(`${index}`, { cause: error })
    expect(roundTrip(error).message).toBe('4999')
    expect(roundTrip(error).cause).toMatchObject({ message: '4998' })
  })

  it('pollutes nothing when it has a key __proto__', () => {
    const error = Object.assign(new Error('no'), { data: JSON.parse('{"__proto__":{"polluted":true}}') })
    Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true })
    const back = roundTrip(error)
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype)
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: true })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('is kept in short when it is too large: its class, its name, its code, the start of its message', () => {
    const huge = 'x'.repeat(2 * DEFAULTS.valueBytes)
    const error = Object.assign(new errors.NonRetryableError(huge, { cause: new Error(huge) }), {
      huge,
      status: 402,
    })
    const bytes = encodeError(error)
    expect(bytes.length).toBeLessThan(20_000)
    const back = decodeError(bytes)
    expect(back).toBeInstanceOf(errors.NonRetryableError)
    expect(back).toMatchObject({ name: 'NonRetryableError', code: 'final', retryable: false, status: 402 })
    expect(back.message).toBe(`${'x'.repeat(1_000)}…`)
    expect(back.stack?.split('\n')).toHaveLength(9)
    const many = new AggregateError(
      Array.from({ length: 5_000 }, (_, index) => new Error(`${index}`.repeat(100))),
    )
    expect((roundTrip(many) as AggregateError).errors).toBeInstanceOf(Array)
  })
})

describe('what is thrown and is no error', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'no seat left', 'no seat left'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a number', 7, '7'],
    ['an object', { code: 7 }, '[object Object]'],
    ['a symbol', Symbol('stop'), 'Symbol(stop)'],
    ['a function', throwing, String(throwing)],
    ['an object without a prototype', Object.create(null), 'a value of type object'],
    ['a Response', new Response('hush'), '[object Response]'],
  ])('comes back as an error: %s', (_, thrown, message) => {
    const back = roundTrip(thrown)
    expect([back.name, back.message]).toEqual(['Error', message])
    expect(back.stack).not.toMatch(/^\s*at /m)
  })

  it('is the cause of that error, where it can be stored', () => {
    expect(roundTrip('no seat left').cause).toBe('no seat left')
    expect(roundTrip({ code: 7 }).cause).toEqual({ code: 7 })
    expect(Object.hasOwn(roundTrip(undefined), 'cause')).toBe(false)
    expect(Object.hasOwn(roundTrip(throwing), 'cause')).toBe(false)
  })

  const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const

  it('never keeps a failure from being recorded', () => {
    const hostile = fc.oneof(
      fc.anything({ withBoxedValues: true, withNullPrototype: true }).map(thrown => () => thrown),
      fc
        .tuple(
          fc.constantFrom({}, [], new Error('no'), throwing, new AggregateError([])),
          fc.subarray([...traps]),
        )
        .map(([target, trapped]) => {
          const handler = Object.fromEntries(trapped.map(trap => [trap, throwing]))
          return () => new Proxy(target, handler)
        }),
      fc
        .subarray(['stack', 'name', 'message', 'cause', 'code', 'errors', 'toString', 'status'])
        .map(keys => () => {
          const error = new AggregateError([], 'no')
          for (const key of keys)
            Object.defineProperty(error, key, { get: throwing, enumerable: key !== 'code' })
          return error
        }),
      fc.subarray(['stack', 'name', 'message', 'code', 'errors']).map(keys => () => {
        const error = new TypeError('no')
        for (const key of keys) Object.defineProperty(error, key, { value: { toString: throwing } })
        return error
      }),
      fc.string().map(name => () => Object.assign(new Error('no'), { name: name.repeat(200_000) })),
    )
    fc.assert(
      fc.property(hostile, make => {
        expect(roundTrip(make())).toBeInstanceOf(Error)
      }),
      { numRuns: 500 },
    )
    const { proxy, revoke } = Proxy.revocable(new Error('no'), {})
    revoke()
    expect(roundTrip(proxy)).toBeInstanceOf(Error)
  })
})

describe('bytes of a recorded failure', () => {
  it('are read by every later version', () => {
    const bytes = new TextEncoder().encode(
      '1[[1,7,15],["Shell",2],{"type":3,"at":4,"name":5,"message":6,"stack":18},"TypeError",1,"ChargeError","no",' +
        '{"shown":8,"hidden":11},["Map",9,10],"status",402,["Map",12,13],"cause",["Shell",14],' +
        '{"type":16,"at":17,"name":16,"message":16},{},"Error",2,"    at charge (charge.ts:7)"]',
    )
    const error = decodeError(bytes)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({
      name: 'ChargeError',
      message: 'no',
      status: 402,
      cause: new Error('Error'),
    })
    expect(error.stack).toBe('ChargeError: no\n    at charge (charge.ts:7)')
  })

  it('are told from those of another value', () => {
    expect(() => decodeError(encodeValue('no failure', 'It'))).toThrow('A stored value cannot be read')
  })
})
