import { expect, it } from 'vitest'
import { InvalidOptionsError, VerificationError } from '../../src/errors.js'
import type { Verify } from '../../src/model/code.js'
import { all } from '../../src/verify/all.js'
import { ip } from '../../src/verify/ip.js'
import { verifyRequest } from '../../src/verify/verify-request.js'
import { reasonFor } from './support/reason.js'
import { toRequest } from './support/request.js'

const pass: Verify = () => true
const later: Verify = async () => true
const giving =
  (deliveryId: string): Verify =>
  () => ({ deliveryId })
const failing =
  (reason: string): Verify =>
  () => {
    throw new VerificationError(reason)
  }

it('passes at once what every verifier passes at once', async () => {
  const request = await toRequest()
  expect(all(pass)(request)).toBe(true)
  expect(all(pass, pass, pass)(request)).toBe(true)
})

it('gives a promise where one of them does', async () => {
  const request = await toRequest()
  for (const verify of [all(later, pass), all(pass, later)]) {
    const verdict = verify(request)
    expect(verdict).toBeInstanceOf(Promise)
    expect(await verdict).toBe(true)
  }
})

it.each<[string, readonly Verify[]]>([
  ['first', [failing('not he'), pass, pass]],
  ['second', [pass, failing('not he'), pass]],
  ['last', [pass, pass, failing('not he')]],
  ['only', [failing('not he')]],
  ['one behind a promise', [later, failing('not he')]],
  ['one with a promise', [pass, () => Promise.reject(new VerificationError('not he'))]],
])('refuses what the %s refuses, for its reason', async (_, verifiers) => {
  expect(await reasonFor(all(...verifiers), {})).toBe('not he')
})

it('refuses at once where no promise came before, and asks no further', async () => {
  const asked: string[] = []
  const verify = all(failing('not he'), () => {
    asked.push('second')
    return true
  })
  const request = await toRequest()
  expect(() => verify(request)).toThrow(new VerificationError('not he'))
  expect(asked).toEqual([])
})

it('asks in order', async () => {
  const asked: number[] = []
  const asking =
    (number: number): Verify =>
    () => {
      asked.push(number)
      return true
    }
  expect(all(asking(1), asking(2), asking(3))(await toRequest())).toBe(true)
  expect(asked).toEqual([1, 2, 3])
})

it('refuses what a verifier answers with anything but true or an id', async () => {
  expect(
    await reasonFor(
      all(pass, () => false),
      {},
    ),
  ).toBe('it returned false')
  expect(await reasonFor(all(pass, (() => undefined) as never), {})).toContain('it returned nothing')
})

it.each<[readonly Verify[], unknown]>([
  [[pass, giving('a'), pass], { deliveryId: 'a' }],
  [[giving('a'), giving('b')], { deliveryId: 'a' }],
  [[giving(''), giving('b')], { deliveryId: 'b' }],
  [[giving('a'), giving('')], { deliveryId: 'a' }],
  [[giving(''), pass], { deliveryId: '' }],
  [[pass, giving('')], { deliveryId: '' }],
])('gives the first delivery id that one of them gives (case %#)', async (verifiers, verdict) => {
  expect(all(...verifiers)(await toRequest())).toEqual(verdict)
})

it('is itself one of several verifiers, and can hold others of its kind', async () => {
  const verify = all(ip({ ranges: ['203.0.113.7'] }), all(giving('a'), later))
  const given = { headers: {}, body: '' }
  expect(
    (await verifyRequest([() => false, verify], given, { remoteAddress: '203.0.113.7' })).deliveryId,
  ).toBe('a')
  await expect(verifyRequest(verify, given, { remoteAddress: '203.0.113.8' })).rejects.toThrow(
    'ip: it comes from 203.0.113.8, which is in none of ranges',
  )
})

it('does not take an empty list, or what is no verifier', () => {
  expect(() => all()).toThrow(
    new InvalidOptionsError('all() has no verifiers, so that anybody could pass; give at least one'),
  )
  for (const verifiers of [[[pass, pass]], [pass, undefined], [true]]) {
    expect(() => all(...(verifiers as never[]))).toThrow(
      new InvalidOptionsError('all() takes verifiers one by one, such as all(ip(…), hmac(…))'),
    )
  }
})
