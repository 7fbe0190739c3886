import { expect, it } from 'vitest'
import type { Verify } from '../../src/model/code.js'
import type { RawRequest } from '../../src/model/received.js'
import { judge } from '../../src/verify/verdict.js'

const request: RawRequest = {
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
  expect(await judge([pass], request)).toEqual({ ok: true })
  expect(await judge([async () => true], request)).toEqual({ ok: true })
  expect(await judge([fail, broken, () => ({ deliveryId: 'd' })], request)).toEqual({
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
])('lets nothing pass but true and an id: not %j', async value => {
  expect((await judge([returning(value)], request)).ok).toBe(false)
  expect((await judge([returning(Promise.resolve(value))], request)).ok).toBe(false)
})

it('does not pass where every verifier throws or rejects, and tells each reason', async () => {
  const verdict = await judge([broken, () => Promise.reject(new Error('the clock is off by 400 s'))], request)
  expect(verdict).toEqual({ ok: false, reason: 'no signature header; the clock is off by 400 s' })
})

it('says what was returned by its type alone', async () => {
  expect(await judge([returning('the secret')], request)).toMatchObject({
    reason: expect.not.stringContaining('the secret'),
  })
  expect(await judge([() => Promise.reject('a secret')], request)).toMatchObject({
    reason: expect.not.stringContaining('a secret'),
  })
})

it('does not pass where there is no verifier at all', async () => {
  expect((await judge([], request)).ok).toBe(false)
})
