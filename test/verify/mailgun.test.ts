import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { RawRequest } from '../../src/model/received.js'
import { mailgun } from '../../src/verify/mailgun.js'
import { refusalOf } from './support/refusal.js'
import { NOW, NOW_S, toRequest } from './support/request.js'

const secret = 'a webhook signing key'
const timestamp = String(NOW_S)
const token = 'e0b5477167110d68991efc6b9f89f0a11066af27834600e123'
const signature = signatureOf(timestamp, token)
const proof = { timestamp, token, signature }
const passed = { deliveryId: token }

function signatureOf(time: string, word: string, key = secret): string {
  return createHmac('sha256', key).update(time).update(word).digest('hex')
}

function json(content: unknown, at = NOW) {
  return toRequest({
    headers: { 'content-type': 'application/json' },
    body: typeof content === 'string' ? content : JSON.stringify(content),
    at,
  })
}

function urlEncoded(fields: Record<string, string> | string) {
  return toRequest({
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
}

async function multipart(fields: readonly (readonly [name: string, value: string | Blob])[]) {
  const form = new FormData()
  for (const [name, value] of fields) form.append(name, value)
  const encoded = new Response(form)
  return toRequest({
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
    body: new Uint8Array(await encoded.arrayBuffer()),
  })
}

const mail: readonly (readonly [string, string | Blob])[] = [
  ['subject', 'é'],
  ['attachment-1', new Blob([Uint8Array.from({ length: 256 }, (_, index) => index)])],
]

describe('passes what is signed, and is accepted once by its token', () => {
  const verify = (request: RawRequest) => mailgun({ secret })(request)

  it('in the JSON of an event', async () => {
    expect(verify(await json({ signature: proof, 'event-data': { event: 'opened' } }))).toEqual(passed)
    expect(verify(await json({ signature: { ...proof, timestamp: NOW_S } }))).toEqual(passed)
  })

  it('in the fields of a form, of either kind', async () => {
    expect(verify(await urlEncoded({ ...proof, subject: 'x' }))).toEqual(passed)
    expect(await verify(await multipart([...mail, ...Object.entries(proof)]))).toEqual(passed)
    expect(verify(await json(proof))).toEqual(passed)
  })

  it('with a signature in capitals', async () => {
    expect(verify(await json({ signature: { ...proof, signature: signature.toUpperCase() } }))).toEqual(
      passed,
    )
  })

  it('with the key of the account, where a subaccount has signed as well', async () => {
    const own = { ...proof, signature: signatureOf(timestamp, token, 'key of the subaccount') }
    expect(verify(await json({ signature: { ...own, 'parent-signature': signature } }))).toEqual(passed)
    expect(verify(await json({ signature: { ...proof, 'parent-signature': own.signature } }))).toEqual(passed)
    expect(
      await refusalOf(verify, await json({ signature: { ...own, 'parent-signature': [signature] } })),
    ).toMatch(/does not match/)
  })
})

it.each([
  ['its timestamp', { timestamp: String(NOW_S + 1) }],
  ['its token', { token: token.replace('e0', 'e1') }],
  ['its signature', { signature: signature.replace(/.$/, digit => (digit === '0' ? '1' : '0')) }],
])('does not pass when %s was changed', async (_, changed) => {
  const reason =
    'mailgun: its signature does not match: it was signed with another key, or changed on the way'
  const verify = mailgun({ secret })
  expect(await refusalOf(verify, await json({ signature: { ...proof, ...changed } }))).toBe(reason)
  expect(await refusalOf(verify, await urlEncoded({ ...proof, ...changed }))).toBe(reason)
  expect(await refusalOf(verify, await multipart(Object.entries({ ...proof, ...changed })))).toBe(reason)
})

it('does not pass when digits move between timestamp and token, where they would be another token', async () => {
  const verify = mailgun({ secret, tolerance: false })
  const moved = [
    { timestamp: timestamp.slice(0, 9), token: timestamp.slice(9) + token },
    { timestamp: `${timestamp}0`, token },
    { timestamp: '', token: timestamp + token },
    { timestamp: -NOW_S, token },
  ]
  for (const each of moved) {
    const signed = signatureOf(String(each.timestamp), each.token)
    expect(await refusalOf(verify, await json({ signature: { ...each, signature: signed } }))).toBe(
      'mailgun: its timestamp is not a number of ten digits',
    )
  }
})

it.each([
  ['no field', {}],
  ['nothing', 'null'],
  ['a text', '"x"'],
  ['a list', [proof]],
  ['null in place of the signature', { ...proof, signature: null }],
  ['a list in place of the signature', { signature: [proof] }],
  ['no timestamp', { signature: { token, signature } }],
  ['no token', { signature: { timestamp, signature } }],
  ['no signature', { signature: { timestamp, token } }],
  ['an object for its timestamp', { signature: { ...proof, timestamp: { toString: 1 } } }],
  ['a number for its token', { signature: { ...proof, token: 7 } }],
  ['a signature of its prototype', '{"__proto__":{"signature":{}}}'],
])('does not pass with %s', async (_, content) => {
  expect(await refusalOf(mailgun({ secret }), await json(content))).toBe(
    'mailgun: it has no signature: timestamp, token and signature are missing in its body',
  )
})

it('does not pass a form whose fields are there twice, or are files', async () => {
  const missing = /^mailgun: it has no signature/
  const verify = mailgun({ secret })
  const twice = `${new URLSearchParams(proof)}&token=x`
  expect(await refusalOf(verify, await urlEncoded(twice))).toMatch(missing)
  const file = await multipart([
    ...Object.entries({ timestamp, token }),
    ['signature', new Blob([signature])],
  ])
  expect(await refusalOf(verify, file)).toMatch(missing)
})

it.each(['', 'x'.repeat(256), 'a token', 'tok\u0000en', 'é'])(
  'does not pass with %j for a token',
  async word => {
    const signed = { timestamp, token: word, signature: signatureOf(timestamp, word) }
    expect(await refusalOf(mailgun({ secret }), await json({ signature: signed }))).toBe(
      'mailgun: its token is empty, too long, or no word',
    )
  },
)

it('takes a token of 255 characters', async () => {
  const word = 'x'.repeat(255)
  const signed = { timestamp, token: word, signature: signatureOf(timestamp, word) }
  expect(mailgun({ secret })(await json({ signature: signed }))).toEqual({ deliveryId: word })
})

it('does not pass what cannot be read, and says nothing of it', async () => {
  const verify = mailgun({ secret })
  expect(await refusalOf(verify, await json('{hunter2'))).toBe('mailgun: the body is not valid JSON')
  const broken = { headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: 'hunter2' }
  expect(await refusalOf(verify, await toRequest(broken))).toBe('mailgun: the body is not a valid form')
  for (const type of ['text/plain', 'application/octet-stream', '']) {
    const other = { headers: { 'content-type': type }, body: JSON.stringify({ signature: proof }) }
    expect(await refusalOf(verify, await toRequest(other))).toMatch(/^mailgun: it has no signature/)
  }
  expect(await refusalOf(verify, await toRequest({}))).toMatch(/^mailgun: it has no signature/)
})

it('passes a form of 1000 fields and reads no more, of either kind', async () => {
  const verify = mailgun({ secret })
  const more = 'mailgun: the body is a form of more than 1000 fields'
  const fields = (count: number) => [
    ...Object.entries(proof),
    ...Array.from({ length: count - 3 }, () => ['a', 'b'] as const),
  ]
  const encoded = (count: number) =>
    urlEncoded(
      fields(count)
        .map(([name, value]) => `${name}=${value}`)
        .join('&'),
    )
  expect(verify(await encoded(1_000))).toEqual(passed)
  expect(await refusalOf(verify, await encoded(1_001))).toBe(more)
  expect(await verify(await multipart(fields(1_000)))).toEqual(passed)
  expect(await refusalOf(verify, await multipart(fields(1_001)))).toBe(more)
})

it('tolerates five minutes to either side, or what it is told', async () => {
  const at = (seconds: number) => json({ signature: proof }, NOW + seconds * 1_000)
  const verify = mailgun({ secret })
  expect(verify(await at(300))).toEqual(passed)
  expect(verify(await at(-300))).toEqual(passed)
  expect(await refusalOf(verify, await at(301))).toMatch(/^mailgun: .* 301 s behind our clock/)
  expect(await refusalOf(verify, await at(-301))).toMatch(/^mailgun: .* 301 s ahead of our clock/)
  expect(await refusalOf(mailgun({ secret, tolerance: '1s' }), await at(2))).toMatch(/2 s behind/)
  expect(mailgun({ secret, tolerance: false })(await at(1_000_000))).toEqual(passed)
})

it('lets several keys in, and says when one was used that is retired', async () => {
  const request = await json({ signature: proof })
  expect(mailgun({ secret: ['another', secret] })(request)).toEqual(passed)
  expect(await refusalOf(mailgun({ secret: 'another', retired: secret }), request)).toBe(
    'mailgun: it is signed with a secret that is no longer accepted: its sender has not changed to the current one',
  )
})

it('refuses an empty key, and an option that there is not', () => {
  expect(() => mailgun({ secret: '' })).toThrow(
    'The verifier mailgun: secret is empty: is the environment variable set?',
  )
  expect(() => mailgun({ secret, retired: '' })).toThrow(
    'The verifier mailgun: retired is empty: is the environment variable set?',
  )
  expect(() => mailgun({ secret, tolerance: -1 })).toThrow(/The verifier mailgun: tolerance/)
  expect(() => mailgun({ secret, ...{ key: 'x' } })).toThrow(
    "The verifier mailgun has no option 'key'; there are secret, retired, tolerance",
  )
})
