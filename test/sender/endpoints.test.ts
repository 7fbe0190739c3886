import { afterEach, describe, expect, it, vi } from 'vitest'
import { EndpointRefusedError, InvalidOptionsError } from '../../src/errors.js'
import type { EndpointOptions } from '../../src/model/endpoint-options.js'
import { DEFAULTS } from '../../src/options.js'
import { Endpoints } from '../../src/sender/endpoints.js'
import { Guard } from '../../src/sender/guard.js'
import { endpointDefaults } from '../../src/sender/policy-options.js'
import { openBench } from './bench.js'

function declared({
  development = false,
  allowInsecure = false,
  allowPrivate = false,
}: {
  development?: boolean
  allowInsecure?: boolean
  allowPrivate?: boolean | string[]
} = {}) {
  const guard = new Guard({ allowPrivate, development: () => development })
  return new Endpoints({ guard, allowInsecure, development: () => development })
}

const url = 'https://api.example.com/v1'

it('puts no error into words to say in which lanes it can tell of ends', () => {
  const endpoints = declared()
  for (const name of ['a', 'b']) endpoints.declare(name, { url, deadLetter: 'letters' })
  endpoints.declare('c', { url, deadLetter: 'a' })
  const listing = vi.spyOn(endpointDefaults.hints, 'declared')
  expect(endpoints.tellingLanes).toEqual(['endpoint:c'])
  expect(endpoints.silentLanes).toEqual(['endpoint:a', 'endpoint:b'])
  expect(listing).not.toHaveBeenCalled()
  expect(endpoints.whyUntold('endpoint:a')?.message).toMatch(/No endpoint 'letters' .*'a', 'b', 'c'/)
  expect(listing).toHaveBeenCalledOnce()
})

describe('declaring an endpoint', () => {
  it('fills in the defaults', () => {
    expect(declared().declare('app', { url })).toEqual({
      name: 'app',
      url,
      variables: [],
      headers: [],
      signingKeys: [],
      timeoutMs: 15_000,
      requireEmptyResponse: false,
      retry: DEFAULTS.deliveryRetry,
      concurrency: 16,
      breaker: { failures: 10, pauseMs: 30_000 },
    })
  })

  it('replaces an earlier declaration', () => {
    const endpoints = declared()
    endpoints.declare('app', { url, concurrency: 1 })
    endpoints.declare('app', { url: 'https://other.example/' })
    expect(endpoints.settingsFor({ lane: 'endpoint:app' })).toMatchObject({
      url: 'https://other.example/',
      concurrency: 16,
    })
  })

  it.each<[string, unknown, RegExp]>([
    ['', { url }, /must not be empty/],
    ['a\0', { url }, /NUL/],
    ['https://x', { url }, /taken for a URL/],
    ['app', undefined, /options of endpoint 'app' must be an object/],
    ['https://x.example/?key=hunter2', { url }, /taken for a URL/],
    ['app', {}, /absolute URL/],
    ['app', { url: '/v1' }, /absolute URL/],
    ['app', { url: 'api.example.com' }, /absolute URL/],
    ['app', { url: 'https://' }, /absolute URL/],
    ['app', { url: 'https://user:hunter2@api.example.com' }, /credentials/],
    ['app', { url: 'https://api.example.com/#top' }, /fragment/],
    ['app', { url, secrets: 'hunter2' }, /no option 'secrets'/],
    ['app', { url, timeout: 0 }, /longer than 0/],
    ['app', { url, timeout: '5 seconds' }, /timeout of endpoint 'app'/],
    ['app', { url, success: [99] }, /success of endpoint 'app' holds 99/],
    ['app', { url, final: 410 }, /must be a list/],
    ['app', { url, concurrency: 0 }, /concurrency of endpoint 'app'/],
    ['app', { url, retry: { tries: 3 } }, /no option 'tries'/],
    ['app', { url, headers: { host: 'x' } }, /'host'/],
    ['app', { url, headers: { 'Content-Type': 'x' } }, /'content-type'/],
    ['app', { url, headers: { 'a b': 'x' } }, /not a header's name/],
    ['app', { url, headers: { 'x-key': 'hunter2\r\nx: y' } }, /'x-key'/],
    ['app', { url, headers: { 'x-key': 'hunter2\u20ac' } }, /'x-key'/],
    ['app', { url, headers: { 'x-key': undefined } }, /must be a text/],
    ['app', { url, headers: { 'x-a': '1', 'X-A': '2' } }, /twice/],
    ['app', { url, headers: new Headers() }, /an object of names/],
  ])('%s with %j is an error that says what is wrong and quotes no secret', (name, options, why) => {
    const declare = () => declared().declare(name, options as EndpointOptions)
    expect(declare).toThrow(InvalidOptionsError)
    expect(declare).toThrow(why)
    expect(declare).not.toThrow(/hunter2/)
  })

  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://10.0.0.1/',
    'https://169.254.169.254/',
    'https://localhost/',
    'https://x.localhost/',
    'ftp://api.example.com/',
    'file:///etc/passwd',
    'http://api.example.com/',
  ])('%s is refused', target => {
    expect(() => declared().declare('app', { url: target })).toThrow(EndpointRefusedError)
    expect(() => declared().resolve(target)).toThrow(EndpointRefusedError)
  })

  it('says why it is refused, and what would open it', () => {
    expect(() => declared().declare('app', { url: 'https://10.0.0.1/?key=hunter2' })).toThrow(
      "url of endpoint 'app' leads to 10.0.0.1, a private address; allowPrivate opens ranges of such addresses",
    )
    expect(() => declared().declare('app', { url: 'http://api.example.com' })).toThrow(/allowInsecure/)
  })

  it('opens what was asked for', () => {
    declared({ allowInsecure: true }).declare('app', { url: 'http://api.example.com' })
    declared({ allowPrivate: ['10.0.0.0/8'] }).declare('app', { url: 'https://10.0.0.1' })
    declared({ development: true }).declare('app', { url: 'http://127.0.0.1:3000' })
    declared({ development: true }).declare('app', { url: 'http://localhost:3000' })
    declared({ development: true }).declare('app', { url: 'http://[::1]:3000' })
    expect(() => declared({ development: true }).declare('app', { url: 'http://10.0.0.1' })).toThrow(
      EndpointRefusedError,
    )
    expect(() => declared({ development: true }).declare('app', { url: 'http://api.example.com' })).toThrow(
      /allowInsecure/,
    )
    expect(() => declared({ allowPrivate: true }).declare('app', { url: 'http://127.0.0.1' })).toThrow(
      /allowInsecure/,
    )
  })
})

describe('a target', () => {
  it('is a URL with ://, and its lane is the origin', () => {
    expect(declared().resolve('https://API.example.com:443/x?y=1')).toEqual({
      lane: 'origin:https://api.example.com',
      url: 'https://api.example.com/x?y=1',
    })
    expect(declared().resolve(new URL('https://api.example.com:8443/x'))).toEqual({
      lane: 'origin:https://api.example.com:8443',
      url: 'https://api.example.com:8443/x',
    })
  })

  it('is a name without it, or an endpoint', () => {
    const endpoints = declared()
    endpoints.declare('app', { url })
    expect(endpoints.resolve('app')).toEqual({ lane: 'endpoint:app' })
    expect(endpoints.resolve({ name: 'app' })).toEqual({ lane: 'endpoint:app' })
  })

  it('that is not declared is an error which names what is', () => {
    const endpoints = declared()
    expect(() => endpoints.resolve('app')).toThrow(/No endpoint 'app' is declared on this server \(none is\)/)
    endpoints.declare('app', { url })
    endpoints.declare('partner', { url })
    expect(() => endpoints.resolve('aap')).toThrow(/declared are 'app', 'partner'/)
    expect(() => endpoints.resolve({ name: 'aap' })).toThrow(InvalidOptionsError)
    expect(() => endpoints.resolve('app')).not.toThrow()
    expect(() => endpoints.resolve('aap')).toThrow(/a URL needs its scheme, as in 'https:\/\/…'/)
    expect(() => endpoints.resolve(undefined as never)).toThrow(InvalidOptionsError)
  })
})

describe('a URL whose scheme was forgotten', () => {
  it.each([
    ['api.example.com', "'api.example.com'", "'https://api.example.com…'"],
    ['api.example.com/hook?key=hunter2', "'api.example.com…'", "'https://api.example.com…'"],
    ['localhost:3000/hunter2', "'localhost:3000…'", "'https://localhost:3000…'"],
    ['api.example.com?key=hunter2', "'api.example.com…'", "'https://api.example.com…'"],
    ['api.example.com#hunter2', "'api.example.com…'", "'https://api.example.com…'"],
    ['user:hunter2@api.example.com', "'api.example.com…'", "'https://api.example.com…'"],
    ['user:hunter2@api.example.com/x', "'api.example.com…'", "'https://api.example.com…'"],
    ['https:/api.example.com?key=hunter2', "'https:…'", "'https://…'"],
    ['/hook?key=hunter2', "'…'", "'https://…'"],
  ])('%s is quoted as far as its host, and the scheme is suggested', (target, shown, suggested) => {
    for (const to of [target, { name: target }]) {
      const resolve = () => declared().resolve(to)
      expect(resolve).toThrow(
        `No endpoint ${shown} is declared on this server (none is); a URL needs its scheme, as in ${suggested}`,
      )
      expect(resolve).not.toThrow(/hunter2/)
    }
  })
})

describe('development', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  const local = { url: 'http://localhost:9999/' }
  const guarded = (publicUrl: string) => openBench({ publicUrl, options: { fetch: undefined as never } })

  it.each(['http://localhost:3000', 'http://127.0.0.1:3000/x', 'http://[::1]:3000'])(
    'is a server at %j',
    async publicUrl => {
      await using bench = await guarded(publicUrl)
      expect(bench.sender.endpoint('app', local).name).toBe('app')
    },
  )

  it.each(['https://hooks.example.com', 'http://10.0.0.1', 'http://localhost.example.com', '', 'localhost'])(
    'is not a server at %j',
    async publicUrl => {
      await using bench = await guarded(publicUrl)
      expect(() => bench.sender.endpoint('app', local)).toThrow(EndpointRefusedError)
    },
  )

  it('is never what is in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    await using bench = await guarded('http://localhost:3000')
    expect(() => bench.sender.endpoint('app', local)).toThrow(EndpointRefusedError)
  })

  it('says nothing about a fetch of the caller: no address is judged then', async () => {
    await using bench = await openBench()
    expect(bench.sender.endpoint('app', { url: 'https://10.0.0.1/' }).name).toBe('app')
  })
})
