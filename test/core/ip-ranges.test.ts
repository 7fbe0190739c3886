import { describe, expect, it } from 'vitest'
import { isV6, isWithin, parseIpAddress, parseIpRange, rangeOfOne } from '../../src/core/ip-ranges.js'

describe('an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:DB8:0::0001', '2001:db8::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['::203.0.113.7', '::cb00:7107'],
    ['::ffff:0:203.0.113.7', '::ffff:0:cb00:7107'],
    ['64:ff9b::203.0.113.7', '64:ff9b::cb00:7107'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:203.0.113.7%eth0', '203.0.113.7'],
  ])('%s is read as %s', (text, read) => {
    expect(parseIpAddress(text)?.toString()).toBe(read)
  })

  it.each([
    '',
    'partner.example',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '010.0.0.1',
    '1.2.3.256',
    ' 1.2.3.4',
    '1.2.3.4%eth0',
    '[::1]',
    '::1::',
    '1.2.3.4:80',
    '1.2.3.4/32',
  ])('is not what is written as %j', text => {
    expect(parseIpAddress(text)).toBeUndefined()
  })

  it('knows its version', () => {
    expect(['1.2.3.4', '::ffff:1.2.3.4', '::1'].map(text => isV6(parseIpAddress(text) as never))).toEqual([
      false,
      false,
      true,
    ])
  })
})

const holds = (range: string, address: string) =>
  isWithin(parseIpAddress(address) as never, [parseIpRange(range) as never])

describe('a range', () => {
  it.each([
    ['10.0.0.0/8', '10.255.255.255', '11.0.0.0'],
    ['10.1.2.3/8', '10.0.0.0', '9.255.255.255'],
    ['203.0.113.7/32', '203.0.113.7', '203.0.113.6'],
    ['203.0.113.6/31', '203.0.113.7', '203.0.113.8'],
    ['0.0.0.0/0', '255.255.255.255', '::1'],
    ['::/0', 'ffff::1', '1.2.3.4'],
    ['2001:db8::/32', '2001:db8:ffff::1', '2001:db9::'],
    ['2001:db8::7/128', '2001:db8::7', '2001:db8::6'],
    ['fe80::1%eth0/64', 'fe80::2', 'fe81::2'],
    ['::ffff:10.0.0.0/104', '10.255.255.255', '11.0.0.0'],
    ['::ffff:0:0/96', '1.2.3.4', '::1:0:1'],
    ['::8.8.8.0/120', '::8.8.8.8', '8.8.8.8'],
  ])('%s holds %s and not %s', (range, inside, outside) => {
    expect(holds(range, inside)).toBe(true)
    expect(holds(range, outside)).toBe(false)
  })

  it('of mapped addresses that is wider than all of IPv4 holds none', () => {
    expect(holds('::ffff:0:0/95', '1.2.3.4')).toBe(false)
  })

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/99',
    '2001:db8::/129',
    '2001:db8::/1280',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'x/10.0.0.0/8',
    '/8',
    '10/8',
    '010.0.0.0/8',
    '10.0.0.0/8 ',
    ' 10.0.0.0/8',
    '10.0.0.0/x',
    '10.0.0.0/255.0.0.0',
    'private/8',
    '',
  ])('is not what is written as %j', text => {
    expect(parseIpRange(text)).toBeUndefined()
  })

  it('of one address holds that address alone', () => {
    const some = ['203.0.113.7', '2001:db8::7'].map(text => rangeOfOne(parseIpAddress(text) as never))
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::7'])
      expect(isWithin(parseIpAddress(address) as never, some)).toBe(true)
    for (const address of ['203.0.113.6', '2001:db8::6', '::'])
      expect(isWithin(parseIpAddress(address) as never, some)).toBe(false)
  })

  it('is one of several, and no address is within none', () => {
    const address = parseIpAddress('10.0.0.1') as never
    expect(
      isWithin(address, [parseIpRange('11.0.0.0/8') as never, parseIpRange('10.0.0.0/8') as never]),
    ).toBe(true)
    expect(isWithin(address, [])).toBe(false)
  })
})
