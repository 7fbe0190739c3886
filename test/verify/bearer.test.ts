import { expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { type BearerOptions, bearer } from '../../src/verify/bearer.js'
import { reasonFor } from './support/reason.js'
import { toRequest } from './support/request.js'

const token = 'mF_9.B5f-4.1JqM'
const withHeader = (authorization: string) => ({ headers: { Authorization: authorization } })

it.each(['Bearer mF_9.B5f-4.1JqM', 'bearer mF_9.B5f-4.1JqM', 'BEARER   mF_9.B5f-4.1JqM'])(
  'passes %j at once',
  async authorization => {
    expect(bearer({ token })(await toRequest(withHeader(authorization)))).toBe(true)
  },
)

it('passes each of several tokens', async () => {
  const verify = bearer({ token: ['first', 'second'] })
  expect(verify(await toRequest(withHeader('Bearer first')))).toBe(true)
  expect(verify(await toRequest(withHeader('Bearer second')))).toBe(true)
  expect(await reasonFor(verify, withHeader('Bearer third'))).toBe('bearer: it came with another token')
})

it.each([
  'Bearer mF_9.B5f-4.1JqN',
  'Bearer mF_9.B5f-4.1Jq',
  'Bearer mF_9.B5f-4.1JqMM',
  'Bearer MF_9.B5f-4.1JqM',
  'Bearer mF_9.B5f-4.1JqM x',
  'Bearer mF_9.B5f-4.1JqM, Bearer mF_9.B5f-4.1JqM',
  'Bearer undefined',
])('refuses another token: %j', async authorization => {
  expect(await reasonFor(bearer({ token }), withHeader(authorization))).toBe(
    'bearer: it came with another token',
  )
})

it.each([
  'mF_9.B5f-4.1JqM',
  'Basic mF_9.B5f-4.1JqM',
  'Bearer',
  'BearermF_9.B5f-4.1JqM',
  'x Bearer mF_9.B5f-4.1JqM',
  '',
])('refuses what is no bearer token: %j', async authorization => {
  expect(await reasonFor(bearer({ token }), withHeader(authorization))).toBe(
    'bearer: the header authorization holds no bearer token',
  )
})

it('refuses a request without the header', async () => {
  expect(await reasonFor(bearer({ token }), {})).toBe('bearer: the header authorization is missing')
})

it('says of a retired token that it is no longer accepted', async () => {
  const verify = bearer({ token, retired: ['older', 'old'] })
  const reason =
    'bearer: it came with a secret that is no longer accepted: its sender has not changed to the current one'
  expect(await reasonFor(verify, withHeader('Bearer old'))).toBe(reason)
  expect(await reasonFor(verify, withHeader('Bearer older'))).toBe(reason)
  expect(await reasonFor(bearer({ token, retired: 'old' }), withHeader('Bearer old'))).toBe(reason)
  expect(await reasonFor(verify, withHeader('Bearer oldest'))).toBe('bearer: it came with another token')
  expect(verify(await toRequest(withHeader(`Bearer ${token}`)))).toBe(true)
})

it('looks at a header of 16384 characters, and at none that is longer', async () => {
  const longest = 'x'.repeat(16_384 - 'Bearer '.length)
  const verify = bearer({ token: [longest, `${longest}x`] })
  expect(verify(await toRequest(withHeader(`Bearer ${longest}`)))).toBe(true)
  expect(await reasonFor(verify, withHeader(`Bearer ${longest}x`))).toBe(
    'bearer: the header authorization has 16385 characters, and at most 16384 are looked at',
  )
})

it('takes all signs that a header holds as they are', async () => {
  const signs = String.fromCharCode(...Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => 0x21 + index))
  expect(
    bearer({ token: `${signs} ${signs}` })(await toRequest(withHeader(`Bearer ${signs} ${signs}`))),
  ).toBe(true)
})

it.each(['bearer', 'bearers', 'a bearer token'])('takes the word as a part of a token: %s', async token => {
  expect(bearer({ token })(await toRequest(withHeader(`Bearer ${token}`)))).toBe(true)
})

it.each<[unknown, string]>([
  [{}, 'The verifier bearer: token is undefined: is the environment variable set?'],
  [{ token: '' }, 'The verifier bearer: token is empty: is the environment variable set?'],
  [
    { token: [] },
    'The verifier bearer: token is an empty list, so that nothing could ever pass; give at least one',
  ],
  [{ token: ['a', ''] }, 'The verifier bearer: token[1] is empty: is the environment variable set?'],
  [
    { token: 'a\n' },
    'The verifier bearer: token begins or ends with white space, such as the line break of a file',
  ],
  ...['gehe\u{00ed}m', 'a\nb', 'a\u007fb'].map((bad): [unknown, string] => [
    { token: bad },
    'The verifier bearer: token has characters that a header does not hold as they are: letters, digits and signs of ASCII only',
  ]),
  ...['Bearer abc', 'bearer\tabc'].map((bad): [unknown, string] => [
    { token: bad },
    "The verifier bearer: token begins with 'Bearer', which stands before it in the header: write what comes behind",
  ]),
  [
    { token, retired: ['Bearer abc'] },
    "The verifier bearer: retired begins with 'Bearer', which stands before it in the header: write what comes behind",
  ],
  [{ token, retired: '' }, 'The verifier bearer: retired is empty: is the environment variable set?'],
  [
    { token, retired: ['é'] },
    'The verifier bearer: retired has characters that a header does not hold as they are: letters, digits and signs of ASCII only',
  ],
  [{ secret: token }, "The verifier bearer has no option 'secret'; there are token, retired"],
  [undefined, 'The options of the verifier bearer must be an object'],
])('does not take %j', (options, message) => {
  expect(() => bearer(options as BearerOptions)).toThrow(new InvalidOptionsError(message))
})
