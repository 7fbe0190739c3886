import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { RawRequest } from '../../src/model/received.js'
import { twilio } from '../../src/verify/twilio.js'
import { refusalOf } from './support/refusal.js'
import { toRequest } from './support/request.js'

// The vectors that Twilio's own libraries test with.
const secret = '12345'
const url = 'https://mycompany.com/myapp.php?foo=1&bar=2'
const form =
  'CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212'
const signature = 'RSOYDt4T1cUTdK1PDd93/VVr8B8='
const json = '{"property": "value", "boolean": true}'
const jsonHash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620'

const FORM = 'application/x-www-form-urlencoded; charset=UTF-8'
const mismatch =
  'twilio: its signature does not match: it was signed with another secret, was called under another URL than we think, or changed on the way'

function request(
  signed: string,
  given: { body?: string | Uint8Array; url?: string; type?: string; headers?: Record<string, string> } = {},
) {
  return toRequest({
    body: given.body ?? form,
    url: given.url ?? url,
    headers: { 'X-Twilio-Signature': signed, 'Content-Type': given.type ?? FORM, ...given.headers },
  })
}

const sign = (content: string, key = secret, hash = 'sha1') =>
  createHmac(hash, key).update(content).digest('base64')

describe('a form', () => {
  const verify = (called: RawRequest) => twilio({ secret })(called)

  it('passes what Twilio gives as its examples, whatever the order of the fields', async () => {
    expect(verify(await request(signature))).toBe(true)
    expect(verify(await request(signature, { body: form.split('&').reverse().join('&') }))).toBe(true)
    const other = form.replaceAll('5309', '5310')
    expect(verify(await request('GvWf1cFY/Q7PnoempGyD5oXAezc=', { body: other }))).toBe(true)
  })

  it.each([
    ['a field', { body: form.replace('1234', '1235') }],
    ['a field more', { body: `${form}&A=` }],
    ['a field less', { body: form.replace('&Digits=1234', '') }],
    ['the path', { url: url.replace('myapp', 'other') }],
    ['the query', { url: url.replace('bar=2', 'bar=3') }],
    ['the scheme', { url: url.replace('https', 'http') }],
  ])('does not pass when %s was changed', async (_, changed) => {
    expect(await refusalOf(verify, await request(signature, changed))).toBe(mismatch)
  })

  it('puts names in order of their code units, and values of one name too, each once', async () => {
    const body =
      'b=2&B=3&a=z&a=%C3%A9&a=z&a=A&Reason=1&ReasonConferenceEnded=2&empty&%F0%9F%98%80=x&%EF%BC%A1=y'
    const content = `${url}B3Reason1ReasonConferenceEnded2aAazaéb2empty😀xＡy`
    expect(verify(await request(sign(content), { body }))).toBe(true)
    // As PHP's library has it.
    const repeated = 'Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234'
    expect(verify(await request('IK+Dwps556ElfBT0I3Rgjkr1wJU=', { body: repeated }))).toBe(true)
  })

  it.each([
    ['a port that Twilio leaves out', 'https://mycompany.com:1234/myapp.php?foo=1&bar=2', signature],
    [
      'a port that Twilio keeps',
      'http://mycompany.com:1234/myapp.php?foo=1&bar=2',
      'Zmvh+3yNM1Phv2jhDCwEM3q5ebU=',
    ],
    ['the port of https, where we have none', url, 'kvajT1Ptam85bY51eRf/AJRuM3w='],
    ['the port of http, where we have none', url.replace('https', 'http'), '0ZXoZLH/DfblKGATFgpif+LLRf4='],
  ])('passes with %s', async (_, calledAt, signed) => {
    expect(verify(await request(signed, { url: calledAt }))).toBe(true)
  })

  it('passes a quote in the query as it is, and as a parser writes it', async () => {
    for (const query of ["'", '%27']) {
      for (const port of ['', ':443']) {
        const signed = sign(`https://a.example${port}/?x=${query}`)
        expect(verify(await request(signed, { url: "https://a.example/?x='", body: '' }))).toBe(true)
      }
    }
    expect(
      await refusalOf(
        verify,
        await request(sign("https://a.example/?x='"), { url: 'https://a.example/?x=%27', body: '' }),
      ),
    ).toBe(mismatch)
  })

  it.each([
    ['a path that leads back to it', '/r/B/../A'],
    ['such a path in other letters', '/r/B/%2e%2e/A'],
    ['a path with a dot', '/r/./A'],
    ['a path with a backslash', '/r\\A'],
    ['a path with a tab', '/r/\tA'],
  ])('signed for one path does not pass at %s', async (_, path) => {
    const signed = sign('https://a.example/r/A?x=1')
    const at = (calledAt: string) => request(signed, { url: `https://a.example${calledAt}?x=1`, body: '' })
    expect(verify(await at('/r/A'))).toBe(true)
    expect(await refusalOf(verify, await at(path))).toBe(mismatch)
  })

  it('signed for one host does not pass at a URL that a parser takes for it', async () => {
    const signed = sign('https://a.example/')
    for (const calledAt of ['https://a.example\\/', 'https://a%2eexample/', 'https://a.example\t/']) {
      expect(await refusalOf(verify, await request(signed, { url: calledAt, body: '' }))).toBe(mismatch)
    }
  })

  it('has a path though the URL in its settings has none', async () => {
    for (const [configured, signedFor] of [
      ['https://a.example', 'https://a.example/'],
      ['https://a.example', 'https://a.example:443/'],
      ["https://a.example?x='", 'https://a.example/?x=%27'],
      ['https://a.example', 'https://a.example'],
    ] as const) {
      const known = twilio({ secret, url: configured })
      expect(known(await request(sign(signedFor), { body: '' }))).toBe(true)
    }
  })

  it.each([
    ["https://a.example/?x='", 'https://a.example/?x=%27', 'http://a.example/'],
    ['http://a.example', 'http://a.example/', 'http://b.example/'],
    ['https://a.example', 'https://a.example:443', 'https://a.example:80'],
    ['http://a.example:8080/', 'http://a.example/', 'http://a.example:80/'],
    [
      'https://a.example/?to=https://b',
      'https://a.example:443/?to=https://b',
      'https://a.example/?to=https://b/',
    ],
    ['sip:x?to=https://b', 'sip:x?to=https://b', 'sip:x?to=https://b/'],
    ['sip:x?to=https://b', 'sip:x?to=https://b', 'sip:x?to=https://b:443'],
    ['sip:x?to=https://b:8080', 'sip:x?to=https://b:8080', 'sip:x?to=https://b'],
    ['/hook', '/hook', '/hook/'],
    ['https://a b', 'https://a b', 'https://a b/'],
  ])('called at %s, passes what is signed for %s and not for %s', async (known, signedFor, other) => {
    const called = twilio({ secret, url: () => known })
    expect(called(await request(sign(signedFor), { body: '' }))).toBe(true)
    expect(await refusalOf(called, await request(sign(other), { body: '' }))).toBe(mismatch)
  })

  it('finds the port behind an IPv6 address', async () => {
    for (const signedFor of ['http://[::1]/a?b=c:9', 'http://[::1]:80/a?b=c:9']) {
      expect(verify(await request(sign(signedFor), { url: 'http://[::1]/a?b=c:9', body: '' }))).toBe(true)
    }
  })

  it('passes 1000 fields and reads no more', async () => {
    const body = (count: number) => Array.from({ length: count }, () => 'a=b').join('&')
    expect(verify(await request(sign(`${url}ab`), { body: body(1_000) }))).toBe(true)
    expect(await refusalOf(verify, await request(sign(`${url}ab`), { body: body(1_001) }))).toBe(
      'twilio: its form has more than 1000 fields',
    )
  })
})

describe('another body', () => {
  const verify = (called: RawRequest) => twilio({ secret })(called)
  const hashed = `${url}&bodySHA256=${jsonHash}`

  it('passes with its hash in the URL, as Twilio gives it as its examples', async () => {
    const type = 'application/json'
    const given = { body: json, type }
    expect(verify(await request('a9nBmqA0ju/hNViExpshrM61xv4=', { ...given, url: hashed }))).toBe(true)
    const alone = `https://mycompany.com/myapp.php?bodySHA256=${jsonHash}`
    expect(verify(await request('y77kIzt2vzLz71DgmJGsen2scGs=', { ...given, url: alone }))).toBe(true)
    const upper = `${url}&bodySHA256=${jsonHash.toUpperCase()}`
    expect(verify(await request(sign(upper), { ...given, url: upper }))).toBe(true)
  })

  it('does not pass when it is not the one whose hash is in the URL', async () => {
    const changed =
      'twilio: its URL is signed, but its body is not the one whose hash is in it: it was parsed and written again, or changed on the way'
    for (const body of [json.replace('true', 'false'), '', form]) {
      const given = { url: hashed, body, type: 'application/json' }
      expect(await refusalOf(verify, await request('a9nBmqA0ju/hNViExpshrM61xv4=', given))).toBe(changed)
    }
    for (const hash of ['', jsonHash.slice(1), `${jsonHash}0`]) {
      const cut = `${url}&bodySHA256=${hash}`
      expect(await refusalOf(verify, await request(sign(cut), { url: cut, body: json }))).toBe(changed)
    }
  })

  it('does not pass when the hash was made to fit another body', async () => {
    const body = json.replace('true', 'false')
    const hash = createHash('sha256').update(body).digest('hex')
    const given = { url: `${url}&bodySHA256=${hash}`, body, type: 'application/json' }
    expect(await refusalOf(verify, await request('a9nBmqA0ju/hNViExpshrM61xv4=', given))).toBe(mismatch)
  })

  it('does not pass when nobody has signed it', async () => {
    const unsigned = 'twilio: its body is not signed: it is no form, and there is no bodySHA256 in its URL'
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', '']) {
      expect(await refusalOf(verify, await request(sign(url), { body: json, type }))).toBe(unsigned)
    }
    expect(verify(await request(sign(url), { body: '', type: 'application/json' }))).toBe(true)
  })
})

it('knows a repetition by its token', async () => {
  const headers = { 'I-Twilio-Idempotency-Token': '5f3a4c4e-8d6a-4d5f-9f6d-1f2b3c4d5e6f' }
  expect(twilio({ secret })(await request(signature, { headers }))).toEqual({
    deliveryId: '5f3a4c4e-8d6a-4d5f-9f6d-1f2b3c4d5e6f',
  })
})

it('does not pass without a signature, or where the URL is not known', async () => {
  const verify = twilio({ secret })
  expect(await refusalOf(verify, await toRequest({ body: form, url }))).toBe(
    'twilio: it has no signature: the header x-twilio-signature is missing',
  )
  expect(await refusalOf(verify, await request(signature, { url: '' }))).toBe(
    'twilio: its URL is part of what is signed, and is not known here: pass url',
  )
  expect(await refusalOf(verify, await request(''))).toBe(mismatch)
})

it('takes the URL that Twilio knows, where it is not ours', async () => {
  const given = { url: 'https://hooks.example.com/r/token' }
  expect(twilio({ secret, url })(await request(signature, given))).toBe(true)
  const forwarded = twilio({ secret, url: called => `https://mycompany.com/${called.url.split('/').at(-1)}` })
  expect(forwarded(await request(signature, { url: 'http://inside:8080/myapp.php?foo=1&bar=2' }))).toBe(true)
  expect(() => twilio({ secret, url: '/myapp.php' })).toThrow(
    'The verifier twilio: url must be the whole URL',
  )
  expect(() => twilio({ secret, url: new URL(url) as never })).toThrow(
    'The verifier twilio: url must be the whole URL',
  )
  // What is no web address is signed as it is.
  expect(twilio({ secret, url: () => 'sip:x' })(await request(sign('sip:x'), { body: '' }))).toBe(true)
})

it('signs with the hash that a webhook rule of the account says', async () => {
  const verify = twilio({ secret: ['another', 'shared key'] })
  const content = `${url}${[...new URLSearchParams(form)].flat().join('')}`
  const signed = sign(content, 'shared key', 'sha256')
  const settings = (text: string) => ({ headers: { 'X-Twilio-Webhooks-Signature-Settings': text } })
  for (const text of ['key=webhooks_sharedkey_1,algorithm=HMAC_SHA256', ' algorithm = hmac_sha256 ,x=y']) {
    expect(verify(await request(signed, settings(text)))).toBe(true)
  }
  for (const text of ['', 'key=a', 'key=myalgorithm=HMAC_SHA256', 'algorithm=HMAC_SHA1']) {
    expect(verify(await request(sign(content, 'shared key'), settings(text)))).toBe(true)
    expect(await refusalOf(verify, await request(signed, settings(text)))).toBe(mismatch)
  }
  expect(await refusalOf(verify, await request(signed, settings('algorithm=NONE')))).toBe(
    'twilio: it is signed with an algorithm that is not known here; there are HMAC_SHA1 and HMAC_SHA256',
  )
})

it('lets several secrets in, and says when one was used that is retired', async () => {
  expect(twilio({ secret: ['another', secret] })(await request(signature))).toBe(true)
  expect(await refusalOf(twilio({ secret: 'another' }), await request(signature))).toBe(mismatch)
  expect(await refusalOf(twilio({ secret: 'another', retired: secret }), await request(signature))).toBe(
    'twilio: it is signed with a secret that is no longer accepted: its sender has not changed to the current one',
  )
})

it('refuses an empty secret, a SID in its place, and an option that there is not', () => {
  expect(() => twilio({ secret: '' })).toThrow(
    'The verifier twilio: secret is empty: is the environment variable set?',
  )
  expect(() => twilio({ secret, retired: '' })).toThrow(
    'The verifier twilio: retired is empty: is the environment variable set?',
  )
  for (const kind of ['AC', 'SK']) {
    expect(() => twilio({ secret: [secret, kind + '0'.repeat(32)] })).toThrow(
      'The verifier twilio: secret is the SID of an account or of an API key, by what it begins with; give the auth token of the account',
    )
  }
  for (const own of [`AC${'0'.repeat(30)}`, `AC${'0'.repeat(33)}`, `MAC${'0'.repeat(32)}`]) {
    expect(twilio({ secret: own })).toBeTypeOf('function')
  }
  expect(() => twilio({ secret, ...{ authToken: 'x' } })).toThrow(
    "The verifier twilio has no option 'authToken'; there are secret, retired, url",
  )
})
