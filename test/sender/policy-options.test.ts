import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import type { PolicyOptions } from '../../src/model/endpoint-options.js'
import { DEFAULTS } from '../../src/options.js'
import {
  endpointDefaults,
  policyOptionNames,
  subscriptionDefaults,
  toPolicy,
} from '../../src/sender/policy-options.js'
import { openBench } from './bench.js'

const resolve = (options: PolicyOptions) => toPolicy("endpoint 'app'", options, endpointDefaults)
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

describe('a policy', () => {
  it('is every default where nothing is said', () => {
    expect(resolve({})).toEqual({
      headers: [],
      signingKeys: [],
      timeoutMs: 15_000,
      requireEmptyResponse: false,
      retry: DEFAULTS.deliveryRetry,
      concurrency: 16,
      breaker: { failures: 10, pauseMs: 30_000 },
    })
  })

  it('of a subscription takes 410 alone for final, unless it says otherwise', () => {
    expect(toPolicy('subscription', {}, subscriptionDefaults).final).toEqual(new Set([410]))
    expect(toPolicy('subscription', { final: [404] }, subscriptionDefaults).final).toEqual(new Set([404]))
    expect(resolve({}).final).toBeUndefined()
  })

  it('carries limits, in milliseconds', () => {
    expect(resolve({ rateLimit: { count: 10, per: '1s' }, breaker: { failures: 3 } })).toMatchObject({
      rateLimit: { count: 10, perMs: 1_000 },
      breaker: { failures: 3, pauseMs: 30_000 },
    })
    expect(resolve({ breaker: { pause: '1m' } }).breaker).toEqual({ failures: 10, pauseMs: 60_000 })
    expect(resolve({ breaker: false }).breaker).toBe(false)
  })

  it.each<[string, PolicyOptions['auth'], [string, string]]>([
    ['basic', { basic: ['Aladdin', 'open:sesame'] }, ['authorization', 'Basic QWxhZGRpbjpvcGVuOnNlc2FtZQ==']],
    ['basic without a password', { basic: ['key', ''] }, ['authorization', 'Basic a2V5Og==']],
    ['basic beyond ASCII', { basic: ['t\u00e4st', '\u00a3'] }, ['authorization', 'Basic dMOkc3Q6wqM=']],
    ['bearer', { bearer: 'abc' }, ['authorization', 'Bearer abc']],
    ['a header', { header: ['X-Api-Key', 'abc'] }, ['x-api-key', 'abc']],
  ])('takes credentials as %s', (_, auth, header) => {
    expect(resolve({ ...(auth === undefined ? {} : { auth }) }).credentials).toEqual({
      type: 'header',
      header,
    })
  })

  it.each<[string, object, RegExp]>([
    ['a secret that is not there', { secret: undefined }, /secret of endpoint 'app' is undefined/],
    ['a secret that is empty', { secret: '' }, /secret of endpoint 'app' is empty/],
    ['a secret that is none', { secret: 'hunter2' }, /bytes|not base64/],
    ['auth without a kind', { auth: {} }, /auth of endpoint 'app' must have one of basic, bearer/],
    ['auth of two kinds', { auth: { bearer: 'hunter2', basic: ['a', 'b'] } }, /must have one of/],
    ['auth of no kind', { auth: { digest: 'hunter2' } }, /no option 'digest'/],
    ['auth that is a text', { auth: 'Bearer hunter2' }, /must be an object/],
    ['a bearer that is not there', { auth: { bearer: undefined } }, /bearer is undefined/],
    ['a bearer that is empty', { auth: { bearer: '' } }, /bearer is empty/],
    ['a bearer with its scheme', { auth: { bearer: 'Bearer hunter2' } }, /white space/],
    ['a bearer beyond what headers carry', { auth: { bearer: 'hunter2\u20ac' } }, /no header can carry/],
    ['basic without a password', { auth: { basic: ['hunter2'] } }, /list of two texts/],
    ['basic with a password that is not there', { auth: { basic: ['a', undefined] } }, /list of two texts/],
    ['basic without a user', { auth: { basic: ['', 'hunter2'] } }, /basic\[0\] is empty/],
    ['basic with a colon', { auth: { basic: ['a:b', 'hunter2'] } }, /colon/],
    ['a header that is ours', { auth: { header: ['webhook-id', 'hunter2'] } }, /'webhook-id'/],
    [
      'a header of the content',
      { auth: { header: ['content-type', 'hunter2'] } },
      /no header for credentials/,
    ],
    ['a header without a value', { auth: { header: ['x-key', ''] } }, /header\[1\] is empty/],
    [
      'OAuth 2 without a secret',
      { auth: { oauth2: { tokenUrl: 'https://x.example', clientId: 'a' } } },
      /clientSecret is undefined/,
    ],
    [
      'OAuth 2 with an option that it has not',
      { auth: { oauth2: { secret: 'hunter2' } } },
      /no option 'secret'/,
    ],
    [
      'credentials in two places',
      { auth: { bearer: 'hunter2' }, headers: { Authorization: 'hunter2' } },
      /leave 'authorization' out, auth has it/,
    ],
    [
      'a signature by hand beside a secret',
      { secret, headers: { 'webhook-signature': 'hunter2' } },
      /computed from the secret/,
    ],
    ['requireEmptyResponse that is a text', { requireEmptyResponse: 'no' }, /true or false/],
    ['a limit without a time', { rateLimit: { count: 1 } }, /rateLimit of endpoint 'app'.per/],
    ['a limit of nothing', { rateLimit: { count: 0, per: '1s' } }, /count must be a whole number/],
    ['a limit in no time', { rateLimit: { count: 1, per: 0 } }, /per must be longer than 0/],
    ['a breaker that is true', { breaker: true }, /must be an object/],
    ['a breaker that never opens', { breaker: { failures: 0 } }, /failures must be a whole number/],
    ['a breaker that does not pause', { breaker: { pause: 0 } }, /pause must be longer than 0/],
  ])('with %s is an error that says so, and quotes no secret', (_, options, why) => {
    const make = () => resolve(options as PolicyOptions)
    expect(make).toThrow(InvalidOptionsError)
    expect(make).toThrow(why)
    expect(make).not.toThrow(/hunter2/)
  })

  it('has a name for each of its options', () => {
    const options: Required<PolicyOptions> = {
      headers: {},
      secret,
      auth: { bearer: 'x' },
      timeout: '1s',
      success: [],
      final: [],
      retry: false,
      requireEmptyResponse: true,
      breaker: false,
      tls: { cert: '', key: '' },
      rateLimit: { count: 1, per: 1 },
      concurrency: 1,
    }
    expect([...policyOptionNames].sort()).toEqual(Object.keys(options).sort())
  })
})

describe('an endpoint', () => {
  const url = 'https://app.example/v1'

  it('checks where tokens come from as it checks its own URL', async () => {
    await using bench = await openBench({ options: { fetch: undefined as never } })
    const declare = (tokenUrl: string) =>
      bench.sender.endpoint('app', {
        url,
        auth: { oauth2: { tokenUrl, clientId: 'ada', clientSecret: 'hunter2' } },
      })
    expect(() => declare('https://169.254.169.254/token')).toThrow(
      /oauth2\.tokenUrl leads to 169\.254\.169\.254/,
    )
    expect(() => declare('http://auth.example/token')).toThrow(/http:/)
    expect(() => declare('/token')).toThrow(/absolute URL/)
    expect(() => declare('https://ada:hunter2@auth.example')).toThrow(/credentials/)
    declare('https://auth.example/token')
  })

  it('shows a certificate by https: only', async () => {
    await using bench = await openBench({ options: { allowInsecure: true } })
    const { createAuthority } = await import('../support/certificates.js')
    const tls = await (await createAuthority('partner')).issue('longline')
    expect(() => bench.sender.endpoint('app', { url: 'http://app.example', tls })).toThrow(
      /needs an https: URL/,
    )
    bench.sender.endpoint('app', { url, tls })
  })

  it('sends its credentials with each message, unless that has its own', async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', { url, auth: { bearer: 'ours' } })
    await bench.sender.send(undefined, { to: 'app' })
    await bench.sender.send(undefined, { to: 'app', headers: { authorization: 'Bearer own' } })
    await bench.clock.settle()
    expect(bench.seen.map(({ headers }) => headers.get('authorization'))).toEqual([
      'Bearer ours',
      'Bearer own',
    ])
  })

  it('signs what a message has signed by hand', async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', { url, secret })
    await bench.sender.send(undefined, {
      to: 'app',
      headers: { 'webhook-signature': 'v1,x', 'webhook-timestamp': '1' },
    })
    await bench.clock.settle()
    expect(bench.seen[0]?.headers.get('webhook-signature')).toMatch(/^v1,[\w+/]{43}=$/)
    expect(bench.seen[0]?.headers.get('webhook-timestamp')).toBe(String(bench.seen[0]?.at ?? 0).slice(0, -3))
  })
})

describe('requireEmptyResponse', () => {
  const url = 'https://app.example/v1'

  it('takes an answer with a body for a failed attempt, in words, and tries again', async () => {
    await using bench = await openBench({
      world: (_, number) =>
        number < 3 ? new Response('x', { status: 200 }) : new Response(null, { status: 200 }),
    })
    bench.sender.endpoint('app', { url, requireEmptyResponse: true })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('1h')
    expect(await delivery.done()).toBe('delivered')
    const error = 'answered with a body, and only an empty answer is success'
    expect((await delivery.attempts()).map(attempt => [attempt.status, attempt.error])).toEqual([
      [200, error],
      [200, error],
      [200, undefined],
    ])
    expect(bench.logged[0]?.facts).toMatchObject({ status: 200, error })
  })

  it('spends the tries, and the last answer is there', async () => {
    await using bench = await openBench({ world: () => new Response('x') })
    bench.sender.endpoint('app', { url, requireEmptyResponse: true, retry: ['1s'] })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('1h')
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'exhausted', answer: { status: 200 } })
  })

  it('says nothing about answers that are no success', async () => {
    await using bench = await openBench({ world: () => new Response('gone', { status: 410 }) })
    bench.sender.endpoint('app', { url, requireEmptyResponse: true })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('1s')
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'rejected' })
    expect((await delivery.attempts())[0]?.error).toBeUndefined()
  })

  it('does not believe a body that broke off before its first byte', async () => {
    await using bench = await openBench({
      world: () =>
        new Response(new ReadableStream({ start: controller => controller.error(new Error('cut')) })),
    })
    bench.sender.endpoint('app', { url, requireEmptyResponse: true, retry: false })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.settle()
    expect(await delivery.done()).toBe('dead')
  })
})
