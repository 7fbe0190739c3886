import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VerificationError } from '../../src/errors.js'
import type { Handshake, Verify } from '../../src/model/code.js'
import * as exported from '../../src/verify/verify.js'
import { type Given, NOW, NOW_S, toRequest } from './support/request.js'

// The bug: a header or a body that nobody has thought of makes a verifier throw something else than a refusal, so that the sender
// reads 500; or, worse, it passes. Whatever is changed of what is signed, the answer is a `VerificationError`.

const numRuns = Number(process.env.LONGLINE_FUZZ_RUNS ?? 150)

const secret = 'a secret of ours'
const whsec = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const url = 'https://hooks.example.com/r/token?a=1'
const json =
  '{"event_id":"e1","id":"i1","notification_id":"n1","webhookTimestamp":1614265330000,"text":"\\u00e4 漢"}'
const form = 'To=%2B18005551212&From=%2B14158675309&Body=%C3%A4+b'
const urlencoded = 'application/x-www-form-urlencoded'
const fingerprint = '7d0864d11e50fbe165cfd2ca567e01f644645c2e9e9e2c55b560d4c52c957baa'
const falKeys = generateKeyPairSync('ed25519')
const whKeys = generateKeyPairSync('ed25519')
const publicKey = whKeys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')

const mac = (
  content: string,
  encoding: 'hex' | 'base64',
  { key = secret as string | Buffer, hash = 'sha256' } = {},
) => createHmac(hash, key).update(content).digest(encoding)

/** A request that passes. Its headers are those that are checked: any change of one is a change of what was signed. */
interface Good {
  readonly verify: Verify
  readonly headers: Readonly<Record<string, string>>
  /** Beside them: content types, addresses. */
  readonly around?: Given
  readonly body: string
  /** The body is not signed, or holds what is not. */
  readonly unsignedBody?: true
}

const {
  all,
  basic,
  bearer,
  fal,
  github,
  header,
  hmac,
  ip,
  line,
  linear,
  mailgun,
  meta,
  mtls,
  openai,
  paddle,
} = exported
const { replicate, shopify, slack, square, standardWebhooks, stripe, twilio, x, zoom } = exported

const standard = (verify: Verify, key: Buffer): Good => ({
  verify,
  headers: {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(NOW_S),
    'webhook-signature': `v1,${mac(`msg_1.${NOW_S}.${json}`, 'base64', { key })}`,
  },
  body: json,
})
const v0 = (verify: Verify, [signature, timestamp]: readonly [string, string]): Good => ({
  verify,
  headers: { [timestamp]: String(NOW_S), [signature]: `v0=${mac(`v0:${NOW_S}:${json}`, 'hex')}` },
  body: json,
})
const v1aContent = Buffer.from(`msg_1.${NOW_S}.${json}`)
const falContent = Buffer.from(`r1\nu1\n${NOW_S}\n${createHash('sha256').update(json).digest('hex')}`)
const mailgunSigned = {
  signature: { timestamp: String(NOW_S), token: 'abc', signature: mac(`${NOW_S}abc`, 'hex') },
}

const goods: Readonly<Record<string, Good>> = {
  hmac: {
    verify: hmac({
      secret,
      content: '{method}{url}{id}.{timestamp}{body}',
      signature: 's',
      id: 'i',
      timestamp: 't',
    }),
    headers: { s: mac(`POST${url}7.${NOW_S}${json}`, 'hex'), i: '7', t: String(NOW_S) },
    body: json,
  },
  standardWebhooks: standard(standardWebhooks({ secret: whsec }), Buffer.alloc(32, 7)),
  'standardWebhooks, v1a': {
    verify: standardWebhooks({ secret: `whpk_${publicKey}` }),
    headers: {
      'svix-id': 'msg_1',
      'svix-timestamp': String(NOW_S),
      'svix-signature': `v1a,${sign(null, v1aContent, whKeys.privateKey).toString('base64')}`,
    },
    body: json,
  },
  openai: standard(openai({ secret }), Buffer.from(secret)),
  replicate: standard(replicate({ secret: whsec }), Buffer.alloc(32, 7)),
  stripe: {
    verify: stripe({ secret: 'whsec_x' }),
    headers: { 'stripe-signature': `t=${NOW_S},v1=${mac(`${NOW_S}.${json}`, 'hex', { key: 'whsec_x' })}` },
    body: json,
  },
  github: {
    verify: github({ secret }),
    headers: { 'x-hub-signature-256': `sha256=${mac(json, 'hex')}` },
    body: json,
  },
  meta: {
    verify: meta({ secret }),
    headers: { 'x-hub-signature-256': `sha256=${mac(json, 'hex')}` },
    body: json,
  },
  slack: v0(slack({ secret }), ['x-slack-signature', 'x-slack-request-timestamp']),
  zoom: v0(zoom({ secret }), ['x-zm-signature', 'x-zm-request-timestamp']),
  x: {
    verify: x({ secret }),
    headers: { 'x-twitter-webhooks-signature': `sha256=${mac(json, 'base64')}` },
    body: json,
  },
  shopify: {
    verify: shopify({ secret }),
    headers: { 'x-shopify-hmac-sha256': mac(json, 'base64') },
    body: json,
  },
  line: { verify: line({ secret }), headers: { 'x-line-signature': mac(json, 'base64') }, body: json },
  linear: { verify: linear({ secret }), headers: { 'linear-signature': mac(json, 'hex') }, body: json },
  square: {
    verify: square({ secret }),
    headers: { 'x-square-hmacsha256-signature': mac(url + json, 'base64') },
    body: json,
  },
  paddle: {
    verify: paddle({ secret }),
    headers: { 'paddle-signature': `ts=${NOW_S};h1=${mac(`${NOW_S}:${json}`, 'hex')}` },
    body: json,
  },
  twilio: {
    verify: twilio({ secret }),
    headers: {
      'x-twilio-signature': mac(`${url}Bodyä bFrom+14158675309To+18005551212`, 'base64', { hash: 'sha1' }),
    },
    around: { headers: { 'content-type': urlencoded } },
    body: form,
  },
  mailgun: {
    verify: mailgun({ secret }),
    headers: {},
    around: { headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(mailgunSigned),
    unsignedBody: true,
  },
  fal: {
    verify: fal({
      fetch: async () => Response.json({ keys: [falKeys.publicKey.export({ format: 'jwk' })] }),
      clock: { now: () => NOW, monotonic: () => 0, setTimer: () => () => {} },
    }),
    headers: {
      'x-fal-webhook-request-id': 'r1',
      'x-fal-webhook-user-id': 'u1',
      'x-fal-webhook-timestamp': String(NOW_S),
      'x-fal-webhook-signature': sign(null, falContent, falKeys.privateKey).toString('hex'),
    },
    body: json,
  },
  bearer: {
    verify: bearer({ token: secret }),
    headers: { authorization: `Bearer ${secret}` },
    body: '',
    unsignedBody: true,
  },
  basic: {
    verify: basic({ user: 'us', password: secret }),
    headers: { authorization: `Basic ${Buffer.from(`us:${secret}`).toString('base64')}` },
    body: '',
    unsignedBody: true,
  },
  header: {
    verify: header({ name: 'x-token', secret: 'hunter2' }),
    headers: { 'x-token': 'hunter2' },
    body: '',
    unsignedBody: true,
  },
  ip: {
    verify: ip({ ranges: ['198.51.100.7'], proxies: ['10.0.0.0/8'] }),
    headers: { 'x-forwarded-for': '198.51.100.7' },
    around: { remoteAddress: '10.1.2.3' },
    body: '',
    unsignedBody: true,
  },
  mtls: {
    verify: mtls({ proxies: ['10.0.0.0/8'], header: 'client-cert', fingerprints: fingerprint }),
    headers: { 'client-cert': fingerprint },
    around: { remoteAddress: '10.1.2.3' },
    body: '',
    unsignedBody: true,
  },
  all: {
    verify: all(github({ secret }), bearer({ token: 'x' })),
    headers: { 'x-hub-signature-256': `sha256=${mac(json, 'hex')}`, authorization: 'Bearer x' },
    body: json,
  },
}

async function outcome(verify: Verify, given: Given): Promise<'passed' | 'refused'> {
  const request = await toRequest({ url, ...given })
  try {
    const verdict = await verify(request)
    return verdict === false ? 'refused' : 'passed'
  } catch (error) {
    if (error instanceof VerificationError) return 'refused'
    throw error
  }
}

const whole = ({ headers, around, body }: Good): Given => ({
  ...around,
  headers: { ...around?.headers, ...headers },
  body,
})

/** What a header may hold. */
const headerValue = fc.oneof(
  fc.string({ maxLength: 200 }).map(text => text.replace(/[^\x20-\x7e]/g, '')),
  fc.constantFrom(
    '',
    ' ',
    ',',
    '=',
    'v1=',
    'v1,',
    'v0=',
    'sha256=',
    't=,v1=',
    'Bearer',
    'Basic',
    '::',
    '%00',
    '"',
  ),
  fc.string({ minLength: 8_000, maxLength: 9_000 }).map(text => text.replace(/[^\x20-\x7e]/g, 'x')),
)
const anyBody = fc.oneof(
  fc.uint8Array({ maxLength: 500 }),
  fc.json().map(text => Buffer.from(text)),
  fc
    .constantFrom(
      '{',
      '[]',
      'null',
      '{"signature":null}',
      '{"signature":{"timestamp":[],"token":{},"signature":1}}',
      'a=1&a=2&=&&',
      `a=${'b&'.repeat(2_000)}`,
      '['.repeat(5_000) + ']'.repeat(5_000),
      '{"a":'.repeat(5_000),
    )
    .map(text => Buffer.from(text)),
)
const contentType = fc.constantFrom(
  'application/json',
  urlencoded,
  'multipart/form-data; boundary=x',
  'text/plain',
  '',
)

/** Another character; not the same in upper case, which hex may be in. */
function changeCharacter(text: string, at: number, by: number): string {
  const index = at % text.length
  const printable = [...'0123456789abcdefghijklmnopqrstuvwxyz+/=,;.:-_ ']
  const before = text[index]?.toLowerCase()
  const others = printable.filter(character => character !== before)
  return `${text.slice(0, index)}${others[by % others.length]}${text.slice(index + 1)}`
}

/** A law that holds of some verifiers. */
const when =
  (applies: boolean) =>
  (law: string, test: () => Promise<void>): void => {
    if (applies) it(law, test)
  }

it('has a request for each verifier that there is', () => {
  const helpers = [
    'VerificationError',
    'VerificationUnavailableError',
    'handshakes',
    'readRequest',
    'verifyRequest',
  ]
  const verifiers = Object.keys(exported).filter(name => !helpers.includes(name))
  expect(verifiers.filter(name => !(name in goods))).toEqual([])
})

describe.each(Object.entries(goods))('%s', (name, good) => {
  const names = Object.keys(good.headers)
  const refused = async (given: Given) => expect(await outcome(good.verify, given)).toBe('refused')

  it('passes as it is', async () => {
    expect(await outcome(good.verify, whole(good))).toBe('passed')
  })

  when(names.length > 0)('does not pass with another character in a header', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.nat(500), fc.nat(500), async (name, at, by) => {
        const value = good.headers[name] ?? ''
        const changed = changeCharacter(value, at, by)
        fc.pre(changed.trim() !== value)
        await refused({ ...whole(good), headers: { ...whole(good).headers, [name]: changed } })
      }),
      { numRuns },
    )
  })

  when(names.length > 0)('does not pass with a header cut, repeated, left out or replaced', async () => {
    const change = fc.oneof(
      fc.nat(100).map(count => (value: string) => value.slice(0, Math.min(count, value.length - 1))),
      fc.constant((value: string) => [value, value]),
      fc.constant(() => []),
      headerValue.map(replaced => () => replaced),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), change, async (name, apply) => {
        const value = good.headers[name] ?? ''
        const changed = apply(value)
        fc.pre(changed !== value)
        // The same address twice is the same address, and the same signatures twice are the same signatures.
        fc.pre(
          !(
            Array.isArray(changed) &&
            changed.length === 2 &&
            /forwarded-for|(?:stripe|paddle|webhook|svix)-signature/.test(name)
          ),
        )
        await refused({ ...whole(good), headers: { ...whole(good).headers, [name]: changed } })
      }),
      { numRuns },
    )
  })

  when(good.unsignedBody !== true)('does not pass with another body', async () => {
    const bytes = Buffer.from(good.body)
    const flipped = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
      const body = Buffer.from(bytes)
      body[at] = (body[at] ?? 0) ^ by
      return body
    })
    const cut = fc.nat(bytes.length - 1).map(length => bytes.subarray(0, length))
    const longer = anyBody.filter(more => more.length > 0).map(more => Buffer.concat([bytes, more]))
    await fc.assert(
      fc.asyncProperty(fc.oneof(flipped, cut, longer, anyBody), async body => {
        fc.pre(!isSameForm(good, Buffer.from(body)))
        await refused({ ...whole(good), body })
      }),
      { numRuns },
    )
  })

  when(names.length > 1)('does not pass with what one header lacks in front of another', async () => {
    // What is signed is put together: its parts must not be able to lend each other anything.
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(names, { minLength: 2, maxLength: 2 }),
        fc.nat(40),
        async (pair, at) => {
          const [from = '', to = ''] = pair
          const [given = '', taken = ''] = [good.headers[from], good.headers[to]]
          const moved = given.slice(-(at % given.length) - 1)
          const headers = { [from]: given.slice(0, -moved.length), [to]: `${moved}${taken}` }
          await refused({ ...whole(good), headers: { ...whole(good).headers, ...headers } })
        },
      ),
      { numRuns },
    )
  })

  when(/^(hmac|square|twilio)$/.test(name))('does not pass under another URL', async () => {
    const others = ['https://hooks.example.com/r/other', 'https://hooks.example.com/r/x/../token?a=1']
    const other = fc.oneof(fc.constantFrom(...others, url.slice(0, -1), `${url}&b=1`, ''), fc.webUrl())
    await fc.assert(
      fc.asyncProperty(other, async target => {
        await refused({ ...whole(good), url: target })
      }),
      { numRuns },
    )
  })

  it('does not pass, and does not crash, whatever comes', async () => {
    const headers = fc.dictionary(fc.constantFrom(...names, 'content-type', 'webhook-id'), headerValue)
    await fc.assert(
      fc.asyncProperty(headers, contentType, anyBody, async (given, type, body) => {
        await refused({ ...good.around, headers: { 'content-type': type, ...given }, body })
      }),
      { numRuns },
    )
  })
})

/** Two bodies of a form are one form to who signs its fields. */
function isSameForm({ around, body }: Good, other: Buffer): boolean {
  if (around?.headers?.['content-type'] !== urlencoded) return false
  const fieldsOf = (text: string) => JSON.stringify([...new URLSearchParams(text)].sort())
  return fieldsOf(body) === fieldsOf(other.toString())
}

describe.each<[string, Handshake]>([
  ['slack', exported.handshakes.slack({ secret })],
  ['zoom', exported.handshakes.zoom({ secret })],
  ['meta', exported.handshakes.meta({ verifyToken: secret })],
  ['x', exported.handshakes.x({ secret })],
  ['webSub', exported.handshakes.webSub({ topics: 'https://example.com/feed' })],
  ['cloudEvents', exported.handshakes.cloudEvents({ origins: 'example.com' })],
])('the handshake of %s', (name, handshake) => {
  it('gives nothing away, and does not crash, whatever comes', async () => {
    const parameters = ['hub.mode', 'hub.challenge', 'hub.verify_token', 'hub.topic', 'crc_token', 'x']
    const query = fc.dictionary(
      fc.constantFrom(...parameters),
      fc.oneof(fc.string({ maxLength: 2_000 }), fc.constantFrom('subscribe', 'unsubscribe', 'denied')),
    )
    const headers = fc.dictionary(
      fc.constantFrom(
        'x-slack-signature',
        'x-slack-request-timestamp',
        'x-zm-signature',
        'x-zm-request-timestamp',
        'webhook-request-origin',
        'webhook-request-rate',
      ),
      headerValue,
    )
    const question = fc.constantFrom(
      Buffer.from('{"type":"url_verification","challenge":"c"}'),
      Buffer.from('{"event":"endpoint.url_validation","payload":{"plainToken":"p"}}'),
    )
    const method = fc.constantFrom('GET', 'OPTIONS', 'POST')
    await fc.assert(
      fc.asyncProperty(
        method,
        query,
        headers,
        fc.oneof(question, anyBody),
        async (asked, search, given, body) => {
          const target = `https://hooks.example.com/r/token?${new URLSearchParams(search)}`
          const request = await toRequest({ method: asked, url: target, headers: given, body })
          let answer: unknown
          try {
            answer = await handshake(request)
          } catch (error) {
            expect(error).toBeInstanceOf(VerificationError)
            return
          }
          // X signs nothing of its question: what it is answered is worth nothing without the secret.
          const status =
            answer instanceof Response ? answer.status : (answer as { status?: number } | undefined)?.status
          if (name !== 'x')
            expect(answer === undefined || (status ?? 200) >= 400 || isDenied(search)).toBe(true)
        },
      ),
      { numRuns },
    )
  })
})

/** A hub says that it will not send, and wants nothing but to be heard. */
function isDenied(search: Readonly<Record<string, string>>): boolean {
  return search['hub.mode'] === 'denied'
}
