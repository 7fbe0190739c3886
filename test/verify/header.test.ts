import { expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { type HeaderOptions, header } from '../../src/verify/header.js'
import { reasonFor } from './support/reason.js'
import { toRequest } from './support/request.js'

const gitlab = { name: 'X-Gitlab-Token', secret: 'glwt-3v9c!A' }
const withToken = (token: string | readonly string[]) => ({ headers: { 'x-gitlab-token': token } })

it('passes a request with the secret in its header at once', async () => {
  expect(header(gitlab)(await toRequest(withToken('glwt-3v9c!A')))).toBe(true)
})

it('passes each of several secrets, and a secret of several words', async () => {
  const verify = header({ name: 'authorization', secret: ['first', 'Token second'] })
  expect(verify(await toRequest({ headers: { Authorization: 'first' } }))).toBe(true)
  expect(verify(await toRequest({ headers: { Authorization: 'Token second' } }))).toBe(true)
  expect(await reasonFor(verify, { headers: { authorization: 'second' } })).toBe(
    'header: it came with another secret in authorization',
  )
})

it.each<{ token: string | readonly string[] }>([
  { token: 'glwt-3v9c!B' },
  { token: 'glwt-3v9c!' },
  { token: 'glwt-3v9c!AA' },
  { token: 'GLWT-3V9C!A' },
  { token: '' },
  { token: ['glwt-3v9c!A', 'glwt-3v9c!A'] },
  { token: 'undefined' },
])('refuses another secret: %j', async ({ token }) => {
  expect(await reasonFor(header(gitlab), withToken(token))).toBe(
    'header: it came with another secret in x-gitlab-token',
  )
})

it('refuses a request without the header, or with one that is too long', async () => {
  expect(await reasonFor(header(gitlab), { headers: { 'x-other': gitlab.secret } })).toBe(
    'header: the header x-gitlab-token is missing',
  )
  expect(await reasonFor(header(gitlab), withToken('x'.repeat(16_385)))).toBe(
    'header: the header x-gitlab-token has 16385 characters, and at most 16384 are looked at',
  )
})

it('says of a retired secret that it is no longer accepted', async () => {
  const verify = header({ ...gitlab, retired: 'old' })
  expect(await reasonFor(verify, withToken('old'))).toBe(
    'header: it came with a secret that is no longer accepted: its sender has not changed to the current one',
  )
})

it.each<[unknown, string]>([
  [{ secret: 'x' }, 'The verifier header: name must be the name of a header'],
  [{ name: '', secret: 'x' }, 'The verifier header: name must be the name of a header'],
  [{ name: 'x token', secret: 'x' }, 'The verifier header: name must be the name of a header'],
  [{ name: ['x-token'], secret: 'x' }, 'The verifier header: name must be the name of a header'],
  [{ name: 'x-token' }, 'The verifier header: secret is undefined: is the environment variable set?'],
  [
    { name: 'x-token', secret: 'x', retired: [''] },
    'The verifier header: retired[0] is empty: is the environment variable set?',
  ],
  [
    { name: 'x-token', secret: 'ü' },
    'The verifier header: secret has characters that a header does not hold as they are: letters, digits and signs of ASCII only',
  ],
  [{ header: 'x-token' }, "The verifier header has no option 'header'; there are name, secret, retired"],
  [undefined, 'The options of the verifier header must be an object'],
])('does not take %j', (options, message) => {
  expect(() => header(options as HeaderOptions)).toThrow(new InvalidOptionsError(message))
})
