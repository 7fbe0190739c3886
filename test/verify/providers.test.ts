import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Verify } from '../../src/model/code.js'
import { handshakes } from '../../src/verify/handshakes.js'
import { github, line, meta, shopify, square, x } from '../../src/verify/hmac-providers.js'
import type { SecretOptions, TimedSecretOptions, UrlSecretOptions } from '../../src/verify/provider.js'
import { linear, paddle, slack, stripe, zoom } from '../../src/verify/timed-providers.js'
import { refusalOf } from './support/refusal.js'
import { type Given, NOW, NOW_S, toRequest } from './support/request.js'

const url = 'https://hooks.example.com/r/token'

interface Case {
  readonly name: string
  readonly provider: (options: TimedSecretOptions & UrlSecretOptions) => Verify
  readonly secret: string
  /** What is told to whoever gives another credential. */
  readonly instead?: string
  /** Another credential of the same provider. */
  readonly mistaken: readonly (readonly [credential: string, message: string])[]
  readonly body: string
  /** Signed by hand, as the documentation of the provider says it. */
  readonly sign: (secret: string, body: string, timestampS?: number) => Record<string, string>
  readonly deliveryId?: string
  readonly toleranceS?: number
}

const hex = (secret: string, content: string) => createHmac('sha256', secret).update(content).digest('hex')
const base64 = (secret: string, content: string) =>
  createHmac('sha256', secret).update(content).digest('base64')

const untimed: readonly Case[] = [
  {
    name: 'github',
    provider: github as (options: SecretOptions) => Verify,
    secret: 'whatever I wrote',
    instead: 'the secret that you have written into the settings of the webhook',
    mistaken: [
      ['ghp_hunter2', 'an access token'],
      ['ghs_hunter2', 'an access token'],
      ['github_pat_hunter2', 'an access token'],
    ],
    body: '{"action":"opened"}',
    sign: (secret, body) => ({
      'X-Hub-Signature-256': `sha256=${hex(secret, body)}`,
      'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    }),
    deliveryId: '72d3162e-cc78-11e3-81ab-4c9367dc0958',
  },
  {
    name: 'shopify',
    provider: shopify as (options: SecretOptions) => Verify,
    secret: 'shpss_hunter2',
    instead: "the app's client secret, 'shpss_…' or 32 hexadecimal digits",
    mistaken: [
      ['shpat_hunter2', 'an access token'],
      ['shpca_hunter2', 'an access token'],
    ],
    body: '{"id":820982911946154508}',
    sign: (secret, body) => ({
      'X-Shopify-Hmac-SHA256': base64(secret, body),
      'X-Shopify-Webhook-Id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
      // Of an order that is paid, orders/create and orders/paid have the same.
      'X-Shopify-Event-Id': '98880550-7158-44d4-b7cd-2c97c8a091b5',
    }),
    deliveryId: 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
  },
  {
    name: 'meta',
    provider: meta as (options: SecretOptions) => Verify,
    secret: '9b0e4b2c5f0d4e3a8c1d2e3f4a5b6c7d',
    instead: 'the app secret, from the basic settings of the app',
    mistaken: [['EAAhunter2', 'an access token']],
    body: '{"entry":[{"text":"\\u00e4"}]}',
    sign: (secret, body) => ({ 'X-Hub-Signature-256': `sha256=${hex(secret, body)}` }),
  },
  {
    name: 'line',
    provider: line as (options: SecretOptions) => Verify,
    secret: '8c570fa6dd201bb328f1c1eac23a96d8',
    mistaken: [],
    body: '{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}',
    sign: (secret, body) => ({ 'x-line-signature': base64(secret, body) }),
  },
  {
    name: 'x',
    provider: x as (options: SecretOptions) => Verify,
    secret: 'a consumer secret',
    mistaken: [],
    body: '{"for_user_id":"2244994945","tweet_create_events":[]}',
    sign: (secret, body) => ({ 'x-twitter-webhooks-signature': `sha256=${base64(secret, body)}` }),
  },
  {
    name: 'square',
    provider: square as (options: UrlSecretOptions) => Verify,
    secret: 'asdf1234',
    instead: 'the signature key of the webhook subscription',
    mistaken: [
      ['sq0atp-hunter2', 'an access token or the id of an application'],
      ['sq0csp-hunter2', 'an access token or the id of an application'],
      [`EAAA${'x'.repeat(60)}`, 'an access token or the id of an application'],
    ],
    body: '{"event_id":"bc316346-6691-4243-88ed-6d651a0d0c47"}',
    sign: (secret, body) => ({ 'x-square-hmacsha256-signature': base64(secret, url + body) }),
    deliveryId: 'bc316346-6691-4243-88ed-6d651a0d0c47',
  },
]

const timed: readonly Case[] = [
  {
    name: 'stripe',
    provider: stripe as (options: TimedSecretOptions) => Verify,
    secret: 'whsec_hunter2',
    instead: "the signing secret of the webhook endpoint, 'whsec_…'",
    mistaken: [
      ['sk_test_hunter2', 'an API key'],
      ['rk_live_hunter2', 'an API key'],
      ['pk_live_hunter2', 'an API key'],
    ],
    body: '{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event"}',
    sign: (secret, body, timestamp = NOW_S) => ({
      'Stripe-Signature': `t=${timestamp},v1=${hex(secret, `${timestamp}.${body}`)},v0=6ffbb59b2300aae63f27`,
    }),
    deliveryId: 'evt_1NG8Du2eZvKYlo2CUI79vXWy',
    toleranceS: 300,
  },
  {
    name: 'slack',
    provider: slack as (options: TimedSecretOptions) => Verify,
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    instead: 'the signing secret, from the basic information of the app',
    mistaken: [
      ['xoxb-hunter2', 'a token'],
      ['xoxe.xoxp-hunter2', 'a token'],
      ['xapp-hunter2', 'a token'],
    ],
    body: '{"type":"event_callback","event_id":"Ev08MFMKH6"}',
    sign: (secret, body, timestamp = NOW_S) => ({
      'X-Slack-Signature': `v0=${hex(secret, `v0:${timestamp}:${body}`)}`,
      'X-Slack-Request-Timestamp': String(timestamp),
    }),
    deliveryId: 'Ev08MFMKH6',
    toleranceS: 300,
  },
  {
    name: 'zoom',
    provider: zoom as (options: TimedSecretOptions) => Verify,
    secret: 'hunter2-token',
    mistaken: [],
    body: '{"event":"meeting.started"}',
    sign: (secret, body, timestamp = NOW_S) => ({
      'x-zm-signature': `v0=${hex(secret, `v0:${timestamp}:${body}`)}`,
      'x-zm-request-timestamp': String(timestamp),
    }),
    toleranceS: 300,
  },
  {
    name: 'paddle',
    provider: paddle as (options: TimedSecretOptions) => Verify,
    secret: 'pdl_ntfset_hunter2',
    instead: "the secret key of the notification destination, 'pdl_ntfset_…'",
    mistaken: [
      ['pdl_live_apikey_hunter2', 'an API key'],
      ['pdl_sdbx_apikey_hunter2', 'an API key'],
    ],
    body: '{"event_id":"evt_01","notification_id":"ntf_01h8bzam1z32agrxjwhjgqk8w6"}',
    sign: (secret, body, timestamp = NOW_S) => ({
      'Paddle-Signature': `ts=${timestamp};h1=${hex(secret, `${timestamp}:${body}`)};h1=${'0'.repeat(64)}`,
    }),
    deliveryId: 'ntf_01h8bzam1z32agrxjwhjgqk8w6',
    toleranceS: 5,
  },
  {
    name: 'linear',
    provider: linear as (options: TimedSecretOptions) => Verify,
    secret: 'lin_wh_hunter2',
    instead: "the signing secret of the webhook, 'lin_wh_…'",
    mistaken: [
      ['lin_api_hunter2', 'an API key'],
      ['lin_oauth_hunter2', 'an API key'],
    ],
    body: `{"action":"create","webhookTimestamp":${NOW}}`,
    sign: (secret, body) => ({
      'Linear-Signature': hex(secret, body),
      'Linear-Delivery': '234d1a4e-b617-4388-90fe-adc3633d6b72',
    }),
    deliveryId: '234d1a4e-b617-4388-90fe-adc3633d6b72',
    toleranceS: 60,
  },
]

function caseOf(name: string): Case {
  const found = timed.find(one => one.name === name)
  if (found === undefined) throw new Error(`There is no ${name}`)
  return found
}

const mismatch = /its signature does not match: it was signed with another secret, or changed on the way/

describe.each([...untimed, ...timed])(
  '$name',
  ({ name, provider, secret, instead = '', mistaken, body, sign, deliveryId }) => {
    const passed = deliveryId === undefined ? true : { deliveryId }
    const requestOf = (headers: Record<string, string>, given: Given = {}) =>
      toRequest({ body, url, headers, ...given })

    it('passes what is signed with the secret, and knows a repetition by its id', async () => {
      expect(provider({ secret })(await requestOf(sign(secret, body)))).toEqual(passed)
      expect(provider({ secret: ['another', secret] })(await requestOf(sign(secret, body)))).toEqual(passed)
    })

    it('does not pass what was changed, or is signed with another secret', async () => {
      const verify = provider({ secret })
      expect(await refusalOf(verify, await requestOf(sign(secret, body), { body: `${body}x` }))).toMatch(
        mismatch,
      )
      expect(await refusalOf(verify, await requestOf(sign('another', body)))).toMatch(mismatch)
      expect(await refusalOf(verify, await requestOf({}))).toMatch(
        new RegExp(`^${name}: it has no signature: the header [a-z0-9-]+(?: or [a-z0-9-]+)? is missing$`),
      )
    })

    it('says when a secret was used that is retired', async () => {
      const verify = provider({ secret: 'another', retired: secret })
      expect(await refusalOf(verify, await requestOf(sign(secret, body)))).toBe(
        `${name}: it is signed with a secret that is no longer accepted: its sender has not changed to the current one`,
      )
    })

    it.each(mistaken)('refuses %s in place of the secret', (credential, what) => {
      expect(() => provider({ secret: credential })).toThrow(
        `The verifier ${name}: secret is ${what}, by what it begins with; give ${instead}`,
      )
      expect(() => provider({ secret: [secret, credential] })).toThrow(/^(?!.*hunter2)/)
    })

    it.each(mistaken)('takes a secret in which %s only stands further on', async credential => {
      const own = `my${credential}`
      expect(provider({ secret: own })(await requestOf(sign(own, body)))).toEqual(passed)
    })

    it('refuses an empty secret, and an option that there is not', () => {
      expect(() => provider({ secret: '' })).toThrow(`The verifier ${name}: secret is empty`)
      expect(() => provider({ secret, retired: [''] })).toThrow(`The verifier ${name}: retired[0] is empty`)
      expect(() => provider({ secret, ...{ secrets: 'x' } })).toThrow(
        `The verifier ${name} has no option 'secrets'; there are secret, retired`,
      )
    })
  },
)

describe.each(untimed.filter(({ name }) => name !== 'square'))('$name', ({ name, provider, secret }) => {
  it('has no tolerance, because it signs no time', () => {
    expect(() => provider({ secret, tolerance: '1m' })).toThrow(
      `The verifier ${name} has no option 'tolerance'; there are secret, retired`,
    )
  })
})

describe.each(timed)('$name', ({ provider, secret, body, sign, toleranceS = 0, deliveryId }) => {
  const passed = deliveryId === undefined ? true : { deliveryId }
  const at = (seconds: number) =>
    toRequest({ body, url, headers: sign(secret, body), at: NOW + seconds * 1_000 })

  it(`tolerates ${toleranceS} s to either side, or what it is told`, async () => {
    const verify = provider({ secret })
    expect(verify(await at(toleranceS))).toEqual(passed)
    expect(verify(await at(-toleranceS))).toEqual(passed)
    expect(await refusalOf(verify, await at(toleranceS + 1))).toMatch(`${toleranceS + 1} s behind our clock`)
    expect(await refusalOf(verify, await at(-toleranceS - 1))).toMatch(
      `${toleranceS + 1} s ahead of our clock`,
    )
    const strict = provider({ secret, tolerance: '2s' })
    expect(strict(await at(2))).toEqual(passed)
    expect(await refusalOf(strict, await at(3))).toMatch('3 s behind our clock')
    expect(provider({ secret, tolerance: false })(await at(1_000_000))).toEqual(passed)
  })
})

it.each([
  ['stripe', 'whsec_'],
  ['paddle', 'pdl_ntfset_'],
  ['linear', 'lin_wh_'],
])('%s says that the secret may be the wrong one when it does not begin with %s', async (name, begins) => {
  const { provider, secret, body, sign } = caseOf(name)
  const request = await toRequest({ body, url, headers: sign('another', body) })
  const hint = `; the secret does not begin with '${begins}', as signing secrets of this provider do`
  expect(await refusalOf(provider({ secret: 'hunter2' }), request)).toMatch(new RegExp(`way${hint}$`))
  expect(await refusalOf(provider({ secret }), request)).toMatch(/way$/)
})

it('knows no repetition where the id is missing', async () => {
  const form = 'payload=%7B%22type%22%3A%22block_actions%22%7D'
  for (const { name, provider, secret, sign } of [...untimed, ...timed]) {
    const bodies: Record<string, string> = { linear: `{"webhookTimestamp":${NOW}}`, x: '{}' }
    const body = bodies[name] ?? form
    const {
      'X-GitHub-Delivery': _,
      'X-Shopify-Webhook-Id': __,
      'Linear-Delivery': ___,
      ...headers
    } = sign(secret, body)
    expect(provider({ secret })(await toRequest({ body, url, headers }))).toBe(true)
  }
})

it('shopify passes what comes from a subscription to its Events, under names of their own', async () => {
  const secret = 'shpss_hunter2'
  const body = '{"id":820982911946154508}'
  const headers = {
    'shopify-hmac-sha256': base64(secret, body),
    'shopify-webhook-id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
    'shopify-event-id': '98880550-7158-44d4-b7cd-2c97c8a091b5',
  }
  const verify = shopify({ secret })
  expect(verify(await toRequest({ body, headers }))).toEqual({ deliveryId: headers['shopify-webhook-id'] })
  expect(await refusalOf(verify, await toRequest({ body: `${body}x`, headers }))).toMatch(mismatch)
  expect(await refusalOf(verify, await toRequest({ body }))).toBe(
    'shopify: it has no signature: the header x-shopify-hmac-sha256 or shopify-hmac-sha256 is missing',
  )
})

it('linear does not pass without a timestamp in its body', async () => {
  const { secret, sign } = caseOf('linear')
  const request = await toRequest({ body: '{}', headers: sign(secret, '{}') })
  expect(await refusalOf(linear({ secret }), request)).toBe('linear: it is signed, but has no timestamp')
})

describe('x', () => {
  const secret = 'a consumer secret'
  const noEvent = 'x: it is signed, but is no event, which is a JSON object: its body does not begin with {'

  it.each(['true', '12345', 'event=paid', 'MTYxNDI2NTMzMA.x-_~+/='])(
    'does not pass %j with the signature that anybody gets from the handshake',
    async token => {
      const question = await toRequest({
        method: 'GET',
        url: `${url}?${new URLSearchParams({ crc_token: token })}`,
      })
      const answer = await handshakes.x({ secret })(question)
      const [, signature = ''] = /^\{"response_token":"(.+)"\}$/.exec((await answer?.text()) ?? '') ?? []
      const headers = { 'x-twitter-webhooks-signature': signature }
      expect(await refusalOf(x({ secret }), await toRequest({ body: token, url, headers }))).toBe(noEvent)
      expect(
        await refusalOf(x({ secret: 'another' }), await toRequest({ body: token, url, headers })),
      ).toMatch(mismatch)
    },
  )

  it.each(['', '[{}]', ' {}', '\ufeff{}'])('does not pass %j, however it is signed', async body => {
    const headers = { 'x-twitter-webhooks-signature': `sha256=${base64(secret, body)}` }
    expect(await refusalOf(x({ secret }), await toRequest({ body, url, headers }))).toBe(noEvent)
  })
})

describe('square', () => {
  const secret = 'asdf1234'
  const body = '{"hello":"world"}'
  const signature = '2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og='
  const signedFor = 'https://example.com/webhook'
  const from = (calledAt: string) =>
    toRequest({ body, url: calledAt, headers: { 'x-square-hmacsha256-signature': signature } })

  it('passes what Square gives as its example, for that URL alone', async () => {
    expect(square({ secret })(await from(signedFor))).toBe(true)
    expect(await refusalOf(square({ secret }), await from(`${signedFor}/`))).toBe(
      'square: its signature does not match: it was signed with another secret, or changed on the way, or was called under another URL than we think',
    )
    expect(await refusalOf(square({ secret }), await from(''))).toBe(
      'square: its URL is part of what is signed, and is not known here: pass url, with scheme and host',
    )
  })

  it('takes the URL that Square knows, where it is not ours', async () => {
    expect(square({ secret, url: signedFor })(await from(url))).toBe(true)
    expect(square({ secret, url: signedFor })(await from(''))).toBe(true)
    const forwarded = square({ secret, url: request => request.url.replace('https://new.', 'https://') })
    expect(forwarded(await from('https://new.example.com/webhook'))).toBe(true)
    expect(await refusalOf(forwarded, await from('https://new.example.com/other'))).toMatch(mismatch)
    expect(await refusalOf(square({ secret, url: () => '' }), await from(signedFor))).toMatch(/pass url/)
  })

  it('takes a secret that begins like an access token and is longer than one', async () => {
    const long = `EAAA${'x'.repeat(61)}`
    const headers = { 'x-square-hmacsha256-signature': base64(long, url + body) }
    expect(square({ secret: long })(await toRequest({ body, url, headers }))).toBe(true)
  })

  it('does not pass without a body: all of one may have been moved into the URL', async () => {
    const moved = signedFor + body
    const headers = { 'x-square-hmacsha256-signature': signature }
    const reason = 'square: it is signed, but has no body: somebody may have moved that into its URL'
    expect(await refusalOf(square({ secret }), await toRequest({ body: '', url: moved, headers }))).toBe(
      reason,
    )
    // Where the URL is known, nothing can be moved into it.
    const fixed = square({ secret, url: signedFor })
    expect(await refusalOf(fixed, await toRequest({ body: '', url: moved, headers }))).toMatch(mismatch)
  })

  it.each(['/webhook', 'example.com', '', 7, null, new URL(signedFor)])(
    'refuses %j, which is no URL',
    given => {
      expect(() => square({ secret, url: given as string })).toThrow(
        "The verifier square: url must be the whole URL that the provider calls, such as 'https://example.com/hook', or a function of the request that returns it",
      )
    },
  )
})

it('slack passes what Slack gives as its example', async () => {
  const request = await toRequest({
    at: 1_531_420_618_000,
    body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    headers: {
      'X-Slack-Request-Timestamp': '1531420618',
      'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    },
  })
  expect(slack({ secret: '8f742231b10e8888abcd99yyyzzz85a5' })(request)).toBe(true)
})

it.each([
  [
    github,
    'github',
    'x-hub-signature-256',
    'sha256=00',
    'a sha256 in hex (64 characters are needed, it has 2)',
  ],
  [
    shopify,
    'shopify',
    'x-shopify-hmac-sha256',
    '0'.repeat(64),
    'a sha256 in base64 (44 characters are needed, it has 64)',
  ],
])('says that something else has signed it: %#', async (provider, name, header, signature, what) => {
  const request = await toRequest({ body: '{}', url, headers: { [header]: signature } })
  expect(await refusalOf(provider({ secret: 'hunter2' }), request)).toBe(
    `${name}: its signature cannot be ${what}: something else than ${name} has signed it`,
  )
})

it('has a unit that is not for its users to set', async () => {
  const { provider, secret, body, sign } = caseOf('stripe')
  const request = await toRequest({ body, url, headers: sign(secret, body, NOW) })
  expect(await refusalOf(provider({ secret }), request)).toMatch(/s ahead of our clock, and 5m are tolerated/)
})
