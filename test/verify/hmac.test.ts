import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, VerificationError } from '../../src/errors.js'
import { type HmacOptions, hmac } from '../../src/verify/hmac.js'
import { type Given, NOW, NOW_S, toRequest } from './support/request.js'

const secret = 'a secret of ours'
const body = '{"id":"evt_7","at":1614265330}'

const signatureOf = (
  content: string | Uint8Array,
  { hash = 'sha256', key = secret as string | Buffer } = {},
) => createHmac(hash, key).update(content).digest()

/** The reason why a request does not pass; the verdict when it does. */
async function outcome(options: HmacOptions, given: Given): Promise<unknown> {
  const request = await toRequest(given)
  try {
    return hmac(options)(request)
  } catch (error) {
    expect(error).toBeInstanceOf(VerificationError)
    return (error as VerificationError).message
  }
}

/** As a template that was not filled in has it. */
const unfilled = (name: string) => `$\{${name}}`

/** A signature by its looks. */
const anybodys = '0'.repeat(64)

const plain: HmacOptions = { secret, signature: 'acme-signature' }
const timed: HmacOptions = {
  secret,
  name: 'acme',
  content: '{timestamp}.{body}',
  signature: { header: 'acme-signature', separator: ',', prefix: 'v1=' },
  timestamp: { header: 'acme-signature', separator: ',', prefix: 't=' },
}
const timedHeader = (seconds: number | string, more = '') =>
  `t=${seconds},v1=${signatureOf(`${seconds}.${body}`).toString('hex')}${more}`

describe('what passes', () => {
  it('is a body under its signature', async () => {
    const headers = { 'acme-signature': signatureOf(body).toString('hex') }
    expect(await outcome(plain, { headers, body })).toBe(true)
  })

  it('is every byte, and none at all', async () => {
    for (const bytes of [Uint8Array.from({ length: 256 }, (_, byte) => byte), new Uint8Array()]) {
      const headers = { 'acme-signature': signatureOf(bytes).toString('hex') }
      expect(await outcome(plain, { headers, body: bytes })).toBe(true)
    }
  })

  it.each(['sha256', 'sha1', 'sha384', 'sha512'] as const)(
    'is signed with %s when that is asked for',
    async hash => {
      const headers = { 'acme-signature': signatureOf(body, { hash }).toString('hex') }
      expect(await outcome({ ...plain, hash }, { headers, body })).toBe(true)
      const other = hash === 'sha1' ? 'sha256' : 'sha1'
      expect(await outcome({ ...plain, hash: other }, { headers, body })).toMatch(/cannot be a sha/)
    },
  )

  it.each(['hex', 'base64', 'base64url'] as const)(
    'is written in %s, and in nothing else',
    async encoding => {
      // The signature of this body has characters in which base64 and base64url differ.
      const content = 'body 1'
      const written = (as: typeof encoding) => ({ 'acme-signature': signatureOf(content).toString(as) })
      expect(written('base64')).not.toEqual(written('base64url'))
      for (const as of ['hex', 'base64', 'base64url'] as const) {
        const verdict = await outcome({ ...plain, encoding }, { headers: written(as), body: content })
        expect(verdict).toEqual(as === encoding ? true : expect.stringMatching(/cannot be a sha256/))
      }
    },
  )

  it('is hex in upper case, too, but base64 in its own', async () => {
    const bytes = signatureOf(body)
    const upper = (as: 'hex' | 'base64') => ({ 'acme-signature': bytes.toString(as).toUpperCase() })
    expect(await outcome(plain, { headers: upper('hex'), body })).toBe(true)
    expect(await outcome({ ...plain, encoding: 'base64' }, { headers: upper('base64'), body })).toMatch(
      /does not match/,
    )
  })

  it.each([
    ['utf8', 'ÄÖÜ and 漢字', Buffer.from('ÄÖÜ and 漢字')],
    ['base64', 'AQIDBA==', Buffer.from([1, 2, 3, 4])],
    ['base64', 'AQIDBA', Buffer.from([1, 2, 3, 4])],
    ['base64', '+/+/', Buffer.from([0xfb, 0xff, 0xbf])],
    ['base64', 'AQIDBAUGBwgJ', Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9])],
    ['hex', '00ffAb', Buffer.from([0, 255, 0xab])],
  ] as const)('has a key that is written in %s: %s', async (key, written, bytes) => {
    const headers = { 'acme-signature': signatureOf(body, { key: bytes }).toString('hex') }
    expect(await outcome({ ...plain, secret: written, key }, { headers, body })).toBe(true)
  })

  it('is signed with one of several secrets', async () => {
    const headers = { 'acme-signature': signatureOf(body).toString('hex') }
    expect(await outcome({ ...plain, secret: ['the next one', secret] }, { headers, body })).toBe(true)
    expect(await outcome({ ...plain, secret: ['the next one'] }, { headers, body })).toMatch(/another secret/)
  })

  it('has one good signature among several', async () => {
    const headers = { 'acme-signature': `v0=${'0'.repeat(64)},v1=${'0'.repeat(64)}, ${timedHeader(NOW_S)}` }
    expect(await outcome(timed, { headers, body })).toBe(true)
  })

  it('has its signature under the first of several names that is there', async () => {
    const options = { ...plain, signature: { header: ['new-signature', 'old-signature'] } }
    const good = signatureOf(body).toString('hex')
    expect(await outcome(options, { headers: { 'old-signature': good }, body })).toBe(true)
    expect(await outcome(options, { headers: { 'new-signature': good, 'old-signature': 'x' }, body })).toBe(
      true,
    )
    expect(
      await outcome(options, { headers: { 'new-signature': 'x', 'old-signature': good }, body }),
    ).toMatch(/cannot be a sha256/)
  })

  it('has method, URL, id and time signed where they are part of the content', async () => {
    const options: HmacOptions = {
      ...plain,
      content: '{method} {url}\n{id}\n{timestamp}\n{body}!',
      id: 'acme-id',
      timestamp: 'acme-time',
    }
    const headers = { 'acme-id': 'dlv_1', 'acme-time': String(NOW_S) }
    const url = 'https://hooks.example.com/r/token/below?x=1'
    const content = `PUT ${url}\ndlv_1\n${NOW_S}\n${body}!`
    const all = { ...headers, 'acme-signature': signatureOf(content).toString('hex') }
    const good = { headers: all, body, url, method: 'PUT' }
    expect(await outcome(options, good)).toEqual({ deliveryId: 'dlv_1' })
    for (const changed of [
      { method: 'POST' },
      { url: 'https://hooks.example.com/r/other' },
      { body: '{}' },
      { headers: { ...all, 'acme-id': 'dlv_2' } },
      { headers: { ...all, 'acme-time': String(NOW_S + 1) } },
    ]) {
      expect(await outcome(options, { ...good, ...changed })).toMatch(/does not match/)
    }
  })
})

describe('the delivery id', () => {
  const headers = { 'acme-signature': signatureOf(body).toString('hex') }

  it.each([
    ['id', { deliveryId: 'evt_7' }],
    ['at', { deliveryId: '1614265330' }],
    ['nothing', true],
  ])('is a field of the signed body: %s', async (field, verdict) => {
    expect(await outcome({ ...plain, id: { field } }, { headers, body })).toEqual(verdict)
  })

  it.each([
    '[]',
    '7',
    'null',
    'no JSON',
    '',
    '{"id":null}',
    '{"id":{}}',
    '{"id":""}',
    '{"id":true}',
    '{"id":9007199254740993}',
    '{"id":1.5}',
  ])('is missing, and no reason to refuse: %s', async content => {
    const signed = { 'acme-signature': signatureOf(content).toString('hex') }
    expect(await outcome({ ...plain, id: { field: 'id' } }, { headers: signed, body: content })).toBe(true)
  })

  it('is nothing of a body that is a text', async () => {
    const signed = { 'acme-signature': signatureOf('"text"').toString('hex') }
    expect(await outcome({ ...plain, id: { field: 'length' } }, { headers: signed, body: '"text"' })).toBe(
      true,
    )
  })

  it('is nothing that an object has from birth', async () => {
    expect(await outcome({ ...plain, id: { field: 'constructor' } }, { headers, body })).toBe(true)
  })

  it.each([
    ['data.id', '{"data":{"id":"d1"}}', 'd1'],
    ['data.more.id', '{"data":{"more":{"id":7}}}', '7'],
    ['data.more.id', '{"data":{"more.id":"d1"}}', 'd1'],
    ['event.id', '{"event.id":"d1","event":{"id":"other"}}', 'd1'],
    ['data.', '{"data":{"":"d1"}}', 'd1'],
  ])(
    'is a field further inside, where none has that very name: %s of %s',
    async (field, content, deliveryId) => {
      const signed = { 'acme-signature': signatureOf(content).toString('hex') }
      expect(await outcome({ ...plain, id: { field } }, { headers: signed, body: content })).toEqual({
        deliveryId,
      })
    },
  )

  it.each([
    ['data.id', '{"id":"other"}'],
    ['data.id', '{"data":null}'],
    ['data.id', '{"data":"id"}'],
    ['data.id', '{"data":{}}'],
    ['data.id', '{"data":{"id":{}}}'],
    ['data.length', '{"data":"text"}'],
    ['data.length', '{"data":[1,2]}'],
    ['data.0', '{"data":[1]}'],
    ['0', '["id"]'],
    ['constructor.name', '{}'],
    ['data.constructor.name', '{"data":{}}'],
    ['dat', '{"data":{"":"other"}}'],
    ['data', '{"data":{"":"other"}}'],
  ])('is no other field than that: not %s of %s', async (field, content) => {
    const signed = { 'acme-signature': signatureOf(content).toString('hex') }
    expect(await outcome({ ...plain, id: { field } }, { headers: signed, body: content })).toBe(true)
  })

  it('is a header', async () => {
    const id = 'acme-id'
    expect(await outcome({ ...plain, id }, { headers: { ...headers, [id]: 'd1' }, body })).toEqual({
      deliveryId: 'd1',
    })
    expect(await outcome({ ...plain, id }, { headers, body })).toBe(true)
    expect(await outcome({ ...plain, id }, { headers: { ...headers, [id]: '' }, body })).toBe(true)
  })
})

describe('the time', () => {
  it.each([
    [-300, true],
    [
      -301,
      'acme: it is signed, but its timestamp is 301 s behind our clock, and 5m are tolerated: one of the clocks is wrong, or an old request was sent again',
    ],
    [300, true],
    [
      301,
      'acme: it is signed, but its timestamp is 301 s ahead of our clock, and 5m are tolerated: one of the clocks is wrong',
    ],
  ])('may be five minutes off, to either side: %i s', async (seconds, verdict) => {
    const headers = { 'acme-signature': timedHeader(NOW_S + seconds) }
    expect(await outcome(timed, { headers, body })).toBe(verdict)
  })

  it.each([
    [1_000, true],
    [1_001, /1 s behind our clock, and 1s are tolerated/],
    [-1_000, true],
    [-1_001, /1 s ahead of our clock/],
  ])('is as exact as the tolerance that is given: the clock is %i ms further', async (ms, verdict) => {
    const given = { headers: { 'acme-signature': timedHeader(NOW_S) }, body, at: NOW + ms }
    const found = await outcome({ ...timed, tolerance: '1s' }, given)
    if (typeof verdict === 'boolean') expect(found).toBe(verdict)
    else expect(found).toMatch(verdict)
  })

  it.each([
    ['s', NOW, 'milliseconds, and is read as seconds'],
    ['ms', NOW_S, 'seconds, and is read as milliseconds'],
  ] as const)('seems to count something else than %s', async (unit, timestamp, words) => {
    const given = { headers: { 'acme-signature': timedHeader(timestamp) }, body }
    expect(await outcome({ ...timed, unit }, given)).toBe(
      `acme: it is signed, but its timestamp seems to count ${words}: set unit`,
    )
    const other = unit === 's' ? 'ms' : 's'
    expect(await outcome({ ...timed, unit: other }, given)).toBe(true)
  })

  it('may count what it likes within its tolerance', async () => {
    const headers = { 'acme-signature': timedHeader(NOW_S) }
    expect(await outcome({ ...timed, unit: 'ms', tolerance: '20000d' }, { headers, body })).toBe(true)
  })

  it('seems to count something else also where a clock is off by a year', async () => {
    const headers = { 'acme-signature': timedHeader(NOW - 365 * 86_400_000) }
    expect(await outcome(timed, { headers, body })).toMatch(/seems to count milliseconds/)
  })

  it.each([0, 1, NOW_S + 20 * 365 * 86_400])('is far off, and counts what it should: %i', async timestamp => {
    const found = await outcome(timed, { headers: { 'acme-signature': timedHeader(timestamp) }, body })
    expect(found).toMatch(/(?:ahead of|behind) our clock/)
    expect(found).not.toMatch(/seems/)
  })

  it('is not looked at when that is asked for', async () => {
    const headers = { 'acme-signature': timedHeader(1) }
    expect(await outcome({ ...timed, tolerance: false }, { headers, body })).toBe(true)
  })

  it('is counted in milliseconds when that is said', async () => {
    const options = { ...timed, unit: 'ms' as const, tolerance: 1_000 }
    for (const [ms, verdict] of [
      [0, true],
      [1_000, true],
      [1_001, false],
      [-1_000, true],
      [-1_001, false],
    ] as const) {
      const found = await outcome(options, { headers: { 'acme-signature': timedHeader(NOW + ms) }, body })
      expect(found === true).toBe(verdict)
    }
  })

  it.each(['soon', '-1', '1e9', '1614265330.0', '0x60380d72', `${NOW_S}0000000`, ` ${NOW_S}x`])(
    'is a whole number: not %s',
    async text => {
      const found = await outcome(timed, { headers: { 'acme-signature': timedHeader(text.trim()) }, body })
      expect(found).toBe(
        'acme: its timestamp is not a whole number: look at the prefix and separator of timestamp',
      )
    },
  )

  it('may be a field of the signed body', async () => {
    const options: HmacOptions = { ...plain, name: 'acme', timestamp: { field: 'at' }, tolerance: '1m' }
    const headers = { 'acme-signature': signatureOf(body).toString('hex') }
    expect(await outcome(options, { headers, body })).toBe(true)
    expect(await outcome(options, { headers, body, at: NOW + 61_000 })).toMatch(
      /61 s behind our clock, and 1m/,
    )
    const without = { headers: { 'acme-signature': signatureOf('{}').toString('hex') }, body: '{}' }
    expect(await outcome(options, without)).toBe('acme: it is signed, but has no timestamp')
    expect(await outcome({ ...options, tolerance: false }, without)).toBe(true)
  })

  it('is not read from a body that is not the sender’s', async () => {
    const options: HmacOptions = { ...plain, timestamp: { field: 'at' } }
    const found = await outcome(options, { headers: { 'acme-signature': anybodys }, body: '{"at":1}' })
    expect(found).toMatch(/does not match/)
  })
})

describe('the reason why not', () => {
  it.each([
    [plain, {}, 'hmac: it has no signature: the header acme-signature is missing'],
    [timed, {}, 'acme: it has no signature: the header acme-signature is missing'],
    [
      { ...plain, signature: { header: ['A-Signature', 'b-signature'] } },
      {},
      'hmac: it has no signature: the header a-signature or b-signature is missing',
    ],
    [
      timed,
      { 'acme-signature': `t=${NOW_S},v0=00` },
      "acme: it has no signature of the kind that is checked: in the header acme-signature, a value that begins with 'v1=' is missing: look at the prefix and separator of signature",
    ],
    [
      timed,
      { 'acme-signature': 'v1=00' },
      "acme: it has no timestamp: in the header acme-signature, a value that begins with 't=' is missing",
    ],
    [
      timed,
      { 'acme-signature': 't=,v1=00' },
      "acme: it has no timestamp: in the header acme-signature, a value that begins with 't=' is missing",
    ],
    [
      { ...plain, content: '{id}.{body}', id: 'acme-id' },
      { 'acme-signature': '00' },
      'hmac: it has no id: the header acme-id is missing',
    ],
    [
      plain,
      { 'acme-signature': anybodys },
      'hmac: its signature does not match: it was signed with another secret, or changed on the way; or content, hash and key are not those of its sender',
    ],
    [
      { ...plain, content: '{url}{body}' },
      { 'acme-signature': anybodys },
      'hmac: its signature does not match: it was signed with another secret, or changed on the way, or was called under another URL than we think; or content, hash and key are not those of its sender',
    ],
  ])('says what is missing: %#', async (options, headers, reason) => {
    expect(await outcome(options as HmacOptions, { headers: headers as Record<string, string>, body })).toBe(
      reason,
    )
  })

  it.each([
    [{ ...timed, signature: { header: 'acme-signature', prefix: 'v1=' } }],
    [{ ...timed, signature: { header: 'acme-signature', separator: ';', prefix: 'v1=' } }],
  ])('says that a signature stands further on in its header: %#', async options => {
    const headers = { 'acme-signature': timedHeader(NOW_S) }
    expect(await outcome(options as HmacOptions, { headers, body })).toBe(
      "acme: it has no signature of the kind that is checked: in the header acme-signature, a value that begins with 'v1=' is missing: look at the prefix and separator of signature",
    )
  })

  it('says that the URL is not known', async () => {
    const options: HmacOptions = { ...plain, content: '{url}{body}' }
    const found = await outcome(options, { headers: { 'acme-signature': '00' }, body, url: '' })
    expect(found).toBe(
      'hmac: its URL is part of what is signed, and is not known here: pass url, with scheme and host',
    )
  })

  it('says that a secret which is no longer accepted was used', async () => {
    const headers = { 'acme-signature': signatureOf(body, { key: 'the last one' }).toString('hex') }
    const options = { ...plain, retired: ['one before that', 'the last one'] }
    expect(await outcome(options, { headers, body })).toBe(
      'hmac: it is signed with a secret that is no longer accepted: its sender has not changed to the current one',
    )
    expect(await outcome({ ...plain, retired: 'the last one' }, { headers, body })).toMatch(
      /no longer accepted/,
    )
    expect(await outcome({ ...plain, retired: [] }, { headers, body })).toMatch(/does not match/)
  })

  it.each<[Partial<HmacOptions>, string, string]>([
    [{}, `sha256=${anybodys}`, 'a sha256 in hex (64 characters are needed, it has 71)'],
    [{}, '', 'a sha256 in hex (64 characters are needed, it has 0)'],
    [{}, signatureOf(body).toString('base64'), 'a sha256 in hex (64 characters are needed, it has 44)'],
    [{}, `x${'0'.repeat(63)}`, 'a sha256 in hex (64 characters are needed, it has others)'],
    [{}, `${'0'.repeat(63)}x`, 'a sha256 in hex (64 characters are needed, it has others)'],
    [{}, `0${anybodys}`, 'a sha256 in hex (64 characters are needed, it has 65)'],
    [{}, anybodys.slice(1), 'a sha256 in hex (64 characters are needed, it has 63)'],
    [{ hash: 'sha1' }, anybodys, 'a sha1 in hex (40 characters are needed, it has 64)'],
    [{ encoding: 'base64' }, anybodys, 'a sha256 in base64 (44 characters are needed, it has 64)'],
    [
      { encoding: 'base64', hash: 'sha384' },
      '-'.repeat(64),
      'a sha384 in base64 (64 characters are needed, it has others)',
    ],
    [
      { encoding: 'base64url', hash: 'sha384' },
      '+'.repeat(64),
      'a sha384 in base64url (64 characters are needed, it has others)',
    ],
  ])('is that it can be no such signature: %o, %s', async (setting, signature, what) => {
    expect(await outcome({ ...plain, ...setting }, { headers: { 'acme-signature': signature }, body })).toBe(
      `hmac: its signature cannot be ${what}: look at hash, encoding, and the prefix and separator of signature`,
    )
  })

  it.each<[Partial<HmacOptions>, string]>([
    [{}, 'ABCDEFabcdef0189'.repeat(4)],
    [{ encoding: 'base64' }, `${'azAZ09+/'.repeat(5)}abc=`],
    [{ encoding: 'base64url' }, `${'azAZ09_-'.repeat(5)}abc`],
  ])('is that it does not match, of what could be one: %o, %s', async (setting, signature) => {
    expect(
      await outcome({ ...plain, ...setting }, { headers: { 'acme-signature': signature }, body }),
    ).toMatch(/does not match/)
  })

  it('is that none of several can be a signature, by the first', async () => {
    const tell = (signatures: string) =>
      outcome(timed, { headers: { 'acme-signature': `t=${NOW_S},${signatures}` }, body })
    expect(await tell('v1=00,v1=000')).toMatch(/64 characters are needed, it has 2\)/)
    expect(await tell(`v1=00,v1=${anybodys}`)).toMatch(/does not match/)
  })

  it('is that the good one stands where it is not looked for', async () => {
    const good = signatureOf(`${NOW_S}.${body}`).toString('hex')
    const headers = { 'acme-signature': `t=${NOW_S},v0=${good},v1=${anybodys}` }
    expect(await outcome(timed, { headers, body })).toMatch(/does not match/)
  })

  it('looks at 32 signatures, and says so of more', async () => {
    const more = (count: number) => ({ 'acme-signature': timedHeader(NOW_S, ',v1=00'.repeat(count - 2)) })
    expect(await outcome(timed, { headers: more(32), body })).toBe(true)
    expect(await outcome(timed, { headers: more(33), body })).toBe(
      'acme: it has 33 signatures, and 32 are looked at',
    )
  })

  it('is that an id holds what ends it: two requests could be meant', async () => {
    const options: HmacOptions = { ...timed, content: '{id}.{timestamp}.{body}', id: 'acme-id' }
    // Signed a day ago as msg_1, its time, and a body whose beginning somebody could choose.
    const old = NOW_S - 86_400
    const content = `msg_1.${old}.hello.${NOW_S}.${body}`
    const headers = {
      'acme-id': `msg_1.${old}.hello`,
      'acme-signature': `t=${NOW_S},v1=${signatureOf(content).toString('hex')}`,
    }
    expect(await outcome(options, { headers, body })).toBe(
      'acme: its id holds what ends it in what is signed, so that more than one request could be meant',
    )
  })

  it('is that an id holds what ends it where it stands for the second time', async () => {
    const options: HmacOptions = { ...plain, content: '{id}.{id}:{body}', id: 'acme-id' }
    const tell = (id: string) => {
      const signature = signatureOf(`${id}.${id}:${body}`).toString('hex')
      return outcome(options, { headers: { 'acme-id': id, 'acme-signature': signature }, body })
    }
    expect(await tell('msg_1')).toEqual({ deliveryId: 'msg_1' })
    expect(await tell('msg.1')).toMatch(/holds what ends it/)
    expect(await tell('msg:1')).toMatch(/holds what ends it/)
  })

  it.each([false, '5m'] as const)(
    'is that a timestamp holds a part of the body, with tolerance %s',
    async tolerance => {
      const signature = signatureOf(`${NOW_S}.{"a":"b.{}"}`).toString('hex')
      const headers = { 'acme-time': `${NOW_S}.{"a":"b`, 'acme-signature': signature }
      const options: HmacOptions = {
        ...plain,
        content: '{timestamp}.{body}',
        timestamp: 'acme-time',
        tolerance,
      }
      expect(await outcome(options, { headers, body: '{}"}' })).toBe(
        'hmac: its timestamp is not a whole number: look at the prefix and separator of timestamp',
      )
    },
  )

  it('tries out once a second whether the body was rewritten, and says the rest each time', async () => {
    const verify = hmac({ ...plain, retired: 'old' })
    const original = '{"a": 1}'
    const reasonAt = async (at: number, signature: string) => {
      try {
        await verify(await toRequest({ headers: { 'acme-signature': signature }, body: '{"a":1}', at }))
      } catch (error) {
        return (error as Error).message
      }
      throw new Error('The request passed')
    }
    const bySender = signatureOf(original).toString('hex')
    const byOld = signatureOf('{"a":1}', { key: 'old' }).toString('hex')
    for (const at of [NOW, NOW + 1]) {
      expect(await reasonAt(at, byOld)).toMatch(/no longer accepted/)
      expect(await reasonAt(at, bySender.slice(1))).toMatch(/cannot be a sha256/)
    }
    expect(await reasonAt(NOW, bySender)).toMatch(/written again/)
    expect(await reasonAt(NOW + 999, bySender)).toMatch(/does not match/)
    expect(await reasonAt(NOW + 1_000, bySender)).toMatch(/written again/)
    expect(await reasonAt(NOW + 1, bySender)).toMatch(/does not match/) // a clock that was put back a little
    expect(await reasonAt(NOW - 5_000, bySender)).toMatch(/written again/) // and much
  })

  it('says nothing of secret, signature and body', async () => {
    const wrong = signatureOf(body, { key: 'x' }).toString('hex')
    for (const [options, headers] of [
      [plain, { 'acme-signature': wrong }],
      [timed, { 'acme-signature': `t=${NOW_S},v1=${wrong}` }],
      [timed, { 'acme-signature': `t=evt_7,v1=${wrong}` }],
    ] as const) {
      const reason = String(await outcome(options, { headers, body }))
      for (const part of [secret, wrong, 'evt_7', 'token']) expect(reason).not.toContain(part)
    }
  })
})

describe('a body that was parsed and written again', () => {
  const value = { text: 'ä/<&>\u2028 😀', list: [1, 'two', null, { deep: true }], 'a key': {}, none: [] }
  const php =
    '{"text":"\\u00e4\\/<&>\\u2028 \\ud83d\\ude00","list":[1,"two",null,{"deep":true}],"a key":{},"none":[]}'
  const go =
    '{"text":"ä/\\u003c\\u0026\\u003e\\u2028 😀","list":[1,"two",null,{"deep":true}],"a key":{},"none":[]}'
  const python =
    '{"text": "\\u00e4/<&>\\u2028 \\ud83d\\ude00", "list": [1, "two", null, {"deep": true}], "a key": {}, "none": []}'
  const spaced =
    '{"text": "ä/<&>\u2028 😀", "list": [1, "two", null, {"deep": true}], "a key": {}, "none": []}'
  const ascii = JSON.stringify(value)
    .replace('ä', '\\u00e4')
    .replace('\u2028', '\\u2028')
    .replace('😀', '\\ud83d\\ude00')
  const indentedAscii = JSON.stringify(value, null, 2)
    .replace('ä', '\\u00e4')
    .replace('\u2028', '\\u2028')
    .replace('😀', '\\ud83d\\ude00')

  it.each([
    ['without white space', JSON.stringify(value)],
    ['without white space, and ASCII only', ascii],
    ['without white space, its slashes escaped', php],
    ['without white space, its <, > and & escaped', go],
    ['with a space after commas and colons', spaced],
    ['with a space after commas and colons, and ASCII only', python],
    ['indented by two', JSON.stringify(value, null, 2)],
    ['indented by two, and ASCII only', indentedAscii],
  ])('does not pass, and the operator is told: it was %s', async (form, original) => {
    const rewritten = JSON.stringify(value, null, 3)
    for (const [text, words] of [
      [original, form],
      [`${original}\n`, `${form}, with a line break at its end`],
    ] as const) {
      const headers = { 'acme-signature': signatureOf(text).toString('hex') }
      expect(await outcome(plain, { headers, body: text })).toBe(true)
      expect(await outcome(plain, { headers, body: rewritten })).toBe(
        `hmac: its body was parsed and written again on the way here (it was ${words}): hand over the bytes as they came`,
      )
    }
  })

  it('is looked for by the first signature alone', async () => {
    const original = signatureOf(`${NOW_S}.{"a":1}`).toString('hex')
    const tell = (signatures: string) =>
      outcome(timed, { headers: { 'acme-signature': `t=${NOW_S},${signatures}` }, body: '{"a": 1 }' })
    expect(await tell(`v1=${original},v1=00`)).toMatch(/parsed and written again/)
    expect(await tell(`v1=00,v1=${original}`)).toMatch(/does not match/)
  })

  it('is not looked for in what is no JSON, a single value, or too large', async () => {
    const tell = (sent: string, arrived: string) =>
      outcome(plain, { headers: { 'acme-signature': signatureOf(sent).toString('hex') }, body: arrived })
    expect(await tell('{', '{ ')).toMatch(/does not match/)
    expect(await tell('7', '7 ')).toMatch(/does not match/)
    expect(await tell('null', 'null ')).toMatch(/does not match/)
    const compact = `["${'x'.repeat(64 * 1_024 - 5)}"]`
    expect(await tell(compact, `${compact} `)).toMatch(/parsed and written again/)
    expect(await tell(compact, `${compact}  `)).toMatch(/does not match/)
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(await tell(nested(32), `${nested(32)} `)).toMatch(/parsed and written again/)
    expect(await tell(nested(33), `${nested(33)} `)).toMatch(/does not match/)
    const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
    expect(await tell(objects(32), `${objects(32)} `)).toMatch(/parsed and written again/)
    expect(await tell(objects(33), `${objects(33)} `)).toMatch(/does not match/)
    for (const wide of [`[${'[1],'.repeat(100)}1]`, `[${'{"a":1},'.repeat(100)}1]`]) {
      expect(await tell(wide, `${wide} `)).toMatch(/parsed and written again/)
    }
  })
})

describe('what is refused at once', () => {
  it.each<[unknown, string | RegExp]>([
    [
      {},
      'The verifier hmac: signature must be the name of a header, or { header, separator, prefix } for one value of several in it',
    ],
    [undefined, 'The options of the verifier hmac must be an object'],
    [{ ...plain, secret: '' }, 'The verifier hmac: secret is empty: is the environment variable set?'],
    [
      { ...plain, secret: undefined },
      'The verifier hmac: secret is undefined: is the environment variable set?',
    ],
    [{ ...plain, secret: 7 }, 'The verifier hmac: secret is no text'],
    [
      { ...plain, secret: [] },
      'The verifier hmac: secret is an empty list, so that nothing could ever pass; give at least one',
    ],
    [
      { ...plain, secret: ['x', ''] },
      'The verifier hmac: secret[1] is empty: is the environment variable set?',
    ],
    [
      { ...plain, secret: 'x\n' },
      'The verifier hmac: secret begins or ends with white space, such as the line break of a file',
    ],
    ...['"', "'", '`'].map((quote): [unknown, string] => [
      { ...plain, secret: `${quote}a secret${quote}` },
      'The verifier hmac: secret is in quotes, which would be a part of it: leave them out, also where the environment is read from a file',
    ]),
    [{ ...plain, secret: ['x', '""'] }, /^The verifier hmac: secret\[1\] is in quotes/],
    [{ ...plain, retired: "'old'" }, /^The verifier hmac: retired is in quotes/],
    [{ ...plain, retired: '' }, 'The verifier hmac: retired is empty: is the environment variable set?'],
    [
      { ...plain, name: 'acme', secret: '' },
      'The verifier acme: secret is empty: is the environment variable set?',
    ],
    [
      { ...plain, secrets: 'x' },
      /^The verifier hmac has no option 'secrets'; there are secret, retired, name, hash, key, content, signature, encoding, timestamp, unit, tolerance, id$/,
    ],
    [{ ...plain, hash: 'md5' }, 'The verifier hmac: hash must be one of sha256, sha1, sha384, sha512'],
    [{ ...plain, encoding: 'utf8' }, 'The verifier hmac: encoding must be one of hex, base64, base64url'],
    [{ ...plain, key: 'utf16' }, 'The verifier hmac: key must be one of utf8, base64, hex'],
    [{ ...plain, unit: 'min' }, 'The verifier hmac: unit must be one of s, ms'],
    [{ ...plain, key: 'hex', secret: 'abc' }, 'The verifier hmac: secret is not hex, as key says it is'],
    [{ ...plain, key: 'hex', secret: 'xabc' }, 'The verifier hmac: secret is not hex, as key says it is'],
    [{ ...plain, key: 'hex', secret: 'abcx' }, 'The verifier hmac: secret is not hex, as key says it is'],
    [
      { ...plain, key: 'base64', secret: 'AQID-_==' },
      'The verifier hmac: secret is not base64, as key says it is',
    ],
    [
      { ...plain, key: 'base64', secret: 'AQIDA' },
      'The verifier hmac: secret is not base64, as key says it is',
    ],
    [
      { ...plain, key: 'base64', secret: '=AQID' },
      'The verifier hmac: secret is not base64, as key says it is',
    ],
    [
      { ...plain, content: '{at}.{body}' },
      "The verifier hmac: content has '{at}'; there are {id}, {timestamp}, {url}, {method}, {body}",
    ],
    [
      { ...plain, content: '{body}}' },
      "The verifier hmac: content has '}'; there are {id}, {timestamp}, {url}, {method}, {body}",
    ],
    [
      { ...plain, content: '{url}' },
      'The verifier hmac: content has no {body}: anybody could put another body under a signature that he has seen',
    ],
    [
      { ...plain, content: '{id}.{body}' },
      'The verifier hmac: content has {id}; let id say in which header it stands',
    ],
    [
      { ...plain, content: '{id}.{body}', id: { field: 'id' } },
      'The verifier hmac: content has {id}; let id say in which header it stands',
    ],
    [
      { ...plain, content: '{timestamp}{body}' },
      'The verifier hmac: content has {timestamp}; let timestamp say in which header it stands',
    ],
    [
      { ...plain, timestamp: 'acme-time' },
      'The verifier hmac: content has no {timestamp}, so that anybody could change that header; put it where the sender signs it, or leave timestamp out',
    ],
    [
      { ...plain, tolerance: '5m' },
      'The verifier hmac: tolerance needs a timestamp, and where it stands is not said',
    ],
    [{ ...plain, unit: 'ms' }, 'The verifier hmac: unit needs a timestamp, and where it stands is not said'],
    [
      { ...plain, unit: 's', tolerance: false },
      'The verifier hmac: unit needs a timestamp, and where it stands is not said',
    ],
    [
      { ...timed, content: `${unfilled('timestamp')}.{body}` },
      "The verifier acme: content has a '$' before a brace, which would be a part of it: write '{timestamp}.{body}', without it",
    ],
    ...['undefined', 'null', '[object Promise]', unfilled('ACME_SECRET')].map(
      text =>
        [
          { ...plain, secret: text },
          'The verifier hmac: secret is no secret, but what is left of one that was not there yet: a variable that is not set or was not put in, or a promise that was not awaited',
        ] as [HmacOptions, string],
    ),
    [
      { ...timed, tolerance: 300 },
      "The verifier acme: tolerance is 300ms, and must be at least 1s: numbers are milliseconds, so write '300s' or 300_000",
    ],
    [{ ...timed, tolerance: 999 }, /^The verifier acme: tolerance is 999ms, and must be at least 1s/],
    [{ ...timed, tolerance: 0 }, /^The verifier acme: tolerance is 0ms, and must be at least 1s/],
    [{ ...timed, tolerance: 'soon' }, /^The verifier acme: tolerance is 'soon': a duration is/],
    [{ ...plain, signature: 'two words' }, /^The verifier hmac: signature must be the name of a header/],
    [{ ...plain, signature: '' }, /^The verifier hmac: signature must be the name of a header/],
    [{ ...plain, signature: null }, /^The verifier hmac: signature must be the name of a header/],
    [{ ...plain, signature: { header: [] } }, /^The verifier hmac: signature must be the name of a header/],
    [
      { ...plain, signature: { header: ['a', 7] } },
      /^The verifier hmac: signature must be the name of a header/,
    ],
    [
      { ...plain, signature: { header: 'a', separator: '' } },
      'The verifier hmac: signature: separator is empty; leave it out',
    ],
    [
      { ...plain, id: { field: '' } },
      "The verifier hmac: id: field must be the name of a field of the JSON body, or a path to one: 'data.id'",
    ],
    [
      { ...plain, id: { field: 7 } },
      "The verifier hmac: id: field must be the name of a field of the JSON body, or a path to one: 'data.id'",
    ],
    [{ ...plain, id: null }, /^The verifier hmac: id must be the name of a header/],
    [
      { ...plain, timestamp: { field: '' } },
      "The verifier hmac: timestamp: field must be the name of a field of the JSON body, or a path to one: 'data.id'",
    ],
  ])('%#: %j', (options, message) => {
    let thrown: unknown
    try {
      hmac(options as HmacOptions)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(InvalidOptionsError)
    const text = (thrown as Error).message
    if (typeof message === 'string') expect(text).toBe(message)
    else expect(text).toMatch(message)
  })

  it.each(['{body}{id}', '{id}{body}', '{id}.{body}.{id}'])('an id without an end: %s', content => {
    expect(() => hmac({ ...plain, content, id: 'acme-id' })).toThrow(
      "The verifier hmac: content has {id} with nothing behind it that ends it; put what stands there, such as '{id}.{body}'",
    )
  })

  it.each(['"', '"a', 'a"', '"a\'', 'a"b"', '"a"b'])('takes quotes that are around nothing: %s', secret => {
    expect(hmac({ ...plain, secret })).toBeTypeOf('function')
  })

  it.each([
    'undefined1',
    'xnull',
    '[object Promise]x',
    'x[object Promise]',
    `${unfilled('A')}b`,
    `a${unfilled('A')}`,
    unfilled(''),
    '[object ]',
  ])('takes a secret that only looks like none: %s', text => {
    expect(hmac({ ...plain, secret: text })).toBeTypeOf('function')
  })

  it('takes a field and a tolerance that is off', () => {
    expect(hmac({ ...plain, tolerance: false })).toBeTypeOf('function')
    expect(hmac({ ...plain, timestamp: { field: 'at' } })).toBeTypeOf('function')
  })
})
