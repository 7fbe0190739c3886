import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crashFailure } from '../../src/model/callback.js'
import { fromFailure, toFailure } from '../../src/model/failure.js'

class BookingError extends Error {
  override readonly name = 'BookingError'
}

/** As HTTP clients make them. */
function clientError(): Error {
  return Object.assign(new Error('Request failed with status code 500'), {
    code: 'ERR_BAD_RESPONSE',
    config: { headers: { authorization: 'Bearer secret' } },
    response: { status: 500, data: { card: 'secret' } },
  })
}

describe('what is kept of an error', () => {
  it('its name, its message and where it came from', () => {
    const failure = toFailure(new BookingError('no seat left'))
    expect(failure.name).toBe('BookingError')
    expect(failure.message).toBe('no seat left')
    expect(failure.stack).toMatch(/^\s*at /)
    expect(failure.stack).not.toContain('no seat left')
  })

  it('its code, a text or a number, and its causes', () => {
    const cause = Object.assign(new TypeError('refused'), { code: 'ECONNREFUSED' })
    const failure = toFailure(Object.assign(new Error('no', { cause }), { code: 7 }))
    expect(failure).toMatchObject({ code: 7, cause: { name: 'TypeError', code: 'ECONNREFUSED' } })
    expect(toFailure(Object.assign(new Error('no'), { code: 'x'.repeat(201) }))).not.toHaveProperty('code')
    expect(toFailure(Object.assign(new Error('no'), { code: { secret: 1 } }))).not.toHaveProperty('code')
    expect(toFailure(new Error('no', { cause: { body: 'secret' } }))).not.toHaveProperty('cause')
  })

  it('the errors of an AggregateError, and no list that another error has', () => {
    const errors = [new RangeError('one'), 'two']
    expect(toFailure(new AggregateError(errors, 'all')).errors).toMatchObject([
      { name: 'RangeError', message: 'one' },
      { name: 'Error', message: 'two' },
    ])
    expect(toFailure(Object.assign(new Error('no'), { errors }))).not.toHaveProperty('errors')
  })

  it('so many causes and errors, and no more', () => {
    let chain = new Error('first')
    for (let index = 0; index < 50; index++) chain = new Error(`${index}`, { cause: chain })
    let depth = 0
    for (let each = toFailure(chain).cause; each !== undefined; each = each.cause) depth++
    expect(depth).toBe(5)
    const many = new AggregateError(Array.from({ length: 50 }, () => new Error('one')))
    expect(toFailure(many).errors).toHaveLength(10)
    const round = new Error('round')
    round.cause = round
    expect(toFailure(round).message).toBe('round')
  })

  it('nothing else: what a client library hangs on its errors is not kept', () => {
    const error = Object.assign(new Error('no', { cause: clientError() }), { body: 'secret' })
    expect(Object.keys(toFailure(error)).sort()).toEqual(['cause', 'message', 'name', 'stack'])
    expect(JSON.stringify(toFailure(error))).not.toContain('secret')
  })

  it('a stack of eight lines at the most', () => {
    const error = new Error('deep')
    error.stack = ['Error: deep', ...Array.from({ length: 50 }, (_, index) => `    at frame${index}`)].join(
      '\n',
    )
    expect(toFailure(error).stack?.split('\n')).toHaveLength(8)
    expect(toFailure(error).stack).toContain('frame0')
  })

  it('what can be read of it, when not all of it can', () => {
    const error = new BookingError('no seat left')
    const refuse = () => {
      throw new Error('no')
    }
    for (const key of ['stack', 'message']) Object.defineProperty(error, key, { get: refuse })
    expect(toFailure(error)).toEqual({ name: 'BookingError', message: '' })
    expect(toFailure(new Proxy(error, { get: refuse, getPrototypeOf: refuse })).name).toBe('Error')
  })

  it('no stack where there is none', () => {
    const error = new Error('bare')
    delete error.stack
    expect(toFailure(error)).toEqual({ name: 'Error', message: 'bare' })
  })

  it('a message of a thousand characters at the most, and a sign where it was cut', () => {
    expect(toFailure(new Error('x'.repeat(1_000))).message).toBe('x'.repeat(1_000))
    expect(toFailure(new Error('x'.repeat(1_001))).message).toBe(`${'x'.repeat(1_000)}…`)
  })

  it('something for everything that can be thrown', () => {
    expect(toFailure('a text')).toEqual({ name: 'Error', message: 'a text' })
    expect(toFailure(undefined)).toEqual({ name: 'Error', message: 'undefined' })
    expect(toFailure(7n)).toEqual({ name: 'Error', message: '7' })
    expect(toFailure(Symbol('s'))).toEqual({ name: 'Error', message: 'Symbol(s)' })
    expect(toFailure(Object.create(null))).toEqual({ name: 'Error', message: 'a value of type object' })
    expect(toFailure(Object.assign(new Error(), { message: 7, stack: '' }))).toEqual({
      name: 'Error',
      message: '7',
    })
  })

  it('no more than its limits, whatever is thrown', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true }), thrown => {
        const { name, message, stack = '' } = toFailure(thrown)
        expect(name).not.toBe('')
        expect(message.length).toBeLessThanOrEqual(1_001)
        expect(stack.split('\n').length).toBeLessThanOrEqual(8)
      }),
    )
  })
})

describe('an error from what was kept', () => {
  it('is an error with the same name, message and place', () => {
    const failure = toFailure(new BookingError('no seat left'))
    const error = fromFailure(failure)
    expect(error).toBeInstanceOf(Error)
    expect([error.name, error.message]).toEqual(['BookingError', 'no seat left'])
    expect(error.stack).toBe(`BookingError: no seat left\n${failure.stack}`)
  })

  it('keeps the same again', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ maxLength: 1_000 }), (name, message) => {
        const error = new Error(message)
        error.name = name
        const failure = toFailure(error)
        expect(toFailure(fromFailure(failure))).toEqual(failure)
      }),
    )
  })

  it('has its code, its causes and its errors', () => {
    const inner = Object.assign(new RangeError('inner'), { code: 'E_INNER' })
    const thrown = new AggregateError([new Error('one', { cause: inner })], 'all failed', { cause: inner })
    const error = fromFailure(toFailure(thrown))
    expect(error).toBeInstanceOf(AggregateError)
    expect(error).toMatchObject({
      message: 'all failed',
      cause: { name: 'RangeError', code: 'E_INNER' },
      errors: [{ message: 'one', cause: { message: 'inner' } }],
    })
  })

  it('has its first line alone when there was no stack', () => {
    expect(fromFailure({ name: 'Error', message: 'bare' }).stack).toBe('Error: bare')
  })
})

describe('the error of a callback that was set aside for its crashes', () => {
  it('says how many there were', () => {
    expect(crashFailure(20)).toEqual({
      name: 'Error',
      message: 'Its process ended 20 times in a row while the callback was in hand',
    })
  })
})
