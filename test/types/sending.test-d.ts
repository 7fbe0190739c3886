import { describe, expectTypeOf, it } from 'vitest'
import type {
  Callback,
  CallbackServer,
  Delivery,
  EndpointAnswer,
  OAuth2,
  Policy,
  Source,
  Wait,
} from '../../src/index.js'

declare const server: CallbackServer
declare const delivery: Delivery

describe('the end of a delivery', () => {
  it('is one of two words', async () => {
    expectTypeOf(delivery.done()).toEqualTypeOf<Wait<'delivered' | 'dead'>>()
    expectTypeOf(delivery.done({ timeout: '5s' })).toEqualTypeOf<Wait<'delivered' | 'dead'>>()
    expectTypeOf((await server.send({ to: 'app' })).done()).resolves.toEqualTypeOf<'delivered' | 'dead'>()
  })

  it('is widened by what the fallback gives', () => {
    expectTypeOf(delivery.done({ timeout: '5s', fallback: () => null })).toEqualTypeOf<
      Wait<'delivered' | 'dead' | null>
    >()
    expectTypeOf(delivery.done({ timeout: '5s', fallback: () => 'late' as const })).toEqualTypeOf<
      Wait<'delivered' | 'dead' | 'late'>
    >()
    // @ts-expect-error what is awaited must not decide what the fallback gives
    const wrong: Wait<'delivered' | 'dead'> = delivery.done({ fallback: () => null })
    expectTypeOf(wrong).toEqualTypeOf<Wait<'delivered' | 'dead'>>()
  })
})

describe('the answer to a delivery', () => {
  it('is what the endpoint answered, or what the fallback gives', () => {
    expectTypeOf(delivery.response()).toEqualTypeOf<Wait<EndpointAnswer>>()
    expectTypeOf(delivery.response({ timeout: '5s', fallback: () => null })).toEqualTypeOf<
      Wait<EndpointAnswer | null>
    >()
  })
})

describe('an exchange of the server', () => {
  const send = (url: string) => ({ to: 'partner', body: { url } })

  it('gives a callback, whose data are what you say, or what the schema or the source gives', () => {
    expectTypeOf(server.exchange({ send })).toEqualTypeOf<Wait<Callback<unknown>>>()
    expectTypeOf(server.exchange<{ ok: boolean }>('ask', { send })).toEqualTypeOf<
      Wait<Callback<{ ok: boolean }>>
    >()
    const from = { name: 'partner' } as Source<{ offer: number }>
    expectTypeOf(server.exchange('ask', { send, from })).toEqualTypeOf<Wait<Callback<{ offer: number }>>>()
  })

  it('is widened by what the fallback gives', () => {
    expectTypeOf(server.exchange('ask', { send, timeout: '1m', fallback: () => null })).toEqualTypeOf<
      Wait<Callback<unknown> | null>
    >()
    expectTypeOf(server.exchange({ send, timeout: '1m', fallback: () => 'late' as const })).toEqualTypeOf<
      Wait<Callback<unknown> | 'late'>
    >()
  })

  it('needs a message, and takes no code that a restart would lose', () => {
    // @ts-expect-error what should be sent?
    server.exchange('ask', {})
    // @ts-expect-error a source has it
    server.exchange('ask', { send, verify: () => true })
  })
})

describe('an endpoint', () => {
  const url = 'https://partner.example'

  it('has one kind of credentials, and one secret or several', () => {
    server.endpoint('partner', { url, secret: ['whsec_a', 'whsec_b'], auth: { basic: ['user', 'password'] } })
    const oauth2: OAuth2 = { tokenUrl: url, clientId: 'us', clientSecret: 'ours' }
    const policy: Policy = { auth: { oauth2 }, rateLimit: { count: 1, per: '1s' }, breaker: false }
    server.endpoint('partner', { url, ...policy })
  })

  it('has no secret that may be undefined, no half of a pair, and no kind that is none', () => {
    const missing: string | undefined = ''.at(0)
    // @ts-expect-error a variable of the environment that is not set
    server.endpoint('partner', { url, secret: missing })
    // @ts-expect-error where is the password?
    server.endpoint('partner', { url, auth: { basic: ['user'] } })
    // @ts-expect-error there is no such kind
    server.endpoint('partner', { url, auth: { digest: 'x' } })
    // @ts-expect-error how often?
    server.endpoint('partner', { url, rateLimit: { count: 1 } })
  })
})

describe('what does not compile', () => {
  it('an option that no wait has, a message without a target', () => {
    // @ts-expect-error it is called timeout
    delivery.done({ timeOut: '5s' })
    // @ts-expect-error where should it go?
    server.send({ body: 'nowhere' })
  })
})
