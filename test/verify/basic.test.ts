import { expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { type BasicOptions, basic } from '../../src/verify/basic.js'
import { reasonFor } from './support/reason.js'
import { toRequest } from './support/request.js'

const withHeader = (authorization: string) => ({ headers: { Authorization: authorization } })
const sent = (text: string | Uint8Array) => withHeader(`Basic ${Buffer.from(text).toString('base64')}`)

const aladdin = { user: 'Aladdin', password: 'open sesame' }

it.each(['Basic', 'basic', 'BASIC  '])(
  'passes the example of RFC 7617 at once, its scheme written %j',
  async scheme => {
    const request = await toRequest(withHeader(`${scheme} QWxhZGRpbjpvcGVuIHNlc2FtZQ==`))
    expect(basic(aladdin)(request)).toBe(true)
  },
)

it('passes the example of RFC 7617 in UTF-8', async () => {
  const request = await toRequest(withHeader('Basic dGVzdDoxMjPCow=='))
  expect(basic({ user: 'test', password: '123£' })(request)).toBe(true)
})

it('takes a password with colons', async () => {
  expect(basic({ user: 'a', password: 'b:c:' })(await toRequest(sent('a:b:c:')))).toBe(true)
})

it('passes each of several passwords', async () => {
  const verify = basic({ user: 'a', password: ['first', 'second'] })
  expect(verify(await toRequest(sent('a:first')))).toBe(true)
  expect(verify(await toRequest(sent('a:second')))).toBe(true)
  expect(await reasonFor(verify, sent('a:third'))).toBe('basic: it came with another user or password')
})

it.each<[string, string | Uint8Array]>([
  ['another user', 'aladdin:open sesame'],
  ['another password', 'Aladdin:open sesamE'],
  ['a longer user', 'Aladdinx:open sesame'],
  ['a shorter password', 'Aladdin:open sesam'],
  ['no password', 'Aladdin:'],
  ['no user', ':open sesame'],
  ['no colon', 'Aladdinopen sesame'],
  ['the user alone', 'Aladdin'],
  ['another encoding', Uint8Array.of(0xff, 0xfe, 0x3a)],
])('refuses %s', async (_, text) => {
  expect(await reasonFor(basic(aladdin), sent(text))).toBe('basic: it came with another user or password')
})

it('does not take Latin-1 for UTF-8', async () => {
  const verify = basic({ user: 'test', password: '123£' })
  expect(await reasonFor(verify, sent(Buffer.from('test:123£', 'latin1')))).toBe(
    'basic: it came with another user or password',
  )
})

it.each([
  'QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
  'Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
  'Basic',
  'x Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
])('refuses what is no user and password: %j', async authorization => {
  expect(await reasonFor(basic(aladdin), withHeader(authorization))).toBe(
    'basic: the header authorization holds no user and password',
  )
})

it.each([
  'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ',
  'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=',
  'Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==',
  'Basic QWxhZGRpbjpvcGVu IHNlc2FtZQ==',
  'Basic Aladdin:open sesame',
  'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
])('refuses what is no base64: %j', async authorization => {
  expect(await reasonFor(basic(aladdin), withHeader(authorization))).toBe(
    'basic: the user and password in the header authorization are not base64',
  )
})

it('refuses a request without the header, or with one that is too long', async () => {
  expect(await reasonFor(basic(aladdin), {})).toBe('basic: the header authorization is missing')
  expect(await reasonFor(basic(aladdin), withHeader(`Basic ${'Q'.repeat(16_379)}`))).toBe(
    'basic: the header authorization has 16385 characters, and at most 16384 are looked at',
  )
})

it('says of a retired password that it is no longer accepted', async () => {
  const verify = basic({ ...aladdin, retired: ['older', 'old'] })
  const reason =
    'basic: it came with a secret that is no longer accepted: its sender has not changed to the current one'
  expect(await reasonFor(verify, sent('Aladdin:old'))).toBe(reason)
  expect(await reasonFor(verify, sent('Aladdin:older'))).toBe(reason)
  expect(await reasonFor(verify, sent('Sindbad:old'))).toBe('basic: it came with another user or password')
})

it.each<[unknown, string]>([
  [{ password: 'x' }, 'The verifier basic: user is undefined: is the environment variable set?'],
  [{ user: '', password: 'x' }, 'The verifier basic: user is empty: is the environment variable set?'],
  [{ user: 7, password: 'x' }, 'The verifier basic: user is no text'],
  [
    { user: 'a:b', password: 'x' },
    'The verifier basic: user has a colon, and nobody could send it: a colon ends the user',
  ],
  [{ user: 'a\u0000', password: 'x' }, 'The verifier basic: user has control characters'],
  [{ user: 'a', password: 'x\u001fx' }, 'The verifier basic: password has control characters'],
  [{ user: 'a', password: 'x\u007fx' }, 'The verifier basic: password has control characters'],
  [{ user: 'a' }, 'The verifier basic: password is undefined: is the environment variable set?'],
  [
    { user: 'a', password: ['x', ''] },
    'The verifier basic: password[1] is empty: is the environment variable set?',
  ],
  [
    { user: 'a', password: 'x', retired: '' },
    'The verifier basic: retired is empty: is the environment variable set?',
  ],
  [{ user: 'a', password: 'x', retired: 'x\tx' }, 'The verifier basic: retired has control characters'],
  [{ username: 'a' }, "The verifier basic has no option 'username'; there are user, password, retired"],
  [null, 'The options of the verifier basic must be an object'],
])('does not take %j', (options, message) => {
  expect(() => basic(options as BasicOptions)).toThrow(new InvalidOptionsError(message))
})
