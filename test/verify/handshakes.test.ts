import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, VerificationError } from '../../src/errors.js'
import type { ProviderHandshake } from '../../src/verify/handshakes/answer.js'
import { handshakes } from '../../src/verify/handshakes.js'
import { type Given, NOW, NOW_S, toRequest } from './support/request.js'

const URL_OF_OURS = 'https://hooks.example.com/r/token'

async function ask(handshake: ProviderHandshake, given: Given): Promise<Response | undefined> {
  return handshake(await toRequest(given))
}

/** What reads whoever asks. */
async function read(handshake: ProviderHandshake, given: Given) {
  const answer = await ask(handshake, given)
  return (
    answer && {
      status: answer.status,
      type: answer.headers.get('content-type'),
      nosniff: answer.headers.get('x-content-type-options'),
      text: await answer.text(),
    }
  )
}

async function reasonOf(handshake: ProviderHandshake, given: Given): Promise<string> {
  const request = await toRequest(given)
  const error: unknown = await Promise.resolve()
    .then(() => handshake(request))
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(VerificationError)
  return error instanceof Error ? error.message : ''
}

const toGet = (query: Record<string, string>): Given => ({
  method: 'GET',
  url: `${URL_OF_OURS}?${new URLSearchParams(query)}`,
})
const echoed = (text: string) => ({
  status: 200,
  type: 'text/plain; charset=utf-8',
  nosniff: 'nosniff',
  text,
})

/** What JavaScript lets through. */
const untyped = <T>(options: unknown) => options as T

describe('slack', () => {
  const SECRET = '8f742231b10e8888abcd99yyyzzz85a5'
  const slack = () => handshakes.slack({ secret: SECRET })
  const question: Given = {
    body: '{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}',
    headers: {
      'x-slack-request-timestamp': '1614265330',
      'x-slack-signature': 'v0=68a534a1c453382e0be380449c44ddbde4c09d9e522127f7cd5d47b9e166ea8b',
    },
  }
  /** As Slack signs whatever this is. */
  const signed = (body: string) => ({
    body,
    headers: toSlackHeaders(SECRET, body),
  })

  it('reads the challenge of a question that is signed', async () => {
    expect(await read(slack(), question)).toEqual(
      echoed('3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P'),
    )
  })

  it('may be asked again, with another spelling of the same JSON', async () => {
    const body = '{ "type" :\t"url_verification", "challenge": "c" }'
    expect(await read(slack(), signed(body))).toEqual(echoed('c'))
  })

  it.each<readonly [string, Given, string]>([
    ['without a signature', { ...question, headers: {} }, 'slack: it has no signature'],
    [
      'with another body',
      { ...question, body: '{"challenge":"<x>","type":"url_verification"}' },
      'slack: its signature does not match',
    ],
    ['5 min and 1 ms old', { ...question, at: NOW + 300_001 }, 'slack: it is signed, but its timestamp'],
    ['without a challenge', signed('{"type":"url_verification"}'), 'its challenge is missing'],
    ['with an empty challenge', signed('{"type":"url_verification","challenge":""}'), 'challenge is missing'],
    [
      'with a challenge that is no text',
      signed('{"type":"url_verification","challenge":[1]}'),
      'its challenge is missing',
    ],
    [
      'with a challenge of 1025 bytes',
      signed(`{"type":"url_verification","challenge":"${'x'.repeat(1_023)}ä"}`),
      'its challenge has 1025 bytes, and 1024 are sent back',
    ],
  ])('is refused %s', async (_, given, reason) => {
    expect(await reasonOf(slack(), given)).toContain(reason)
  })

  it('takes a challenge of 1024 bytes, and what is 5 min old', async () => {
    const challenge = `${'x'.repeat(1_022)}ä`
    const given = signed(`{"type":"url_verification","challenge":"${challenge}"}`)
    expect(await read(slack(), given)).toEqual(echoed(challenge))
    expect((await ask(slack(), { ...question, at: NOW + 300_000 }))?.status).toBe(200)
  })

  it.each<readonly [string, Given]>([
    ['an event', signed('{"type":"event_callback"}')],
    ['an event about one', signed('{"type":"event_callback","event":{"type":"url_verification"}}')],
    ['a list that holds one', signed('[{"type":"url_verification"}]')],
    ['what is no JSON', signed('"type":"url_verification"')],
    ['JSON that only mentions it', signed(JSON.stringify('"type":"url_verification"'))],
    ['another method', { ...question, method: 'PUT' }],
    ['what is too large for a question', { body: `{"type":"url_verification"${' '.repeat(8_192)}}` }],
    ['an event that nobody signed', { body: '{"type":"event_callback"}' }],
  ])('passes on %s', async (_, given) => {
    expect(await ask(slack(), given)).toBeUndefined()
  })

  it('looks at a question of 8 KiB', async () => {
    const body = `{"type":"url_verification"${' '.repeat(8_192 - 27)}}`
    expect(body).toHaveLength(8_192)
    expect(await reasonOf(slack(), { body })).toContain('it has no signature')
  })

  it('needs no promise to tell an event', async () => {
    expect(slack()(await toRequest({ body: '{}' }))).toBeUndefined()
  })

  it('tells of a secret that is no longer accepted, and heeds the tolerance', async () => {
    const changed = handshakes.slack({ secret: 'another', retired: SECRET, tolerance: '1s' })
    expect(await reasonOf(changed, question)).toContain('is no longer accepted')
    const strict = handshakes.slack({ secret: SECRET, tolerance: '1s' })
    expect(await reasonOf(strict, { ...question, at: NOW + 1_001 })).toContain('1 s behind our clock')
  })
})

describe('zoom', () => {
  const question: Given = {
    body: '{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,"event":"endpoint.url_validation"}',
  }
  const headers = { 'x-zm-request-timestamp': '1614265330' }
  const byA: Given = {
    ...question,
    headers: {
      ...headers,
      'x-zm-signature': 'v0=e59b32daa8a4f27b00b45889ff0a9ad62181e5e5008082b625a64ec733dc0fb2',
    },
  }
  const byB: Given = {
    ...question,
    headers: {
      ...headers,
      'x-zm-signature': 'v0=52506e9665d1db60d8872f4f29c270e13e72f050ddad6b2bfc8c00c9a67a917a',
    },
  }
  const encryptedA = '7d482166a9e74f2d4e4b33cc9e2d775a6dd92523ada6ccadf19138acfba90c1a'
  const encryptedB = 'a7f57220620b6846f1cf662abac3ca138856c6910a5b23f24efe4a147214ff7a'
  const zoom = () => handshakes.zoom({ secret: 'zoom-secret-a' })
  const signed = (body: string): Given => {
    const { 'x-slack-signature': signature } = toSlackHeaders('zoom-secret-a', body)
    return { body, headers: { ...headers, 'x-zm-signature': signature } }
  }

  it('reads the token, and the token signed', async () => {
    expect(await read(zoom(), byA)).toEqual({
      status: 200,
      type: 'application/json',
      nosniff: 'nosniff',
      text: `{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"${encryptedA}"}`,
    })
  })

  it('of several secrets reads it signed with the one that it asked with', async () => {
    const both = handshakes.zoom({ secret: ['zoom-secret-a', 'zoom-secret-b'] })
    const tokens = [await read(both, byA), await read(both, byB)].map(answer => answer?.text)
    expect(tokens).toEqual([expect.stringContaining(encryptedA), expect.stringContaining(encryptedB)])
  })

  it.each<readonly [string, Given, string]>([
    ['without a signature', question, 'zoom: it has no signature'],
    ['with another secret', byB, 'zoom: its signature does not match'],
    ['too late', { ...byA, at: NOW - 300_001 }, 'ahead of our clock'],
    ['without a token', signed('{"event":"endpoint.url_validation"}'), 'its plainToken is missing'],
    [
      'with a payload that is none',
      signed('{"event":"endpoint.url_validation","payload":null}'),
      'its plainToken is missing',
    ],
    [
      'with a token that is too long',
      signed(`{"event":"endpoint.url_validation","payload":{"plainToken":"${'x'.repeat(1_025)}"}}`),
      'its plainToken has 1025 bytes',
    ],
  ])('is refused %s', async (_, given, reason) => {
    expect(await reasonOf(zoom(), given)).toContain(reason)
  })

  it.each<readonly [string, Given]>([
    ['an event', signed('{"event":"meeting.started"}')],
    ['an event about one', signed('{"event":"x","payload":{"event":"endpoint.url_validation"}}')],
    ['another method', { ...byA, method: 'GET' }],
  ])('passes on %s', async (_, given) => {
    expect(await ask(zoom(), given)).toBeUndefined()
  })

  it('tells of a secret that is no longer accepted', async () => {
    const changed = handshakes.zoom({ secret: 'zoom-secret-b', retired: 'zoom-secret-a' })
    expect(await reasonOf(changed, byA)).toContain('is no longer accepted')
  })

  it('of several secrets tells why none of them has signed it, each reason once', async () => {
    const both = handshakes.zoom({ secret: ['zoom-secret-a', 'zoom-secret-b', 'c'] })
    const reasons = (await reasonOf(both, { ...byA, at: NOW + 301_000 })).split('; ')
    expect(reasons).toEqual([
      expect.stringMatching(/^zoom: it is signed, but its timestamp is 301 s behind our clock/),
      'zoom: its signature does not match: it was signed with another secret, or changed on the way',
    ])
    const changed = handshakes.zoom({ secret: ['zoom-secret-b', 'c'], retired: 'zoom-secret-a' })
    expect((await reasonOf(changed, byA)).split('; ')).toEqual([
      expect.stringContaining('is no longer accepted'),
    ])
  })

  it('computes the signature of a question once for each secret at the most', async () => {
    const computed: string[] = []
    const request = await toRequest(byB)
    const counted = new Proxy(request, {
      get(target, name) {
        if (name === 'receivedAt') computed.push(String(name))
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const both = handshakes.zoom({ secret: ['zoom-secret-a', 'zoom-secret-b'] })
    expect((await both(counted))?.status).toBe(200)
    expect(computed).toEqual(['receivedAt', 'receivedAt']) // which is looked at once for each verdict
  })

  it('tolerates what it is told to', async () => {
    const lenient = handshakes.zoom({ secret: 'zoom-secret-a', tolerance: false })
    expect((await ask(lenient, { ...byA, at: NOW + 1e9 }))?.status).toBe(200)
  })
})

describe('meta', () => {
  const meta = () => handshakes.meta({ verifyToken: ['mytoken', 'next'] })
  const question = {
    'hub.mode': 'subscribe',
    'hub.verify_token': 'mytoken',
    'hub.challenge': '1158201444',
  }

  it('reads the challenge, with each of the tokens', async () => {
    expect(await read(meta(), toGet(question))).toEqual(echoed('1158201444'))
    expect((await ask(meta(), toGet({ ...question, 'hub.verify_token': 'next' })))?.status).toBe(200)
  })

  it.each<readonly [string, Record<string, string>, string]>([
    ['with another token', { ...question, 'hub.verify_token': 'mytoken2' }, 'meta: it asks with another'],
    ['with an empty token', { ...question, 'hub.verify_token': '' }, 'meta: it asks with another'],
    [
      'without a token',
      { 'hub.mode': 'subscribe', 'hub.challenge': 'c' },
      'meta: it asks, but its hub.verify_token is missing',
    ],
    [
      'without a challenge',
      { 'hub.mode': 'subscribe', 'hub.verify_token': 'mytoken' },
      'meta: it asks, but its hub.challenge is missing',
    ],
    [
      'with one too long',
      { ...question, 'hub.challenge': 'x'.repeat(1_025) },
      'hub.challenge has 1025 bytes',
    ],
  ])('is refused %s', async (_, query, reason) => {
    const told = await reasonOf(meta(), toGet(query))
    expect(told).toContain(reason)
    expect(told).not.toMatch(/mytoken|next/)
  })

  it.each<readonly [string, Given]>([
    ['an event', { ...toGet(question), method: 'POST' }],
    ['a visit', toGet({})],
    ['another mode', toGet({ ...question, 'hub.mode': 'unsubscribe' })],
  ])('passes on %s', async (_, given) => {
    expect(await ask(meta(), given)).toBeUndefined()
  })

  it('sends back what a stranger wrote as text that no browser takes for a page', async () => {
    const challenge = '<script>alert(1)</script>'
    expect(await read(meta(), toGet({ ...question, 'hub.challenge': challenge }))).toEqual(echoed(challenge))
  })
})

describe('webSub', () => {
  const FEED = 'https://blog.example/feed'
  const webSub = () => handshakes.webSub({ topics: [FEED, 'https://blog.example/notes'] })
  const question = { 'hub.mode': 'subscribe', 'hub.topic': FEED, 'hub.challenge': 'abc' }

  it.each(['subscribe', 'unsubscribe'])(
    'reads the challenge when it is to %s for a topic of ours',
    async mode => {
      expect(await read(webSub(), toGet({ ...question, 'hub.mode': mode }))).toEqual(echoed('abc'))
    },
  )

  it('reads 404, and not the challenge, for any other topic', async () => {
    const other = toGet({ ...question, 'hub.topic': `${FEED}/other` })
    expect(await read(webSub(), other)).toMatchObject({ status: 404, text: '' })
    expect(await read(handshakes.webSub({ topics: 'x' }), toGet(question))).toMatchObject({ status: 404 })
    expect(await read(handshakes.webSub({ topics: FEED }), toGet(question))).toEqual(echoed('abc'))
  })

  it('knows every topic where none is named', async () => {
    expect(await read(handshakes.webSub(), toGet(question))).toEqual(echoed('abc'))
    expect(await read(handshakes.webSub({}), toGet(question))).toEqual(echoed('abc'))
  })

  it('asks a function for the topic, and what is to be done; only true is yes', async () => {
    const asked: unknown[] = []
    const wanted = handshakes.webSub({
      topics: async (topic, mode) => {
        asked.push([topic, mode])
        return mode === 'subscribe'
      },
    })
    const leave = { ...question, 'hub.mode': 'unsubscribe' }
    expect([(await ask(wanted, toGet(question)))?.status, (await ask(wanted, toGet(leave)))?.status]).toEqual(
      [200, 404],
    )
    expect(asked).toEqual([
      [FEED, 'subscribe'],
      [FEED, 'unsubscribe'],
    ])
    const careless = handshakes.webSub({ topics: untyped<() => boolean>(() => 'yes') })
    expect((await ask(careless, toGet(question)))?.status).toBe(404)
  })

  it('takes note of being denied', async () => {
    const denied = toGet({ 'hub.mode': 'denied', 'hub.topic': FEED, 'hub.reason': '<b>no</b>' })
    expect(await read(webSub(), denied)).toMatchObject({ status: 200, text: '' })
  })

  it.each<readonly [string, Record<string, string>, string]>([
    [
      'without a topic',
      { 'hub.mode': 'subscribe', 'hub.challenge': 'abc' },
      'webSub: it asks, but its hub.topic is missing',
    ],
    [
      'without a challenge',
      { 'hub.mode': 'subscribe', 'hub.topic': FEED },
      'webSub: it asks, but its hub.challenge is missing',
    ],
    [
      'with one too long',
      { ...question, 'hub.challenge': 'x'.repeat(1_025) },
      'hub.challenge has 1025 bytes',
    ],
  ])('is refused %s', async (_, query, reason) => {
    expect(await reasonOf(webSub(), toGet(query))).toContain(reason)
  })

  it.each<readonly [string, Given]>([
    ['content', { ...toGet(question), method: 'POST' }],
    ['a visit', toGet({ 'hub.topic': FEED })],
    ['another mode', toGet({ ...question, 'hub.mode': 'publish' })],
  ])('passes on %s', async (_, given) => {
    expect(webSub()(await toRequest(given))).toBeUndefined()
  })
})

describe('x', () => {
  const x = () => handshakes.x({ secret: 'consumer secret' })

  it('reads the token signed', async () => {
    const token = 'MTYxNDI2NTMzMA.x-_~+/='
    expect(await read(x(), toGet({ crc_token: token, nonce: '1' }))).toEqual({
      status: 200,
      type: 'application/json',
      nosniff: 'nosniff',
      text: '{"response_token":"sha256=sohGYp/oFUMdZAENMW84QmWSsMg/IoOY+5+mJhZC0mY="}',
    })
  })

  it.each(['{', '{}', '[1]', '"a"', 'a b', 'a=1&b', '\n1', '1\n', 'ä'])(
    'signs nothing that could be the body of an event: %j',
    async token => {
      expect(await reasonOf(x(), toGet({ crc_token: token }))).toContain('characters that X does not use')
    },
  )

  it('is refused without a token, and with one too long', async () => {
    expect(await reasonOf(x(), toGet({ crc_token: '' }))).toBe('x: it asks, but its crc_token is missing')
    expect(await reasonOf(x(), toGet({ crc_token: 'x'.repeat(1_025) }))).toContain('has 1025 bytes')
  })

  it.each<readonly [string, Given]>([
    ['an event', { ...toGet({ crc_token: 'x' }), method: 'POST' }],
    ['a visit', toGet({ token: 'x' })],
  ])('passes on %s', async (_, given) => {
    expect(await ask(x(), given)).toBeUndefined()
  })
})

describe('cloudEvents', () => {
  const from = (origin: string, headers: Record<string, string> = {}): Given => ({
    method: 'OPTIONS',
    headers: { 'webhook-request-origin': origin, ...headers },
  })
  const granted = async (handshake: ProviderHandshake, given: Given) => {
    const answer = await ask(handshake, given)
    return [
      answer?.status,
      ...['allow', 'webhook-allowed-origin', 'webhook-allowed-rate'].map(name => answer?.headers.get(name)),
      await answer?.text(),
    ]
  }

  it('allows the origins that are named, as they are written by whoever asks', async () => {
    const cloudEvents = handshakes.cloudEvents({ origins: ['a.example', 'EventGrid.azure.net'] })
    expect(await granted(cloudEvents, from('eventgrid.Azure.net'))).toEqual([
      200,
      'POST',
      'eventgrid.Azure.net',
      '*',
      '',
    ])
    expect((await ask(cloudEvents, from('a.example')))?.status).toBe(200)
  })

  it('allows everybody where a star is named', async () => {
    expect(await granted(handshakes.cloudEvents({ origins: '*' }), from('anybody.example'))).toEqual([
      200,
      'POST',
      '*',
      '*',
      '',
    ])
  })

  it.each(['b.example', 'x.a.example', 'a.example, b.example', '*', ''])(
    'allows no other: %j',
    async origin => {
      const reason = await reasonOf(handshakes.cloudEvents({ origins: 'a.example' }), from(origin))
      expect(reason).toBe(
        'cloudEvents: it asks for an origin that is not among origins: let webhook-request-origin be one of them',
      )
    },
  )

  it('takes no name of a host for another that is written alike in capitals', async () => {
    const cloudEvents = handshakes.cloudEvents({ origins: 'strasse.example' })
    expect(await reasonOf(cloudEvents, from('stra\u00dfe.example'))).toContain('not among origins')
  })

  it.each<readonly [number | '*', string | undefined, string]>([
    [120, undefined, '120'],
    [120, '60', '60'],
    [120, '120', '120'],
    [120, '121', '120'],
    [120, '0', '120'],
    [120, '-1', '120'],
    [120, '1e9', '120'],
    [120, '9999999999', '120'],
    [999_999_999, '999999999', '999999999'],
    [1, '2', '1'],
    ['*', undefined, '*'],
    ['*', '60', '60'],
    ['*', '999999999', '999999999'],
    ['*', '1000000000', '*'],
    ['*', '1.5', '*'],
    ['*', 'x1', '*'],
    ['*', '1x', '*'],
  ])('of at most %s a minute, and %s asked for, grants %s', async (rate, requested, allowed) => {
    const cloudEvents = handshakes.cloudEvents({ origins: '*', rate })
    const headers = requested === undefined ? undefined : { 'webhook-request-rate': requested }
    expect((await granted(cloudEvents, from('a.example', headers)))[3]).toBe(allowed)
  })

  it.each<readonly [string, Given]>([
    ['an event', { ...from('a.example'), method: 'POST' }],
    ['a preflight', { method: 'OPTIONS', headers: { origin: 'https://a.example' } }],
  ])('passes on %s', async (_, given) => {
    expect(await ask(handshakes.cloudEvents({ origins: '*' }), given)).toBeUndefined()
  })
})

describe('what is declared', () => {
  const { slack, zoom, meta, webSub, x, cloudEvents } = handshakes
  it.each<readonly [string, () => unknown, string]>([
    ['slack without options', () => slack(untyped(undefined)), 'The options of the handshake slack must be'],
    ['slack with a misspelt option', () => slack(untyped({ secrets: 'x' })), "slack has no option 'secrets'"],
    ['slack without a secret', () => slack(untyped({})), 'The handshake slack: secret is undefined'],
    [
      'slack with an empty secret',
      () => slack({ secret: '' }),
      'The handshake slack: secret is empty: is the environment variable set?',
    ],
    ['slack with no secrets', () => slack({ secret: [] }), 'The handshake slack: secret is an empty list'],
    [
      'slack with an empty one among the retired',
      () => slack({ secret: 'x', retired: [''] }),
      'The handshake slack: retired[0] is empty: is the environment variable set?',
    ],
    ['slack with no tolerance', () => slack({ secret: 'x', tolerance: 'soon' as '1s' }), 'tolerance is'],
    ['zoom with a misspelt option', () => zoom(untyped({ token: 'x' })), "zoom has no option 'token'"],
    [
      'zoom with an empty secret',
      () => zoom({ secret: ['a', ''] }),
      'The handshake zoom: secret[1] is empty: is the environment variable set?',
    ],
    ['meta with a misspelt option', () => meta(untyped({ token: 'x' })), "meta has no option 'token'"],
    ['meta without a token', () => meta(untyped({})), 'The handshake meta: verifyToken is undefined'],
    [
      'meta with an empty token',
      () => meta({ verifyToken: '' }),
      'The handshake meta: verifyToken is empty: is the environment variable set?',
    ],
    ['webSub with a misspelt option', () => webSub(untyped({ topic: 'x' })), "webSub has no option 'topic'"],
    [
      'webSub with topics that are undefined',
      () => webSub(untyped({ topics: undefined })),
      'topics is undefined',
    ],
    ['webSub with no topics', () => webSub({ topics: [] }), 'topics must be the URL of a topic'],
    ['webSub with an empty topic', () => webSub({ topics: ['a', ''] }), 'topics must be the URL of a topic'],
    ['webSub with a topic that is none', () => webSub(untyped({ topics: 7 })), 'topics must be the URL'],
    ['x with a misspelt option', () => x(untyped({ key: 'x' })), "x has no option 'key'"],
    [
      'x with an empty secret',
      () => x({ secret: '' }),
      'The handshake x: secret is empty: is the environment variable set?',
    ],
    ['x with several secrets', () => x(untyped({ secret: ['a', 'b'] })), 'secret must be one'],
    [
      'cloudEvents with a misspelt option',
      () => cloudEvents(untyped({ origin: 'x' })),
      "cloudEvents has no option 'origin'",
    ],
    ['cloudEvents without origins', () => cloudEvents(untyped({})), 'cloudEvents: origins is undefined'],
    [
      'cloudEvents with a URL as origin',
      () => cloudEvents({ origins: ['a.example', 'https://eventgrid.azure.net'] }),
      "cloudEvents: origins must be DNS names, such as 'eventgrid.azure.net', without 'https://' and without a path",
    ],
    [
      'cloudEvents with an empty origin',
      () => cloudEvents({ origins: [''] }),
      'origins[0] is empty: is the environment variable set?',
    ],
    ...[0, 1.5, 1_000_000_000, Number.NaN, '60'].map(
      rate =>
        [
          `cloudEvents with a rate of ${rate}`,
          () => cloudEvents({ origins: '*', rate: untyped<number>(rate) }),
          'rate must be a whole number of requests a minute',
        ] as const,
    ),
  ])('is refused, in words: %s', (_, declare, message) => {
    expect(declare).toThrow(InvalidOptionsError)
    expect(declare).toThrow(message)
  })
})

/** Over the clock of these tests, by another way than ours. */
function toSlackHeaders(secret: string, body: string) {
  const signature = createHmac('sha256', secret).update(`v0:${NOW_S}:${body}`).digest('hex')
  return { 'x-slack-request-timestamp': String(NOW_S), 'x-slack-signature': `v0=${signature}` }
}
