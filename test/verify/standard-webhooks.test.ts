import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openai, replicate, standardWebhooks } from '../../src/verify/standard-webhooks.js'
import { refusalOf } from './support/refusal.js'
import { NOW, NOW_S, toRequest } from './support/request.js'

// The vectors that the specification's own libraries test with.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const publicKey = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4='
const privateKey =
  'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=='
const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const body = '{"test": 2432232314}'
const v1 = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
const v1a = 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=='

const otherSecret = `whsec_${Buffer.alloc(32, 'other').toString('base64')}`

function request(
  signature: string,
  given: { body?: string; prefix?: string; at?: number; id?: string; timestamp?: string } = {},
) {
  const { prefix = 'webhook' } = given
  return toRequest({
    body: given.body ?? body,
    headers: {
      [`${prefix}-id`]: given.id ?? id,
      [`${prefix}-timestamp`]: given.timestamp ?? String(NOW_S),
      [`${prefix}-signature`]: signature,
    },
    at: given.at ?? NOW,
  })
}

function signV1(key: string | Uint8Array, text = body): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${NOW_S}.${text}`).digest('base64')}`
}

describe('standardWebhooks', () => {
  it.each([
    ['an HMAC', secret, v1],
    ['an HMAC, the secret without its letters', secret.slice('whsec_'.length), v1],
    ['ed25519', publicKey, v1a],
  ])('passes what is signed with %s', async (_, key, signature) => {
    expect(standardWebhooks({ secret: key })(await request(signature))).toEqual({ deliveryId: id })
  })

  it('passes where one of several signatures matches, of whatever kind, and passes over kinds it does not know', async () => {
    const verify = standardWebhooks({ secret })
    const several = `v2,AAAA v1,AAAA ${v1a}  ${v1} v9`
    expect(verify(await request(several))).toEqual({ deliveryId: id })
    expect(standardWebhooks({ secret: publicKey })(await request(several))).toEqual({ deliveryId: id })
    expect(await refusalOf(verify, await request(`v2,AAAA v1 ${v1a}`))).toBe(
      "standardWebhooks: it has no signature of the kind that is checked: in the header webhook-signature or svix-signature, a value that begins with 'v1,' is missing",
    )
    const both = standardWebhooks({ secret: [secret, publicKey] })
    expect(await refusalOf(both, await request('v2,AAAA'))).toBe(
      "standardWebhooks: it has no signature of the kind that is checked: in the header webhook-signature or svix-signature, a value that begins with 'v1,' or 'v1a,' is missing",
    )
  })

  it('reads the headers by the names of Svix as well, and by ours first', async () => {
    const verify = standardWebhooks({ secret })
    expect(verify(await request(v1, { prefix: 'svix' }))).toEqual({ deliveryId: id })
    const both = await toRequest({
      body,
      headers: {
        'webhook-id': id,
        'webhook-timestamp': String(NOW_S),
        'webhook-signature': v1,
        'svix-id': 'another',
        'svix-timestamp': '1',
        'svix-signature': 'v1,AAAA',
      },
    })
    expect(verify(both)).toEqual({ deliveryId: id })
  })

  it.each([
    ['its body', { body: '{"test": 2432232315}' }],
    ['its id', { id: 'msg_p5jXN8AQM9LWM0D4loKWxJel' }],
    ['its timestamp', { timestamp: String(NOW_S + 1) }],
  ])('does not pass when %s was changed', async (_, changed) => {
    const mismatch =
      'standardWebhooks: its signature does not match: it was signed with another secret, or changed on the way'
    expect(await refusalOf(standardWebhooks({ secret }), await request(v1, changed))).toBe(mismatch)
    expect(await refusalOf(standardWebhooks({ secret: publicKey }), await request(v1a, changed))).toBe(
      mismatch,
    )
  })

  it.each([secret, publicKey])('does not pass without id or timestamp', async key => {
    const verify = standardWebhooks({ secret: key })
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': String(NOW_S),
      'webhook-signature': `${v1} ${v1a}`,
    }
    for (const variable of ['id', 'timestamp']) {
      const { [`webhook-${variable}`]: _, ...others } = headers as Record<string, string>
      expect(await refusalOf(verify, await toRequest({ body, headers: others }))).toBe(
        `standardWebhooks: it has no ${variable}: the header webhook-${variable} or svix-${variable} is missing`,
      )
    }
    expect(await refusalOf(verify, await toRequest({ body }))).toBe(
      'standardWebhooks: it has no signature: the header webhook-signature or svix-signature is missing',
    )
  })

  it('tolerates five minutes to either side, or what it is told', async () => {
    const at = (seconds: number) => request(v1, { at: NOW + seconds * 1_000 })
    const verify = standardWebhooks({ secret })
    expect(verify(await at(300))).toEqual({ deliveryId: id })
    expect(verify(await at(-300))).toEqual({ deliveryId: id })
    expect(await refusalOf(verify, await at(301))).toMatch(/its timestamp is 301 s behind our clock/)
    expect(await refusalOf(verify, await at(-301))).toMatch(/its timestamp is 301 s ahead of our clock/)
    expect(await refusalOf(standardWebhooks({ secret, tolerance: '10s' }), await at(11))).toMatch(/11 s/)
    expect(standardWebhooks({ secret, tolerance: false })(await at(10_000))).toEqual({ deliveryId: id })
  })

  it('lets several secrets in, of both kinds, and says when one was used that is retired', async () => {
    const verify = standardWebhooks({ secret: [otherSecret, secret, publicKey] })
    expect(verify(await request(v1))).toEqual({ deliveryId: id })
    expect(verify(await request(v1a))).toEqual({ deliveryId: id })
    for (const [retired, signature] of [
      [secret, v1],
      [[otherSecret, publicKey], `${v1a} v1,AAAA`],
    ] as const) {
      expect(
        await refusalOf(
          standardWebhooks({ secret: otherSecret, retired }),
          await request(`${signature} v1,AAAA`),
        ),
      ).toBe(
        'standardWebhooks: it is signed with a secret that is no longer accepted: its sender has not changed to the current one',
      )
    }
  })

  it('passes an ed25519 signature in its one writing alone', async () => {
    const verify = standardWebhooks({ secret: publicKey })
    const text = v1a.slice('v1a,'.length)
    const others = [
      text.replaceAll('+', '-').replaceAll('/', '_'),
      text.slice(0, -2),
      `${text}=`,
      `${text.slice(0, 20)}.${text.slice(20)}`,
      // The last digit says four bits that are nobody's.
      text.replace(/g==$/, 'h=='),
      Buffer.from(text, 'base64').subarray(0, 63).toString('base64'),
      Buffer.concat([Buffer.from(text, 'base64'), Buffer.from('x')]).toString('base64'),
      '',
    ]
    for (const other of others) {
      expect(await refusalOf(verify, await request(`v1a,${other}`))).toMatch(/does not match/)
    }
  })

  it('looks at four ed25519 signatures, because whoever calls says how many there are', async () => {
    const verify = standardWebhooks({ secret: publicKey })
    const wrong = `v1a,${Buffer.alloc(64).toString('base64')} `
    expect(verify(await request(wrong.repeat(3) + v1a))).toEqual({ deliveryId: id })
    expect(await refusalOf(verify, await request(wrong.repeat(4) + v1a))).toMatch(/does not match/)
  })

  it('does not take the key of an HMAC for a public key: who knows the public one signs nothing', async () => {
    const key = Buffer.from(publicKey.slice('whpk_'.length), 'base64')
    expect(await refusalOf(standardWebhooks({ secret: publicKey }), await request(signV1(key)))).toMatch(
      /a value that begins with 'v1a,' is missing/,
    )
    const { privateKey: another } = generateKeyPairSync('ed25519')
    const forged = sign(null, Buffer.from(`${id}.${NOW_S}.${body}`), another).toString('base64')
    expect(await refusalOf(standardWebhooks({ secret: publicKey }), await request(`v1a,${forged}`))).toMatch(
      /does not match/,
    )
  })

  it('passes empty bodies and such as are no text', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    for (const each of [new Uint8Array(), bytes]) {
      const signature = createHmac('sha256', key).update(`${id}.${NOW_S}.`).update(each).digest('base64')
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(NOW_S),
        'webhook-signature': `v1,${signature}`,
      }
      expect(standardWebhooks({ secret })(await toRequest({ body: each, headers }))).toEqual({
        deliveryId: id,
      })
    }
  })

  it.each([
    [privateKey, "is a private key, with which its owner signs; what verifies is the public one, 'whpk_…'"],
    ['', 'is empty: is the environment variable set?'],
    [`${secret}\n`, 'begins or ends with white space, such as the line break of a file'],
    [[], 'is an empty list, so that nothing could ever pass; give at least one'],
    [undefined, 'is undefined: is the environment variable set?'],
    ['whsec_hunter-2', "is not base64; a secret is 'whsec_' and random bytes in base64, with + and /"],
    ['whsec_', "is not base64; a secret is 'whsec_' and random bytes in base64, with + and /"],
    ['v1,whsec_', "is not base64; a secret is 'whsec_' and random bytes in base64, with + and /"],
    [`v1,${publicKey}`, "is not base64; a secret is 'whsec_' and random bytes in base64, with + and /"],
    [
      `v1,${secret.slice('whsec_'.length)}`,
      "is not base64; a secret is 'whsec_' and random bytes in base64, with + and /",
    ],
    [
      'whpk_hunter-2',
      "is not base64; a secret is 'whpk_' and the 32 bytes of a public key in base64, with + and /",
    ],
    [`whpk_${base64(31)}`, 'has 31 bytes behind its base64; an ed25519 public key has 32'],
    [`whpk_${base64(64)}`, 'has 64 bytes behind its base64; an ed25519 public key has 32'],
  ])('refuses the secret %j', (given, reason) => {
    const message = (act: () => unknown) => {
      try {
        act()
      } catch (error) {
        return error instanceof Error ? `${error.name}: ${error.message}` : ''
      }
      return 'nothing was thrown'
    }
    const refused = given as string
    expect(message(() => standardWebhooks({ secret: refused }))).toBe(
      `InvalidOptionsError: The verifier standardWebhooks: secret ${reason}`,
    )
    const retired = refused?.length === 0 ? [''] : (refused ?? '')
    expect(message(() => standardWebhooks({ secret, retired }))).toMatch(
      /^InvalidOptionsError: The verifier standardWebhooks: retired(?:\[0\])? /,
    )
  })

  it.each([1, 23, 65, 200])(
    'takes a secret of %i bytes: how long it is, its sender has decided',
    async length => {
      const verify = standardWebhooks({ secret: `whsec_${base64(length)}` })
      const key = Buffer.from(base64(length), 'base64')
      expect(verify(await request(signV1(key)))).toEqual({ deliveryId: id })
      expect(await refusalOf(verify, await request(v1))).toMatch(/does not match/)
    },
  )

  it('takes a secret as Supabase writes it', async () => {
    expect(standardWebhooks({ secret: `v1,${secret}` })(await request(v1))).toEqual({ deliveryId: id })
  })

  it('says which of several secrets is wrong, and quotes none', () => {
    expect(() => standardWebhooks({ secret: [secret, 'hunter-2'] })).toThrow(
      /secret\[1\] is not base64; (?!.*hunter)/,
    )
    expect(() => standardWebhooks({ secret, retired: [secret, 'hunter-2'] })).toThrow(
      /retired\[1\] is not base64/,
    )
  })

  it('refuses an option that there is not, and a tolerance that is none', () => {
    expect(() => standardWebhooks({ secret, ...{ tolerence: 1 } })).toThrow(
      "The verifier standardWebhooks has no option 'tolerence'; there are secret, retired, tolerance",
    )
    expect(() => standardWebhooks({ secret, tolerance: -1 })).toThrow(/standardWebhooks: tolerance/)
  })
})

describe('openai', () => {
  it('passes what is signed as Standard Webhooks, whatever way the secret is written', async () => {
    expect(openai({ secret })(await request(v1))).toEqual({ deliveryId: id })
    const text = 'a secret of mine, é'
    expect(openai({ secret: text })(await request(signV1(text)))).toEqual({ deliveryId: id })
    // What is no `whsec_…` is not base64.
    const bare = secret.slice('whsec_'.length)
    expect(openai({ secret: bare })(await request(signV1(bare)))).toEqual({ deliveryId: id })
  })

  it('says that a secret may be the wrong one by how it begins', async () => {
    const mismatch =
      'openai: its signature does not match: it was signed with another secret, or changed on the way'
    expect(await refusalOf(openai({ secret: 'hunter2' }), await request(v1))).toBe(
      `${mismatch}; the secret does not begin with 'whsec_', as signing secrets of this provider do`,
    )
    expect(await refusalOf(openai({ secret: [otherSecret, 'hunter2'] }), await request(v1))).toBe(
      `${mismatch}; one of the secrets does not begin with 'whsec_', as signing secrets of this provider do`,
    )
    expect(await refusalOf(openai({ secret: otherSecret }), await request(v1))).toBe(mismatch)
  })

  it.each(['sk-proj-hunter2', publicKey, privateKey])('refuses %s, which is another credential', given => {
    expect(() => openai({ secret: [secret, given] })).toThrow(
      "The verifier openai: secret is an API key or an ed25519 key, by what it begins with; give the signing secret of the webhook, 'whsec_…'",
    )
  })

  it.each(['my-sk-secret', `my${publicKey}`, `my${privateKey}`])(
    'takes %s, which only holds what another credential begins with',
    async given => {
      expect(openai({ secret: given })(await request(signV1(given)))).toEqual({ deliveryId: id })
    },
  )

  it('refuses what is not base64 behind whsec_', () => {
    expect(() => openai({ secret: 'whsec_hunter-2' })).toThrow(/openai: secret is not base64/)
  })
})

describe('replicate', () => {
  it('passes what is signed as Standard Webhooks', async () => {
    expect(replicate({ secret })(await request(v1))).toEqual({ deliveryId: id })
    expect(await refusalOf(replicate({ secret }), await request(v1, { body: '' }))).toMatch(
      /^replicate: its signature does not match/,
    )
  })

  it.each(['r8_hunter2', secret.slice('whsec_'.length), publicKey])(
    'refuses %s, which is no whsec_',
    given => {
      expect(() => replicate({ secret: given })).toThrow(
        "The verifier replicate: secret does not begin with 'whsec_'; give what GET /v1/webhooks/default/secret answers as key, and no API token",
      )
    },
  )
})

function base64(length: number): string {
  return Buffer.alloc(length, 'hunter2').toString('base64')
}
