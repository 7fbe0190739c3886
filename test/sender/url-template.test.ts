import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { toAddress } from '../../src/sender/address.js'
import { type Fillable, fillUrl, toUrlTemplate } from '../../src/sender/url-template.js'
import { openBench } from './bench.js'

const template = (text: string) => toUrlTemplate(text, 'url', each => new URL(each))

function message(payload: unknown, contentType = 'application/json'): Fillable {
  return { headers: [['content-type', contentType]], body: Buffer.from(JSON.stringify(payload)) }
}

const fill = (url: string, payload: unknown) => fillUrl(template(url), message(payload))

/** As often as a server may decode, in whatever order. */
function decodeFully(text: string): string {
  for (let last = '', now = text; ; last = now) {
    if (now === last) return now
    now = now.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    if (now === last) return now
  }
}

const pieces = [
  '.',
  '..',
  '/',
  '\\',
  '%2e',
  '%2E',
  '%252e',
  '%2f',
  '%5c',
  ';',
  '?',
  '#',
  '&',
  '=',
  '@',
  ':',
  '{',
  '}',
  '{id}',
  '//',
  '\r\n',
  "'",
  '\u00e4',
  'a',
  '7',
  ' ',
]
const hostile = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map(parts => parts.join('')),
  fc.string({ unit: 'binary' }),
)

describe('the value of a variable', () => {
  it('never leaves its place: scheme, host, segments and parameters stay what they were', () => {
    const url = 'https://partner.example/api/{one}/v1-{two}{three}/x?a={one}&b=b-{two}#'.replace('#', '')
    fc.assert(
      fc.property(hostile, hostile, hostile, (one, two, three) => {
        let filled: URL
        try {
          filled = toAddress(fill(url, { one, two, three }), { path: '/orders', query: 'z=1' })
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidOptionsError)
          return
        }
        expect(filled.origin).toBe('https://partner.example')
        expect(filled.hash).toBe('')
        const segments = filled.pathname.split('/')
        expect(segments).toHaveLength(6)
        expect([segments[1], segments[4], segments[5]]).toEqual(['api', 'x', 'orders'])
        expect(decodeURIComponent(segments[2] ?? '')).toBe(one)
        expect(decodeURIComponent(segments[3] ?? '')).toBe(`v1-${two}${three}`)
        const seen = decodeFully(filled.pathname)
          .split(/[/\\]/)
          .map(part => part.split(';')[0])
        expect(seen).not.toContain('..')
        expect(seen).not.toContain('.')
        expect([...filled.searchParams]).toEqual([
          ['a', one],
          ['b', `b-${two}`],
          ['z', '1'],
        ])
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['text', 'a/b c', 'a%2Fb%20c'],
    ['a number', 7.5, '7.5'],
    ['a boolean', false, 'false'],
    ['what looks like a variable', '{id}', '%7Bid%7D'],
    ['what looks like a replacement', "$&$'", '%24%26%24%27'],
  ])('may be %s', (_, id, written) => {
    expect(fill('https://x.example/{id}?q={id}', { id })).toBe(`https://x.example/${written}?q=${written}`)
  })

  it('may lie below others, also in a list', () => {
    expect(
      fill('https://x.example/{order.id}/{order.items.1.sku}', {
        order: { id: 7, items: [{}, { sku: 's' }] },
      }),
    ).toBe('https://x.example/7/s')
  })

  it.each<[string, unknown, RegExp]>([
    ['missing', {}, /\{id\}.*nothing there/],
    ['null', { id: null }, /neither text, number nor boolean/],
    ['an object', { id: {} }, /neither text, number nor boolean/],
    ['a list', { id: ['7'] }, /neither text, number nor boolean/],
    ['an empty segment', { id: '' }, /empty text/],
    ['a dot', { id: '.' }, /lead elsewhere/],
    ['two dots', { id: '..' }, /lead elsewhere/],
    ['two encoded dots', { id: '%2e%2e' }, /lead elsewhere/],
    ['dots behind a slash', { id: 'a/..' }, /lead elsewhere/],
    ['half a surrogate pair', { id: '\ud800' }, /half a surrogate pair/],
    ['a number without its last digits', { id: 2 ** 60 }, /lost its last digits/],
    ['inherited', 'text', /nothing there/],
    ['of a payload that is null', null, /nothing there/],
  ])('that is %s is refused, and not quoted', (_, payload, why) => {
    const make = () => fill('https://x.example/{id}', payload)
    expect(make).toThrow(InvalidOptionsError)
    expect(make).toThrow(why)
  })

  it('is not one that every object has', () => {
    expect(() => fill('https://x.example/{constructor.name}', {})).toThrow(/nothing there/)
    expect(() => fill('https://x.example/{__proto__.x}', {})).toThrow(/nothing there/)
    expect(() => fill('https://x.example/{id.length}', { id: 'text' })).toThrow(/nothing there/)
  })

  it('may be empty in a query', () => {
    expect(fill('https://x.example/?q={id}', { id: '' })).toBe('https://x.example/?q=')
  })

  it('comes of JSON, and of nothing else', () => {
    const url = template('https://x.example/{id}')
    const words = /\{id\}, which is taken from the body of the message, so that must be JSON/
    expect(() => fillUrl(url, message({ id: 7 }, 'text/plain'))).toThrow(words)
    expect(() => fillUrl(url, { headers: [], body: Buffer.from('{"id":7}') })).toThrow(words)
    const broken = { ...message(7), body: Buffer.from('{"id":hunter2') }
    expect(() => fillUrl(url, broken)).toThrow(words)
    expect(() => fillUrl(url, broken)).not.toThrow(/hunter2/)
    expect(fillUrl(url, message({ id: 7 }, 'application/cloudevents+json; charset=utf-8'))).toBe(
      'https://x.example/7',
    )
  })
})

describe('a URL with variables', () => {
  it('keeps what is no variable as any other URL does', () => {
    expect(template('HTTPS://X.example:443/a b/{id}?q=\u00e4')).toEqual({
      url: 'https://x.example/a%20b/{id}?q=%C3%A4',
      variables: ['id'],
    })
    expect(template('https://x.example/a%7Bid%7D')).toEqual({
      url: 'https://x.example/a%7Bid%7D',
      variables: [],
    })
    expect(fill('https://x.example/%7Bid%7D/{id}', { id: 7 })).toBe('https://x.example/%7Bid%7D/7')
    expect(fill('https://x.example/varx/var0z/{id}/{id}', { id: 7 })).toBe('https://x.example/varx/var0z/7/7')
    const many = Array.from({ length: 12 }, (_, n) => `{v.${n}}`).join('-')
    expect(fill(`https://x.example/${many}`, { v: [...'abcdefghijkl'] })).toBe(
      'https://x.example/a-b-c-d-e-f-g-h-i-j-k-l',
    )
  })

  it.each([
    '{scheme}://x.example/',
    'https://{tenant}.example/',
    'https://x.example:{port}/',
    'https://{user}@x.example/',
    'https://ada:{password}@x.example/',
    '{url}',
    'https://{host}',
    'https:/{host}/',
    'https:\\\\{host}/',
    'https://x.example/{id}/../y',
    'https://x.example/{id}/%2e%2e/y',
  ])('has them in its path and query only: %s', text => {
    expect(() => template(text)).toThrow(InvalidOptionsError)
    expect(() => template(text)).toThrow(/may stand in its path and its query only/)
  })

  it.each([
    'https://x.example/{',
    'https://x.example/}',
    'https://x.example/{}',
    'https://x.example/{a b}',
    'https://x.example/{a..b}',
    'https://x.example/{{a}}',
    'https://x.example/{+path}',
    'https://x.example/{a,b}',
    'https://x.example/?filter={"a":1}',
  ])('has no other braces: %s', text => {
    expect(() => template(text)).toThrow(/a brace that is no variable's.*%7B/)
  })
})

describe('an endpoint with variables in its URL', () => {
  const url = 'https://app.example/orders/{order.id}?region={region}'

  it('is sent each message at its own address', async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', { url })
    for (const id of ['a/b', 7]) {
      await bench.sender.send(undefined, {
        to: 'app',
        path: 'accept',
        query: { x: '1' },
        body: { order: { id }, region: 'berlin' },
      })
    }
    await bench.clock.settle()
    expect(bench.seen.map(seen => seen.url)).toEqual([
      'https://app.example/orders/a%2Fb/accept?region=berlin&x=1',
      'https://app.example/orders/7/accept?region=berlin&x=1',
    ])
  })

  it('refuses a message that lacks one, when it is sent', async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', { url })
    const sending = bench.sender.send(undefined, { to: 'app', body: { order: {}, region: 'berlin' } })
    await expect(sending).rejects.toThrow(InvalidOptionsError)
    await expect(sending).rejects.toThrow(/\{order\.id\}/)
    expect(bench.seen).toHaveLength(0)
  })

  it('that got them later ends a message that lacks one, in words', async () => {
    await using bench = await openBench({ world: () => new Response(null, { status: 503 }) })
    bench.sender.endpoint('app', { url: 'https://app.example/orders' })
    const delivery = await bench.sender.send(undefined, { to: 'app', body: 'hunter2' })
    await bench.clock.advance('1s')
    bench.sender.endpoint('app', { url })
    await bench.clock.advance('10s')
    expect(await delivery.done()).toBe('dead')
    expect((await delivery.attempts()).at(-1)?.error).toMatch(
      /^The URL of the endpoint has \{order\.id\}, \{region\}.*must be JSON$/,
    )
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'refused' })
    expect(bench.seen).toHaveLength(1)
  })

  it('is no URL that was written out: there a brace is a brace', async () => {
    await using bench = await openBench()
    await bench.sender.send(undefined, { to: 'https://app.example/{id}?q={id}', body: { id: 7 } })
    await bench.clock.settle()
    expect(bench.seen[0]?.url).toBe('https://app.example/%7Bid%7D?q={id}')
  })
})
