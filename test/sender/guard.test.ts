import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { Guard, type GuardOptions, isLoopbackHost } from '../../src/sender/guard.js'

const guard = (options: Partial<Omit<GuardOptions, 'development'>> & { development?: boolean } = {}) =>
  new Guard({ allowPrivate: options.allowPrivate ?? false, development: () => options.development ?? false })

/** What `new URL` makes of a host, as a target's would be. */
const hostOf = (host: string) => new URL(`http://${host}/`).hostname

const refused: readonly (readonly [string, string])[] = [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['fc00::1', 'private'],
  ['fd12:3456::1', 'private'],
  ['fec0::1', 'private'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['100.64.0.1', 'carrier-grade'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.250', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['192.0.2.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['198.51.100.1', 'reserved'],
  ['203.0.113.1', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['100::1', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['3fff::1', 'reserved'],
  ['5f00::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['::10.0.0.1', 'reserved'],
  ['::8.8.8.8', 'reserved'],
  ['::ffff:0:8.8.8.8', 'reserved'],
  ['64:ff9b:1::8.8.8.8', 'reserved'],
  ['2002:a00:1::', 'tunnel'],
  ['2002:808:808::', 'tunnel'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'tunnel'],
  ['::ffff:10.0.0.1', 'private'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:a9fe:a9fe', 'metadata'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['fe80::1%eth0', 'link-local'],
  ['partner.example', 'not an IP address'],
  ['', 'not an IP address'],
]

describe('an address', () => {
  it.each(refused)('%s is refused: %s', (address, words) => {
    expect(guard().judge(address)).toContain(words)
  })

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.255.255',
    '100.63.255.255',
    '100.128.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ])('%s is public', address => {
    expect(guard().judge(address)).toBeUndefined()
  })

  it('is judged the same in every spelling that a URL can have', () => {
    const byte = fc.integer({ min: 0, max: 255 })
    const spellings = fc.constantFrom<(parts: [number, number, number, number]) => string>(
      ([a, b, c, d]) => `${a}.${b}.${c}.${d}`,
      ([a, b, c, d]) => String(((a * 256 + b) * 256 + c) * 256 + d),
      ([a, b, c, d]) => `0x${(((a * 256 + b) * 256 + c) * 256 + d).toString(16)}`,
      ([a, b, c, d]) => `0${(((a * 256 + b) * 256 + c) * 256 + d).toString(8)}`,
      ([a, b, c, d]) => `${a}.${(b * 256 + c) * 256 + d}`,
      ([a, b, c, d]) => `${a}.${b}.${c * 256 + d}`,
      ([a, b, c, d]) => `0x${a.toString(16)}.0${b.toString(8)}.${c}.${d}`,
      ([a, b, c, d]) => `${a}.${b}.${c}.${d}.`,
      ([a, b, c, d]) => `${a}%2e${b}%2E${c}。${d}`,
      ([a, b, c, d]) => `[::ffff:${a}.${b}.${c}.${d}]`,
      ([a, b, c, d]) => `[::ffff:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}]`,
      ([a, b, c, d]) => `[0:0:0:0:0:FFFF:${a}.${b}.${c}.${d}]`,
      ([a, b, c, d]) => `[64:ff9b::${a}.${b}.${c}.${d}]`,
    )
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), spellings, (parts, spell) => {
        expect(guard().judgeHost(hostOf(spell(parts)))).toBe(guard().judge(parts.join('.')))
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    '127.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '0x7f.1',
    '127.0.0.1.',
    '[::1]',
    '[::ffff:7f00:1]',
    '①②⑦.0.0.1',
    'localhost',
    'LOCALHOST.',
    'app.localhost',
  ])('of this machine is refused when it is written as %s', host => {
    expect(guard().judgeHost(hostOf(host))).toBe('a loopback address')
    expect(isLoopbackHost(hostOf(host))).toBe(true)
  })

  it('that is a name says nothing before it is resolved', () => {
    expect(guard().judgeHost('partner.example')).toBeUndefined()
    expect(isLoopbackHost('partner.example')).toBe(false)
    expect(isLoopbackHost('localhost.example.com')).toBe(false)
  })
})

describe('allowPrivate', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.1',
    '169.254.1.1',
    '100.64.0.1',
    'fd12::1',
    'fe80::1',
    '::1',
    '::ffff:10.0.0.1',
  ])('true opens %s', address => {
    expect(guard({ allowPrivate: true }).judge(address)).toBeUndefined()
  })

  it.each([
    '169.254.169.254',
    '100.100.100.200',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '2002:a00:1::',
  ])('true does not open %s', address => {
    expect(guard({ allowPrivate: true }).judge(address)).toBeDefined()
  })

  it('opens the ranges in its list, and nothing beside them', () => {
    const some = guard({ allowPrivate: ['10.1.0.0/16', 'fd12::/16', '169.254.169.254/32'] })
    for (const address of [
      '10.1.0.1',
      '10.1.255.255',
      '::ffff:10.1.2.3',
      '64:ff9b::10.1.2.3',
      'fd12::1',
      '169.254.169.254',
    ]) {
      expect(some.judge(address)).toBeUndefined()
    }
    for (const address of [
      '10.2.0.1',
      '10.0.255.255',
      '127.0.0.1',
      'fd13::1',
      '169.254.170.2',
      '192.168.0.1',
    ]) {
      expect(some.judge(address)).toBeDefined()
    }
  })

  it('takes a range of mapped addresses for the IPv4 addresses in it', () => {
    const some = guard({ allowPrivate: ['::ffff:10.0.0.0/104'] })
    expect(some.judge('10.1.2.3')).toBeUndefined()
    expect(some.judge('192.168.0.1')).toBeDefined()
  })

  it.each([
    [['10.0.0.0']],
    [['10.0.0.0/33']],
    [['private']],
    [['']],
    ['10.0.0.0/8'],
    [[7]],
    [['10/8']],
    [['010.0.0.0/8']],
  ])('%j is an error', list => {
    expect(() => guard({ allowPrivate: list as never })).toThrow(InvalidOptionsError)
  })
})

describe('development', () => {
  it('opens loopback and nothing else', () => {
    const developing = guard({ development: true })
    for (const address of ['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1'])
      expect(developing.judge(address)).toBeUndefined()
    expect(developing.judgeHost('localhost')).toBeUndefined()
    for (const address of ['10.0.0.1', '169.254.169.254', '0.0.0.0', '::'])
      expect(developing.judge(address)).toBeDefined()
  })
})
