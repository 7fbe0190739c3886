import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { VerificationError } from '../../../src/errors.js'
import type { Verify } from '../../../src/model/code.js'
import { type Given, NOW, toRequest } from './request.js'

// The providers' own libraries beside ours. Where they sign, we verify; where they only verify, both are given the same, and
// say the same: of what is signed well, and of what was changed. Where they differ, a test says how.

/** Some of them ask the platform what time it is: to those of the file that calls this, it is `NOW`. */
export function stopTheClock(): void {
  beforeAll(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  })
  afterAll(() => {
    vi.useRealTimers()
  })
}

const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index))
const everyText = everyByte.toString('latin1')

/** For libraries that take a text alone. */
export const texts = fc.oneof(
  { arbitrary: fc.string({ unit: 'binary' }), weight: 5 },
  fc.constantFrom('', everyText, '😀\u0000\u2028é', 'é'.repeat(512 * 1_024), JSON.stringify({ id: 'é' })),
)
export const bytes = fc.oneof(
  { arbitrary: fc.uint8Array().map(each => Buffer.from(each)), weight: 5 },
  fc.constantFrom(Buffer.alloc(0), everyByte, Buffer.alloc(1_048_576, everyByte)),
)
export const secrets = fc.string({ unit: 'grapheme', minLength: 1 }).filter(isSecret)
/** Whether it is taken for one: none is in quotes, or looks like what a variable that is not set leaves behind. */
function isSecret(text: string): boolean {
  return text.trim() === text && !/^(["'`]).*\1$|^(?:null|undefined|\$\{\w+\}|\[object \w+\])$/s.test(text)
}

export const urls = fc
  .tuple(
    fc.constantFrom('https://a.example', 'http://a.example', 'https://a.example:8443', 'http://[::1]'),
    fc.constantFrom('/r/token', '/', '/a%20b/%C3%A9'),
    fc.constantFrom('', '?', '?a=b&c=%20d', "?q='x"),
  )
  .map(parts => parts.join(''))

export const RUNS = { numRuns: 60 }

export type Headers = Readonly<Record<string, string>>

/** Whether we let it in. That it is refused for anything but its signature is a mistake of the test. */
export async function accepts(verify: Verify, given: Given): Promise<boolean> {
  const request = await toRequest(given)
  try {
    const verdict = await verify(request)
    return verdict === true || typeof verdict === 'object'
  } catch (error) {
    if (
      error instanceof VerificationError &&
      /does not match|written again|cannot be a sha/.test(error.message)
    )
      return false
    throw error
  }
}

export async function passes(verify: Verify, body: string | Uint8Array, headers: Headers, url?: string) {
  expect(await accepts(verify, { body, headers, ...(url === undefined ? {} : { url }) })).toBe(true)
}

export async function refuses(verify: Verify, body: string | Uint8Array, headers: Headers, url?: string) {
  expect(await accepts(verify, { body, headers, ...(url === undefined ? {} : { url }) })).toBe(false)
}

/** What is signed, and with what it should be. */
export interface Signed {
  readonly body: string
  readonly secret: string
  readonly signature: string
}

type Judge = (signed: Signed) => boolean | Promise<boolean>

/** Both pass what is signed well, and neither what was changed since. */
export async function expectAgreement(
  signed: Signed,
  sides: { readonly theirs: Judge; readonly ours: Judge },
) {
  const judge = async (given: Signed) => ({
    theirs: await sides.theirs(given),
    ours: await sides.ours(given),
  })
  expect(await judge(signed)).toEqual({ theirs: true, ours: true })
  for (const given of changed(signed)) expect(await judge(given)).toEqual({ theirs: false, ours: false })
}

function changed(signed: Signed): readonly Signed[] {
  const { body, secret, signature } = signed
  const middle = signature.length >> 1
  const other = signature[middle] === '0' ? '1' : '0'
  return [
    { ...signed, body: `${body}x` },
    { ...signed, body: `x${body}` },
    { ...signed, secret: `${secret}x` },
    { ...signed, signature: `${signature.slice(0, middle)}${other}${signature.slice(middle + 1)}` },
    { ...signed, signature: signature.slice(0, -2) },
  ]
}

export const hex = (secret: string, ...pieces: readonly (string | Uint8Array)[]) =>
  hmac(secret, pieces).toString('hex')
export const base64 = (secret: string, ...pieces: readonly (string | Uint8Array)[]) =>
  hmac(secret, pieces).toString('base64')

export function hmac(secret: string | Uint8Array, pieces: readonly (string | Uint8Array)[]): Buffer {
  const made = createHmac('sha256', secret)
  for (const piece of pieces) made.update(piece)
  return made.digest()
}
