import { createHmac, createPublicKey, verify } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { createSecret, toSignatureHeaders, toSigningKeys } from '../../src/sender/signing.js'

// The vectors of the specification.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const privateKey =
  'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=='
const publicKey = '1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4='
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const at = 1_614_265_330_000
const body = Buffer.from('{"test": 2432232314}')
const v1 = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
const v1a = 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=='

function sign(given: string | string[], message = { id, body: body as Uint8Array }, instant = at) {
  return Object.fromEntries(
    toSignatureHeaders(message, { keys: toSigningKeys(given, 'secret'), at: instant }),
  )
}

describe('a signature', () => {
  it('is the one of the specification, by either scheme', () => {
    expect(sign(secret)).toEqual({ 'webhook-timestamp': '1614265330', 'webhook-signature': v1 })
    expect(sign(privateKey)).toEqual({ 'webhook-timestamp': '1614265330', 'webhook-signature': v1a })
  })

  it('is there once for each current secret, in their order', () => {
    expect(sign([privateKey, secret])['webhook-signature']).toBe(`${v1a} ${v1}`)
  })

  it('is the same for a secret without its prefix or its padding, and for a private key without its public part', () => {
    const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64')
    expect(sign(secret.slice('whsec_'.length))['webhook-signature']).toBe(v1)
    const odd = Buffer.concat([bytes, Buffer.from('x')]).toString('base64')
    expect(sign(`whsec_${odd.replace(/=+$/, '')}`)).toEqual(sign(`whsec_${odd}`))
    const seed = Buffer.from(privateKey.slice('whsk_'.length), 'base64').subarray(0, 32)
    expect(sign(`whsk_${seed.toString('base64')}`)['webhook-signature']).toBe(v1a)
  })

  it('has the seconds of its attempt, whole ones', () => {
    expect(sign(secret, undefined, at + 999)).toEqual(sign(secret))
    expect(sign(secret, undefined, at + 1_000)['webhook-timestamp']).toBe('1614265331')
  })

  it('is not there where nothing is to sign with', () => {
    expect(toSignatureHeaders({ id, body }, { keys: [], at })).toEqual([])
  })

  it('is what the reference library computes, for every text, secret and instant', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        fc.integer({ min: 0, max: 4e12 }),
        (text, key, instant) => {
          const given = `whsec_${Buffer.from(key).toString('base64')}`
          const { 'webhook-signature': signature } = sign(given, { id, body: Buffer.from(text) }, instant)
          const expected = new Webhook(given).sign(id, new Date(Math.floor(instant / 1_000) * 1_000), text)
          expect(signature).toBe(expected)
        },
      ),
    )
  })

  it('verifies for every body, whatever its bytes, by each scheme', () => {
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'base64').toString('base64url') },
      format: 'jwk',
    })
    const symmetric = Buffer.from(secret.slice('whsec_'.length), 'base64')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_000 }), bytes => {
        const { 'webhook-signature': signatures = '' } = sign([secret, privateKey], { id, body: bytes })
        const [one = '', other = ''] = signatures.split(' ')
        const content = Buffer.concat([Buffer.from(`${id}.1614265330.`), bytes])
        expect(one).toBe(`v1,${createHmac('sha256', symmetric).update(content).digest('base64')}`)
        expect(other.startsWith('v1a,')).toBe(true)
        expect(verify(null, content, key, Buffer.from(other.slice('v1a,'.length), 'base64'))).toBe(true)
      }),
    )
  })
})

describe('a secret', () => {
  const base64 = (length: number) => Buffer.alloc(length, 'hunter2').toString('base64')

  it.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /is undefined.*leave secret out/],
    ['null', null, /no text/],
    ['empty', '', /is empty/],
    ['an empty list', [], /empty list/],
    ['a list with a gap', [secret, undefined], /secret\[1\] is undefined/],
    ['a list with an empty text', [secret, ''], /secret\[1\] is empty/],
    ['a number', 7, /no text/],
    ['nothing but its prefix', 'whsec_', /not base64/],
    ['no base64', 'whsec_hunter2!hunter2!hunter2!hunter2!', /not base64/],
    ['base64 for URLs', `whsec_${'hunter2_'.repeat(5)}`, /not base64/],
    ['base64 with a stray bit', `whsec_${base64(25).replace(/[A-Za-z0-9](==)$/, '9$1')}`, /not base64/],
    ['its prefix in the middle', `${base64(12)}whsec_${base64(12)}`, /not base64/],
    ['too short', `whsec_${base64(23)}`, /23 bytes.*24 to 64/],
    ['too long', `whsec_${base64(65)}`, /65 bytes/],
    ['a public key', `whpk_${publicKey}`, /public key.*whsk_/],
    ['a private key that is too short', `whsk_${base64(31)}`, /31 bytes.*32, or 64/],
    ['a private key with the public part of another', `whsk_${base64(64)}`, /not that of its private key/],
  ])('that is %s is an error, and is not quoted', (_, given, why) => {
    const make = () => toSigningKeys(given as string, 'secret')
    expect(make).toThrow(InvalidOptionsError)
    expect(make).toThrow(why)
    expect(make).not.toThrow(/hunter2|aHVudGVyM/)
  })

  it.each([24, 64])('may have %i bytes', length => {
    expect(toSigningKeys(`whsec_${base64(length)}`, 'secret')).toHaveLength(1)
  })

  it('is not printed by whatever prints its key', () => {
    const keys = toSigningKeys([secret, privateKey], 'secret')
    const printed = `${inspect(keys, { depth: 9, showHidden: true })}${JSON.stringify(keys)}`
    expect(printed).not.toContain('MfKQ9r8GKYqr')
    expect(printed).not.toContain('6Xb/dCcH')
  })

  it('can be made: each is new, signs, and has 256 bits', () => {
    const made = Array.from({ length: 100 }, createSecret)
    expect(new Set(made).size).toBe(100)
    for (const each of made) {
      expect(Buffer.from(each.replace(/^whsec_/, ''), 'base64')).toHaveLength(32)
      expect(new Webhook(each).sign(id, new Date(at), body)).toBe(sign(each)['webhook-signature'])
    }
  })
})
