import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, VerificationUnavailableError } from '../../src/errors.js'
import type { Verify } from '../../src/model/code.js'
import type { RawRequest } from '../../src/model/received.js'
import { judge } from '../../src/verify/verdict.js'

const request: RawRequest = {
  receivedAt: new Date(0),
  url: 'https://hooks.example.com/r/x',
  method: 'POST',
  path: '',
  query: new URLSearchParams(),
  headers: new Headers(),
  bytes: () => new Uint8Array(),
}

/** What JavaScript lets through. */
const returning =
  (value: unknown): Verify =>
  () =>
    value as boolean
const pass: Verify = () => true
const fail: Verify = () => false
const broken: Verify = () => {
  throw new Error('no signature header')
}

it('passes what one verifier answers with true or an id, whoever else does not', async () => {
  expect(await judge([pass], request)).toStrictEqual({ ok: true })
  expect(await judge([async () => true], request)).toStrictEqual({ ok: true })
  expect(await judge([fail, broken, () => ({ deliveryId: 'd' })], request)).toStrictEqual({
    ok: true,
    deliveryId: 'd',
  })
})

it('asks no further once one has passed', async () => {
  const asked: string[] = []
  const ask = (name: string, verdict: boolean) => () => {
    asked.push(name)
    return verdict
  }
  await judge([ask('a', false), ask('b', true), ask('c', true)], request)
  expect(asked).toEqual(['a', 'b'])
})

it.each([
  undefined,
  null,
  1,
  'true',
  'ok',
  {},
  [],
  { deliveryId: 7 },
  { deliveryId: undefined },
  { ok: true },
  () => true,
])('lets nothing pass but true and an id: not %j', async value => {
  expect((await judge([returning(value)], request)).ok).toBe(false)
  expect((await judge([returning(Promise.resolve(value))], request)).ok).toBe(false)
})

it('does not pass where every verifier throws or rejects, and tells each reason', async () => {
  const verdict = await judge([broken, () => Promise.reject(new Error('the clock is off by 400 s'))], request)
  expect(verdict).toEqual({ ok: false, reason: 'no signature header; the clock is off by 400 s' })
})

it.each([
  [false, 'it returned false'],
  [undefined, 'it returned nothing; a verifier returns true or { deliveryId }'],
  [null, 'it returned null; only true or { deliveryId } passes'],
  [
    () => true,
    'it returned a function, and so makes verifiers: call it where you declare it, and give what it returns',
  ],
  ['the secret', 'it returned a value of type string; only true or { deliveryId } passes'],
  [{ secret: 'x' }, 'it returned a value of type object; only true or { deliveryId } passes'],
])('says what was returned by its type alone: %j', async (value, reason) => {
  expect(await judge([returning(value)], request)).toEqual({ ok: false, reason })
})

it('does not say what was thrown where that is no error', async () => {
  expect(await judge([() => Promise.reject('a secret')], request)).toEqual({
    ok: false,
    reason: 'it threw something that is no error',
  })
})

it('does not pass where there is no verifier at all', async () => {
  expect(await judge([], request)).toEqual({ ok: false, reason: 'there is no verifier' })
})

describe('a request that could not be judged', () => {
  const unavailable = new VerificationUnavailableError('the keys are out of reach')
  const unable: Verify = () => {
    throw unavailable
  }
  const unableLater: Verify = () => Promise.reject(unavailable)

  it.each([
    ['at once', unable],
    ['later', unableLater],
  ])('is not refused, whatever the others say: %s', async (_, verify) => {
    for (const verifiers of [
      [verify],
      [verify, fail],
      [fail, verify],
      [verify, broken],
      [verify, async () => false],
    ]) {
      await expect(async () => judge(verifiers, request)).rejects.toBe(unavailable)
    }
  })

  it('passes when another verifier passes it', async () => {
    expect(await judge([unable, pass], request)).toEqual({ ok: true })
    expect(await judge([unableLater, fail, async () => true], request)).toEqual({ ok: true })
  })

  it('fails with the first that was unable', async () => {
    const other: Verify = () => {
      throw new VerificationUnavailableError('another')
    }
    await expect(async () => judge([unable, other], request)).rejects.toBe(unavailable)
  })

  it('is refused where nothing will be different the next time', async () => {
    const invalid: Verify = () => {
      throw new InvalidOptionsError('no such thing')
    }
    const alike: Verify = () => {
      throw Object.assign(new Error('a stranger among errors'), { retryable: true })
    }
    expect(await judge([invalid, alike], request)).toEqual({
      ok: false,
      reason: 'no such thing; a stranger among errors',
    })
  })
})
