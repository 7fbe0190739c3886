import { describe, expectTypeOf, it } from 'vitest'
import type {
  AttemptInfo,
  Callback,
  CallbackServer,
  Delivery,
  DeliveryInfo,
  Endpoint,
  JoinOptions,
  Published,
  Run,
  SubscriptionInfo,
  SubscriptionOptions,
  TopicInfo,
} from '../../src/index.js'

declare const server: CallbackServer
declare const endpoint: Endpoint

describe('publishing', () => {
  it('is to a topic or to a list, with a key or without', () => {
    expectTypeOf(server.publish({ topic: 't', body: { id: 7 } })).toEqualTypeOf<Promise<Published>>()
    expectTypeOf(server.publish('k', { topic: 't', after: '1h' })).toEqualTypeOf<Promise<Published>>()
    server.publish({ to: [endpoint, 'app', 'https://a.example', new URL('https://a.example')] })
    server.publish({ to: () => ['app'] })
    server.publish({ to: async () => [endpoint] as const })
    // @ts-expect-error whom it is for is missing
    server.publish({ body: 1 })
    // @ts-expect-error it is for one or the other
    server.publish({ topic: 't', to: ['app'] })
    // @ts-expect-error a single target is what send is for
    server.publish({ to: 'app' })
    // @ts-expect-error a path belongs to a message to one
    server.publish({ to: ['app'], path: 'x' })
  })

  it('is part of a transaction only with a key', () => {
    const options = {} as JoinOptions
    server.publish('k', { topic: 't' }, options)
    // @ts-expect-error without a key there is nothing to find it by
    server.publish({ topic: 't' }, options)
  })

  it('gives its deliveries one by one', () => {
    expectTypeOf<Published['deliveries']>().returns.toEqualTypeOf<AsyncIterable<Delivery>>()
  })

  it('in a scope has a key', () => {
    const scope = {} as Run | Callback<unknown>
    expectTypeOf(scope.publish('k', { topic: 't' })).toEqualTypeOf<Promise<Published>>()
    // @ts-expect-error a scope finds it again by its key
    scope.publish({ topic: 't' })
    // @ts-expect-error a scope is no transaction
    scope.publish('k', { topic: 't' }, { within: {} })
  })
})

describe('a subscription', () => {
  it('has a topic and a URL, and whatever an endpoint has', () => {
    expectTypeOf(server.subscriptions.put({ topic: 't', url: 'https://a.example' })).resolves.toEqualTypeOf<{
      id: string
      secret: string
      created: boolean
    }>()
    const all = {
      topic: 'book.*',
      url: 'https://a.example',
      id: 'shop',
      filter: { 'order.country': ['DE', null], paid: true, id: 7 },
      proof: 'echo',
      callback: endpoint,
      deadLetter: 'letters',
      rateLimit: { count: 1, per: '1m' },
      breaker: false,
      requireEmptyResponse: true,
    } as const satisfies SubscriptionOptions
    server.subscriptions.put(all)
    // @ts-expect-error the topic is missing
    server.subscriptions.put({ url: 'https://a.example' })
    // @ts-expect-error there is no such proof
    server.subscriptions.put({ topic: 't', url: 'https://a.example', proof: 'sms' })
    // @ts-expect-error a fact is no object
    server.subscriptions.put({ topic: 't', url: 'https://a.example', filter: { a: {} } })
  })

  it('is deleted by its id or by its URL', () => {
    expectTypeOf(server.subscriptions.delete({ id: 'a' })).toEqualTypeOf<Promise<number>>()
    expectTypeOf(server.subscriptions.delete({ url: 'a' })).toEqualTypeOf<Promise<number>>()
    // @ts-expect-error not by its topic
    server.subscriptions.delete({ topic: 'a' })
  })

  it('has a state, and no secret, when it is listed', () => {
    expectTypeOf(server.subscriptions.list()).toEqualTypeOf<AsyncIterable<SubscriptionInfo>>()
    expectTypeOf<SubscriptionInfo['state']>().toEqualTypeOf<
      'active' | 'unproven' | 'paused' | 'failing' | 'retired'
    >()
    expectTypeOf<SubscriptionInfo>().not.toHaveProperty('secret')
    for (const name of ['secret', 'auth', 'headers', 'tls'] as const) {
      expectTypeOf<SubscriptionInfo['options']>().not.toHaveProperty(name)
    }
    const { id, topic, url, options } = {} as SubscriptionInfo
    server.subscriptions.put({ id, topic, url, ...options, timeout: '5s' })
    expectTypeOf(server.topics.list()).toEqualTypeOf<AsyncIterable<TopicInfo>>()
  })
})

describe('the history', () => {
  it('gives records one by one', () => {
    expectTypeOf(server.deliveries.list({ status: 'dead', newest: true })).toEqualTypeOf<
      AsyncIterable<DeliveryInfo>
    >()
    expectTypeOf(server.deliveries.dead({ follow: true })).toEqualTypeOf<AsyncIterable<DeliveryInfo>>()
    expectTypeOf(server.deliveries.attempts({ after: 'c' })).toEqualTypeOf<AsyncIterable<AttemptInfo>>()
    // @ts-expect-error there is no such state
    server.deliveries.list({ status: 'lost' })
    const seen = undefined as string | undefined
    server.deliveries.list({ after: seen, endpoint })
    server.deliveries.dead({ after: seen, endpoint: 'app' })
    server.deliveries.attempts({ after: seen, deliveryId: 'dlv_1' })
    expectTypeOf<DeliveryInfo['createdAt']>().toEqualTypeOf<Date>()
    // @ts-expect-error a variable that has nothing is no filter
    server.deliveries.list({ subscription: seen })
    // @ts-expect-error an instant is no duration
    server.deliveries.list({ since: '1d' })
    // @ts-expect-error of one delivery there is one death
    server.deliveries.dead({ deliveryId: 'dlv_1' })
    // @ts-expect-error a stream has one direction
    server.deliveries.dead({ newest: true })
  })

  it('of one that is sent again gives its delivery, of many how many there were', () => {
    expectTypeOf(server.deliveries.redeliver('dlv_1')).toEqualTypeOf<Promise<Delivery>>()
    expectTypeOf(server.deliveries.redeliver({ reason: 'expired' })).toEqualTypeOf<
      Promise<{ redelivered: number }>
    >()
  })
})

describe('a pass over what is due', () => {
  it('says how much that was', () => {
    expectTypeOf(server.processDue({ limit: 1, signal: AbortSignal.abort() })).toEqualTypeOf<
      Promise<{ processed: number }>
    >()
  })
})
