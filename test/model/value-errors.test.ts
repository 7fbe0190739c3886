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

  it('keeps its causes and its code, a text or a number', () => {
    const first = Object.assign(new RangeError('first'), { code: 7 })
    const cause = Object.assign(new Error('ECONNREFUSED', { cause: first }), { code: 'ECONNREFUSED' })
    const back = roundTrip(Object.assign(new TypeError('fetch failed', { cause }), { code: 'E_FETCH' }))
    expect(back).toMatchObject({ message: 'fetch failed', code: 'E_FETCH' })
    expect(back.cause).toMatchObject({ message: 'ECONNREFUSED', code: 'ECONNREFUSED', cause: first })
    expect(Object.keys(back)).toEqual(['code'])
    expect(inspect(back)).toContain('[cause]')
    expect(roundTrip(Object.assign(new Error('no'), { code: { id: 7 } }))).not.toHaveProperty('code')
  })

  it('keeps nothing else of what a client library hangs on it: no request, no credentials, no body', () => {
    const hang = (error: Error) =>
      Object.assign(error, {
        code: 'ERR_BAD_RESPONSE',
        status: 500,
        errno: -111,
        config: { headers: { authorization: 'Bearer secret' }, data: 'secret' },
        request: { path: '/?token=secret' },
        response: { status: 500, data: { card: 'secret' }, headers: { 'set-cookie': 'secret' } },
        body: 'secret',
        errors: ['secret'],
      })
    const error = hang(new Error('Request failed', { cause: hang(new Error('inner')) }))
    const aggregate = new AggregateError([hang(new Error('one')), { data: 'secret' }], 'all failed')
    const ours = hang(new errors.NonRetryableError('no', { cause: { data: 'secret' } }))
    for (const thrown of [error, aggregate, ours, { message: 'no', data: 'secret' }]) {
      expect(Buffer.from(encodeError(thrown)).toString()).not.toContain('secret')
      const asValue = Buffer.from(encodeValue({ list: [thrown] }, 'It')).toString()
      if (thrown instanceof Error) expect(asValue).not.toContain('secret')
    }
    expect(Object.keys(roundTrip(error))).toEqual(['code'])
    expect(roundTrip(error)).toMatchObject({ code: 'ERR_BAD_RESPONSE', cause: { code: 'ERR_BAD_RESPONSE' } })
    expect((roundTrip(aggregate) as AggregateError).errors).toMatchObject([{ message: 'one' }])
  })

  it('keeps of the issues of a schema their words and places, not the input', () => {
    const issue = { message: 'not a number', input: 'secret', path: [{ key: 'card', value: 'secret' }, 0] }
    const thrown = new errors.InvalidInputError('Not an order', [issue])
    expect(Buffer.from(encodeError(thrown)).toString()).not.toContain('secret')
    const { issues } = roundTrip(thrown) as errors.InvalidInputError
    expect(issues).toEqual([{ message: 'not a number', path: ['card', 0] }])
  })

  it('keeps a cause that is a number, a flag or nothing, and no other that is no error: a text may be a body', () => {
    for (const cause of [7, null, true, 5n]) {
      expect(roundTrip(new Error('no', { cause })).cause).toBe(cause)
    }
    for (const cause of [{ id: 7 }, [1], new Map(), '{"card":"4111"}']) {
      expect(Object.hasOwn(roundTrip(new Error('no', { cause })), 'cause')).toBe(false)
    }
    expect(Object.hasOwn(roundTrip(new Error('no', { cause: undefined })), 'cause')).toBe(true)
    expect(Object.hasOwn(roundTrip(new Error('no')), 'cause')).toBe(false)
  })

  it('keeps a code that is a number or a word, and not a long text', () => {
    const coded = (code: unknown) => roundTrip(Object.assign(new Error('no'), { code }))
    for (const code of [7, 'E_CARD', 'x'.repeat(200)]) expect(coded(code)).toMatchObject({ code })
    for (const code of ['x'.repeat(201), { secret: 1 }, null]) expect(coded(code)).not.toHaveProperty('code')
  })

  it('keeps the errors of an AggregateError', () => {
    const back = roundTrip(new AggregateError([new RangeError('one'), 'two', 3], 'all failed'))
    expect(back).toBeInstanceOf(AggregateError)
    expect(back).toHaveProperty('message', 'all failed')
    expect((back as AggregateError).errors).toStrictEqual([new RangeError('one'), 3])
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
    expect(http).toMatchObject({ name: 'HttpError', message: 'HTTP 503', code: 'E_503' })
    expect(http).not.toHaveProperty('status')
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
    const error = Object.assign(new Error('no', { cause: new Response('hush') }), { code: 500 })
    const back = roundTrip(error)
    expect(back).toMatchObject({ message: 'no', code: 500 })
    expect(back.cause).toBeUndefined()
    const unreadable = new Error('no', { cause: new Error('why') })
    Object.defineProperty(unreadable, 'code', { get: throwing, enumerable: true })
    expect(roundTrip(unreadable)).toMatchObject({ message: 'no', cause: { message: 'why' } })
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
    const large = new Error('x'.repeat(DEFAULTS.valueBytes), { cause: new Error('inner') })
    const error = new AggregateError([large, new Error('second')], 'outer')
    const list = decodeValue(encodeValue([error, new Error('last', { cause: new Error('why') })], 'It'))
    expect(list).toMatchObject([
      { message: 'outer', errors: [{ message: 'second' }] },
      { message: 'last', cause: { message: 'why' } },
    ])
  })

  it('may be part of a circle', () => {
    const error = new Error('round')
    error.cause = new AggregateError([error])
    const back = roundTrip(error)
    expect((back.cause as AggregateError).errors[0]).toBe(back)
  })

  it('ends somewhere, when its causes do not', () => {
    let error = new Error('first')
    for (let index = 0; index < 5_000; index++) error = new Error(`${index}`, { cause: error })
    expect(roundTrip(error).message).toBe('4999')
    expect(roundTrip(error).cause).toMatchObject({ message: '4998' })
  })

  it('pollutes nothing when it has a key __proto__', () => {
    const error = new Error('no')
    Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true })
    const back = roundTrip(error)
    expect(Object.getPrototypeOf(back)).toBe(Error.prototype)
    expect(back).not.toHaveProperty('polluted')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('is kept in short when it is too large: its class, its name, its code, the start of its message', () => {
    const huge = 'x'.repeat(2 * DEFAULTS.valueBytes)
    const error = Object.assign(new errors.NonRetryableError(huge, { cause: new Error(huge) }), {
      huge,
    })
    const bytes = encodeError(error)
    expect(bytes.length).toBeLessThan(20_000)
    const back = decodeError(bytes)
    expect(back).toBeInstanceOf(errors.NonRetryableError)
    expect(back).toMatchObject({ name: 'NonRetryableError', code: 'final', retryable: false })
    expect(back).not.toHaveProperty('huge')
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

  it('is the cause of that error, where it is a number', () => {
    expect(Object.hasOwn(roundTrip('no seat left'), 'cause')).toBe(false)
    expect(roundTrip(7).cause).toBe(7)
    expect(Object.hasOwn(roundTrip({ code: 7 }), 'cause')).toBe(false)
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
