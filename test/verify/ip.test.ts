import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import type { RawRequest } from '../../src/model/received.js'
import { type IpOptions, ip } from '../../src/verify/ip.js'
import { reasonFor } from './support/reason.js'
import { toRequest } from './support/request.js'

const ranges = ['203.0.113.0/24', '198.51.100.7', '2001:db8::/32', 'fd12::7']
const none = 'ip: it comes from 8.8.8.8, which is in none of ranges'

const called = (remoteAddress: string, headers: Record<string, string | readonly string[]> = {}) => ({
  remoteAddress,
  headers,
})

describe('by the connection', () => {
  it.each([
    '203.0.113.0',
    '203.0.113.255',
    '198.51.100.7',
    '::ffff:203.0.113.9',
    '2001:db8:ffff::1',
    'fd12::7',
    'fd12:0:0::7',
    'fd12::7%eth0',
  ])('passes %s at once', async address => {
    expect(ip({ ranges })(await toRequest(called(address)))).toBe(true)
  })

  it.each([
    ['203.0.112.255', '203.0.112.255'],
    ['203.0.114.0', '203.0.114.0'],
    ['198.51.100.8', '198.51.100.8'],
    ['::ffff:198.51.100.8', '198.51.100.8'],
    ['::203.0.113.9', '::cb00:7109'],
    ['64:ff9b::203.0.113.9', '64:ff9b::cb00:7109'],
    ['2001:db9::', '2001:db9::'],
    ['fd12::8', 'fd12::8'],
  ])('refuses %s', async (address, shown) => {
    expect(await reasonFor(ip({ ranges }), called(address))).toBe(
      `ip: it comes from ${shown}, which is in none of ranges`,
    )
  })

  it('believes no header', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' }
    expect(await reasonFor(ip({ ranges }), called('8.8.8.8', headers))).toBe(none)
  })

  it.each(['127.0.0.1', '::1', '10.0.0.1', 'fd00::1', 'fe80::1', '100.64.0.1', '::ffff:192.168.0.1'])(
    'says that %s seems to be a proxy, where it brings along the header of one',
    async address => {
      const reason = await reasonFor(ip({ ranges }), called(address, { 'x-forwarded-for': '203.0.113.9' }))
      expect(reason).toMatch(
        /^ip: it comes from \S+, which is in none of ranges; by its header x-forwarded-for it seems to be a proxy: name it in proxies$/,
      )
      expect(await reasonFor(ip({ ranges }), called(address, { forwarded: 'for=203.0.113.9' }))).toMatch(
        /; by its header forwarded it seems/,
      )
      expect(await reasonFor(ip({ ranges }), called(address))).toMatch(/ranges$/)
    },
  )

  it('says what to do where it is not known who connects', async () => {
    const reason =
      'ip: who connects is not known where requests come by server.fetch, by verifyRequest without its option remoteAddress, ' +
      'or through a socket without an address: mount server.node, pass remoteAddress, or say proxies: true where nobody but a proxy of yours can connect'
    expect(await reasonFor(ip({ ranges }), {})).toBe(reason)
    expect(await reasonFor(ip({ ranges, proxies: ['10.0.0.0/8'] }), {})).toBe(reason)
  })

  it('refuses a remote address that is none', async () => {
    expect(await reasonFor(ip({ ranges }), called('localhost'))).toBe(
      'ip: the remote address of the request is no IP address',
    )
  })
})

describe('behind proxies', () => {
  const proxied = (request: RawRequest) => ip({ ranges, proxies: ['10.0.0.0/8', '2001:db8:f::1'] })(request)
  const forwardedFor = (value: string | readonly string[]) => called('10.0.0.1', { 'X-Forwarded-For': value })

  it.each<string | readonly string[]>([
    '203.0.113.9',
    '8.8.8.8, 203.0.113.9',
    'garbage,203.0.113.9',
    '203.0.113.9, 10.0.0.2',
    '203.0.113.9,10.0.0.2 , ::ffff:10.0.0.3,2001:db8:f::1',
    '203.0.113.9:4711',
    '2001:db8::9',
    '[2001:db8::9]',
    '[2001:db8::9]:4711',
    '203.0.113.9, [2001:db8:f::1]:80, 10.0.0.2:12345',
  ])('passes the first address from the right that is no proxy: %j', async value => {
    expect(proxied(await toRequest(forwardedFor(value)))).toBe(true)
  })

  it('reads a header that came several times as one', async () => {
    expect(proxied(await toRequest(forwardedFor(['8.8.8.8', '203.0.113.9', '10.0.0.2'])))).toBe(true)
    expect(await reasonFor(proxied, forwardedFor(['203.0.113.9', '8.8.8.8']))).toBe(
      'ip: it comes from 8.8.8.8, by its header x-forwarded-for, which is in none of ranges',
    )
  })

  it.each([
    ['8.8.8.8', '8.8.8.8'],
    ['203.0.113.9, 8.8.8.8', '8.8.8.8'],
    ['203.0.113.9, 8.8.8.8, 10.0.0.2', '8.8.8.8'],
    ['203.0.113.9, 2001:db7::1', '2001:db7::1'],
  ])('refuses another address, whatever stands left of it: %j', async (value, address) => {
    expect(await reasonFor(proxied, forwardedFor(value))).toBe(
      `ip: it comes from ${address}, by its header x-forwarded-for, which is in none of ranges`,
    )
  })

  it.each([
    '',
    'unknown',
    '203.0.113.9, ',
    '203.0.113.9, unknown',
    '203.0.113.9, unknown, 10.0.0.2',
    '203.0.113.9 8.8.8.8',
    '203.0.113.9:',
    '203.0.113.9:123456',
    '203.0.113.9:x',
    'x203.0.113.9:80',
    '203.0.113.9/32',
    '203.0.113',
    '0xcb.0.113.9',
    '203.0.113.009',
    '[2001:db8::9',
    '2001:db8::9]',
    'x[2001:db8::9]',
    '[2001:db8::9]x',
    '[]',
    '"203.0.113.9"',
    'for=203.0.113.9',
  ])('refuses what is no address: %j', async value => {
    expect(await reasonFor(proxied, forwardedFor(value))).toBe(
      'ip: in x-forwarded-for stands something that is no address',
    )
  })

  it('refuses what names proxies only, or nobody', async () => {
    expect(await reasonFor(proxied, forwardedFor('10.0.0.3, 10.0.0.2'))).toBe(
      'ip: in x-forwarded-for stand proxies only',
    )
    expect(await reasonFor(proxied, called('10.0.0.1'))).toBe('ip: the header x-forwarded-for is missing')
  })

  it('refuses a header that is too long', async () => {
    const value = `${'203.0.113.9,'.repeat(1_400)}203.0.113.9`
    expect(await reasonFor(proxied, forwardedFor(value))).toBe(
      'ip: the header x-forwarded-for has 16811 characters, and at most 16384 are looked at',
    )
  })

  it('judges who connects past them by the connection', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9' }
    expect(await reasonFor(proxied, called('8.8.8.8', headers))).toBe(
      `${none}, nor of proxies, so that its header x-forwarded-for is not believed`,
    )
    // Of a header that is not looked at there is nothing to say.
    expect(await reasonFor(proxied, called('8.8.8.8', { forwarded: 'for=203.0.113.9' }))).toBe(none)
    expect(proxied(await toRequest(called('203.0.113.9', { 'x-forwarded-for': '8.8.8.8' })))).toBe(true)
  })

  it('refuses a proxy that names nobody, also one in ranges', async () => {
    const verify = ip({ ranges: ['10.0.0.0/8'], proxies: ['10.0.0.1'] })
    expect(await reasonFor(verify, called('10.0.0.1'))).toBe('ip: the header x-forwarded-for is missing')
  })

  it('true believes whoever connects, and the last address in the header', async () => {
    const verify = ip({ ranges, proxies: true })
    for (const remoteAddress of [undefined, '8.8.8.8', 'unix']) {
      const given = (value: string) => ({
        headers: { 'x-forwarded-for': value },
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
      })
      expect(verify(await toRequest(given('8.8.8.8, 203.0.113.9')))).toBe(true)
      expect(await reasonFor(verify, given('203.0.113.9, 10.0.0.1'))).toBe(
        'ip: it comes from 10.0.0.1, by its header x-forwarded-for, which is in none of ranges',
      )
    }
    expect(await reasonFor(verify, {})).toBe('ip: the header x-forwarded-for is missing')
  })

  it('reads the header that it is told to', async () => {
    const verify = ip({ ranges, proxies: true, header: 'CF-Connecting-IP' })
    expect(verify(await toRequest({ headers: { 'cf-connecting-ip': '203.0.113.9' } }))).toBe(true)
    expect(await reasonFor(verify, { headers: { 'x-forwarded-for': '203.0.113.9' } })).toBe(
      'ip: the header cf-connecting-ip is missing',
    )
  })
})

describe('by the header forwarded', () => {
  const verify = (request: RawRequest) =>
    ip({ ranges, proxies: ['10.0.0.0/8'], header: 'Forwarded' })(request)
  const forwarded = (value: string) => called('10.0.0.1', { forwarded: value })

  it.each([
    'for=203.0.113.9',
    'For="[2001:db8::9]:4711"',
    'for="203.0.113.9:4711"',
    'for=203.0.113.9;proto=http;by=203.0.113.43',
    'proto=https; FOR=203.0.113.9 ; host="a,b;c"',
    'for=8.8.8.8, for=203.0.113.9',
    'for=203.0.113.9 ,\tfor=10.0.0.2;by=10.0.0.1',
    'for=unknown, for=203.0.113.9',
    'proto=http, for=203.0.113.9',
    'for="a\\"b", for="203\\.0\\.113.9"',
    'for=203.0.113.9;host=""',
    'x-y=z;for=203.0.113.9\t,for=10.0.0.2',
  ])('passes %j', async value => {
    expect(verify(await toRequest(forwarded(value)))).toBe(true)
  })

  it.each(['for=203.0.113.9, for=8.8.8.8', 'for=8.8.8.8;by=203.0.113.9', 'x="for=203.0.113.9";for=8.8.8.8'])(
    'refuses another address: %j',
    async value => {
      expect(await reasonFor(verify, forwarded(value))).toBe(
        'ip: it comes from 8.8.8.8, by its header forwarded, which is in none of ranges',
      )
    },
  )

  it.each([
    'for=unknown',
    'for=_hidden',
    'for=203.0.113.9, proto=https',
    'for=203.0.113.9;for=203.0.113.9',
    'for=203.0.113.9;for=8.8.8.8',
    'for=""',
    'xfor=203.0.113.9',
  ])('refuses what is no address: %j', async value => {
    expect(await reasonFor(verify, forwarded(value))).toBe(
      'ip: in forwarded stands something that is no address',
    )
  })

  it.each([
    '',
    '203.0.113.9',
    'for=203.0.113.9,',
    'for=203.0.113.9;',
    ',for=203.0.113.9',
    'for=203.0.113.9,,for=203.0.113.9',
    '=203.0.113.9',
    'for =203.0.113.9',
    'for= 203.0.113.9',
    'for=203.0.113.9 x',
    'for="203.0.113.9',
    'for=203.0.113.9"',
    'for="203.0.113.9"x',
    'for="203.0.113.9\\"',
    'x="\\", for=203.0.113.9',
    // An opened quote does not swallow what the proxy has put behind it.
    'for=203.0.113.9;x=", for="[2001:db7::1]:4711"',
    'for=203.0.113.9;x=", for=8.8.8.8',
    'for=203.0.113.9;x=", for=8.8.8.8;host="hooks.example.com"',
    'for=203.0.113.9\\, for=8.8.8.8;x="',
  ])('refuses what is not written as it should be: %j', async value => {
    expect(await reasonFor(verify, forwarded(value))).toBe('ip: forwarded is not written as RFC 7239 has it')
  })

  it('refuses proxies only', async () => {
    expect(await reasonFor(verify, forwarded('for=10.0.0.3, for="10.0.0.2:80"'))).toBe(
      'ip: in forwarded stand proxies only',
    )
  })
})

const noRanges =
  "The verifier ip: ranges must be an address or a range, or a list of them, such as ['203.0.113.7', '10.0.0.0/8']"
const noProxies =
  "The verifier ip: proxies must be a list of the addresses of your proxies, such as ['10.0.0.0/8'], or true where nobody else can connect"
const neither = (what: string, shown: string) =>
  `The verifier ip: ${what} holds ${shown}, which is neither an address nor a range: write '203.0.113.7', '10.0.0.0/8' or 'fd12::/16'`

it('takes one range without a list', async () => {
  const verify = ip({ ranges: '203.0.113.0/24', proxies: '10.0.0.0/8' })
  const given = { remoteAddress: '10.0.0.1', headers: { 'x-forwarded-for': '203.0.113.9' } }
  expect(verify(await toRequest(given))).toBe(true)
})

it.each<[unknown, string]>([
  [{}, noRanges],
  [{ ranges: [] }, noRanges],
  [{ ranges: 7 }, noRanges],
  [{ ranges: '203.0.113' }, neither('ranges', '"203.0.113"')],
  [{ ranges: ['203.0.113.7', '203.0.113'] }, neither('ranges', '"203.0.113"')],
  [{ ranges: ['10.0.0.0/33'] }, neither('ranges', '"10.0.0.0/33"')],
  [{ ranges: ['hooks.example.com'] }, neither('ranges', '"hooks.example.com"')],
  [{ ranges: [7] }, neither('ranges', '7')],
  [{ ranges: [['203.0.113.7']] }, neither('ranges', '["203.0.113.7"]')],
  [{ ranges, proxies: false }, noProxies],
  [{ ranges, proxies: '10.0.0' }, neither('proxies', '"10.0.0"')],
  [
    { ranges, proxies: [] },
    "The verifier ip: proxies must be an address or a range, or a list of them, such as ['203.0.113.7', '10.0.0.0/8']",
  ],
  [{ ranges, proxies: ['loopback'] }, neither('proxies', '"loopback"')],
  [
    { ranges, header: 'x-forwarded-for' },
    'The verifier ip: header needs proxies, because anybody can write a header: say whose is believed',
  ],
  [{ ranges, proxies: true, header: 'x forwarded' }, 'The verifier ip: header must be the name of a header'],
  [{ ranges, proxy: true }, "The verifier ip has no option 'proxy'; there are ranges, proxies, header"],
  [undefined, 'The options of the verifier ip must be an object'],
])('does not take %j', (options, message) => {
  expect(() => ip(options as IpOptions)).toThrow(new InvalidOptionsError(message))
})

it('takes brackets for what is around an address, and not for a part of one', async () => {
  const behind = (address: string) => called('10.0.0.1', { 'x-forwarded-for': address })
  const verify = ip({ ranges, proxies: ['10.0.0.0/8'] })
  expect(verify(await toRequest(behind('[2001:db8::7]:80')))).toBe(true)
  expect(await reasonFor(verify, behind('2001:[db8::7]'))).toBe(
    'ip: in x-forwarded-for stands something that is no address',
  )
})
