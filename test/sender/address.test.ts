import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { encodePath, encodeQuery, toAddress } from '../../src/sender/address.js'

const base = 'https://api.example.com:8443/v1/tenant%207'

/** What a third party may try, beside anything at all. */
const hostile = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '../../admin',
    '..\\..\\admin',
    '%2e%2e',
    '.%2E',
    '%2E%2e/%2e%2E',
    '%252e%252e',
    '..%2f..%2fadmin',
    '..%5cadmin',
    '..;/admin',
    '..;x',
    '%2e%2e%3b/x',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '@evil.example',
    ':80',
    '?x',
    '#x',
    '.. ',
    ' ..',
    '..\t',
    '\t..',
    '..\n',
    '.\n.',
    '..\0',
    '\u2025',
    '\uff0e\uff0e',
    '\ud800',
    '',
  ),
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '.',
      '/',
      '\\',
      '%',
      '2',
      'e',
      'E',
      'f',
      '5',
      'c',
      '?',
      '#',
      ':',
      '@',
      ';',
      ' ',
      '\t',
      'a',
    ),
  }),
)

/** Segments as a server would see them that decodes until nothing is left to decode. */
function decodedSegments(pathname: string): string[] {
  let decoded = pathname
  for (let last = ''; last !== decoded; ) {
    last = decoded
    decoded = decoded.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
  return decoded.split(/[/\\]/).map(segment => segment.split(';')[0] ?? '')
}

function stays(path: string | readonly string[]): URL | undefined {
  let address: URL
  try {
    address = toAddress(base, { path: encodePath(path), query: '' })
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionsError)
    return undefined
  }
  const again = new URL(address.href)
  expect(again.origin).toBe('https://api.example.com:8443')
  expect(again.username + again.password + again.search + again.hash).toBe('')
  expect(again.pathname === '/v1/tenant%207' || again.pathname.startsWith('/v1/tenant%207/')).toBe(true)
  expect(decodedSegments(again.pathname)).not.toContain('..')
  expect(decodedSegments(again.pathname)).not.toContain('.')
  return again
}

describe("a third party's data in a path", () => {
  it("as an element of a list never leaves the endpoint's host or prefix, and stays one segment", () => {
    fc.assert(
      fc.property(hostile, element => {
        const address = stays(['orders', element, 'accept'])
        if (address === undefined) return
        const segments = address.pathname.split('/')
        expect(segments).toHaveLength(6)
        expect(decodeURIComponent(segments[4] ?? '')).toBe(element)
      }),
      { numRuns: 5_000 },
    )
  })

  it("as a text is refused or never leaves the endpoint's host or prefix", () => {
    fc.assert(
      fc.property(hostile, path => void stays(path)),
      { numRuns: 5_000 },
    )
    fc.assert(
      fc.property(hostile, path => void stays(`orders/${path}/accept`)),
      { numRuns: 5_000 },
    )
  })
})

describe('path', () => {
  it.each([
    [undefined, ''],
    ['', ''],
    ['orders', '/orders'],
    ['/orders/', '/orders/'],
    ['orders/7/accept', '/orders/7/accept'],
    ['städte/köln ost', '/st%C3%A4dte/k%C3%B6ln%20ost'],
    ['a%20b/100%', '/a%20b/100%25'],
    ['v1/orders:cancel', '/v1/orders:cancel'],
    [['orders', '7/8', 'a b?c#d'], '/orders/7%2F8/a%20b%3Fc%23d'],
    [['100%', '%20'], '/100%25/%2520'],
    [[], ''],
    ['a...b/..c/d..', '/a...b/..c/d..'],
  ])('%j becomes %j', (path, encoded) => {
    expect(encodePath(path)).toBe(encoded)
  })

  it.each([
    ['..', /'\.\.'/],
    ['a/../b', /'\.\.'/],
    ['a/./b', /'\.\.'/],
    ['a/%2e%2E/b', /'\.\.'/],
    ['a/.%2e', /'\.\.'/],
    ['a/%252e%252e/b', /'\.\.'/],
    ['//evil.example', /'\/\/'/],
    ['a//b', /'\/\/'/],
    ['https://evil.example/', /scheme/],
    ['mailto:x', /scheme/],
    ['a\\b', /backslash/],
    ['a\tb', /control/],
    ['a\0b', /control/],
    ['a?x=1', /query/],
    ['a#x', /query/],
    ['\ud800', /Unicode/],
    [['a', ''], /path\[1\] is empty/],
    [['..'], /'\.\.'/],
    [['../../admin'], /'\.\.'/],
    [['\ud800'], /Unicode/],
    [[7], /path\[0\] must be a text/],
    [7, /a text or a list/],
  ])('%j is an error that says why', (path, why) => {
    expect(() => encodePath(path as never)).toThrow(why)
    expect(() => encodePath(path as never)).toThrow(InvalidOptionsError)
  })

  it.each([
    ['https://x.example', '/a', '', 'https://x.example/a'],
    ['https://x.example/', '', '', 'https://x.example/'],
    ['https://x.example/v1/', '/a', '', 'https://x.example/v1/a'],
    ['https://x.example/v1/', '', '', 'https://x.example/v1/'],
    ['https://x.example/v1?key=a%20b', '/a', 'b=2', 'https://x.example/v1/a?key=a%20b&b=2'],
    ['https://x.example/v1', '', 'b=2', 'https://x.example/v1?b=2'],
  ])('%s with %j and %j is %s', (url, path, query, address) => {
    expect(toAddress(url, { path, query }).href).toBe(address)
  })
})

describe('query', () => {
  it('is encoded, in the order given', () => {
    expect(encodeQuery({ z: 'ä&b=c', a: '#?/' })).toBe('z=%C3%A4%26b%3Dc&a=%23%3F%2F')
    expect(encodeQuery(undefined)).toBe('')
  })

  it.each([[{ a: 1 }], [{ a: undefined }], ['a=1'], [new URLSearchParams('a=1')], [['a']]])(
    '%j is an error',
    query => {
      expect(() => encodeQuery(query as never)).toThrow(InvalidOptionsError)
    },
  )
})
