import { expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import type { RawRequest } from '../../src/model/received.js'
import * as exported from '../../src/verify/verify.js'
import { toRequest } from './support/request.js'

// The bug: `verify: stripe`, where `stripe({ secret })` was meant. Nothing passes, and nobody can tell why.

type Maker = (options: RawRequest) => unknown

const {
  all,
  handshakes,
  readRequest,
  verifyRequest,
  VerificationError,
  VerificationUnavailableError,
  ...verifiers
} = exported

it.each(Object.keys(verifiers))('says that %s was not called', async name => {
  const maker: unknown = Reflect.get(verifiers, name)
  const request = await toRequest()
  expect(() => (maker as Maker)(request)).toThrow(
    new InvalidOptionsError(
      `${name} itself was given where what it returns belongs: write ${name}({ … }) where you declare it`,
    ),
  )
})

it.each(Object.keys(handshakes))('says that the handshake %s was not called', async name => {
  const maker: unknown = Reflect.get(handshakes, name)
  const request = await toRequest()
  expect(() => (maker as Maker)(request)).toThrow(
    `handshakes.${name} itself was given where what it returns belongs: write handshakes.${name}({ … })`,
  )
})

it('tells whoever asks without a server', async () => {
  const verify: unknown = verifiers.slack
  const request = new Request('https://www.example.com/', { method: 'POST', body: 'x' })
  await expect(verifyRequest(verify as exported.Verify, request)).rejects.toThrow('slack itself was given')
})
