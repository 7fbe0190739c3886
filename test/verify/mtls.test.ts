import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { type MtlsOptions, mtls } from '../../src/verify/mtls.js'
import { reasonFor } from './support/reason.js'
import { toRequest } from './support/request.js'

const bank = {
  base64: [
    'MIIBdDCCARugAwIBAgIUcUcLNpAlVfuEj8M8q4ac28rmDt0wCgYIKoZIzj0EAwIw',
    'DzENMAsGA1UEAwwEYmFuazAgFw0yNjExMjgyMjM5NTZaGA8yMTI2MTEwNDIyMzk1',
    'NlowDzENMAsGA1UEAwwEYmFuazBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABM2z',
    'ZVCz+M45XcFzidpwShaTpn0sEuBIATvs79lEIkFItQLRbmnxNWa/iwdUIv+xnFEk',
    'WZn4T89BNV/Bx4j+/eWjUzBRMB0GA1UdDgQWBBRilnp+IURw5Ugc8hY29gH8/RYT',
    'izAfBgNVHSMEGDAWgBRilnp+IURw5Ugc8hY29gH8/RYTizAPBgNVHRMBAf8EBTAD',
    'AQH/MAoGCCqGSM49BAMCA0cAMEQCIGgMJFxkaeIcUP2GuGc4Q8QvklXpaVtzx2ah',
    'Br1sWNbaAiBzMneF7QOcvwCyu9OY29+QYZ3zGKhIZMOzI5zOWQw3eg==',
  ],
  fingerprint:
    '7D:08:64:D1:1E:50:FB:E1:65:CF:D2:CA:56:7E:01:F6:44:64:5C:2E:9E:9E:2C:55:B5:60:D4:C5:2C:95:7B:AA',
  sha1: '8737CB58BB27E72D1D12232F674FB05B3C36A068',
}
const other = {
  base64: [
    'MIIBdzCCAR2gAwIBAgIUOwCrRxgZhXj3FhcSv9V8WYfFaZ8wCgYIKoZIzj0EAwIw',
    'EDEOMAwGA1UEAwwFb3RoZXIwIBcNMjYxMTI4MjIzOTU3WhgPMjEyNjExMDQyMjM5',
    'NTdaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE',
    'xh8klvldmCN1zTBOdw+HwmMo9O0mDP4Le9kKpSiljEm3u+DnRH/t/h12HlFrJvMx',
    'vumYxSSUnMZEqIdXHOfj0aNTMFEwHQYDVR0OBBYEFOU9W9Si18SMANlwWQJ4//C3',
    '7zLJMB8GA1UdIwQYMBaAFOU9W9Si18SMANlwWQJ4//C37zLJMA8GA1UdEwEB/wQF',
    'MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgKZf0coUYumVjBEA5pwvQTk24zurF5lzz',
    'nwqDhT9XNUoCIQDwUu3onDO0mVyla98g8HqyEbVjk/SZAqfhJ7Q8BGqezA==',
  ],
  fingerprint:
    'A5:4D:1D:6A:37:20:C5:F8:45:30:5E:00:C2:66:88:A5:BC:39:80:EC:91:B3:CF:1F:60:EF:4F:AC:3C:4B:86:EE',
}
const hex = ({ fingerprint }: { fingerprint: string }) => fingerprint.replaceAll(':', '').toLowerCase()
const pem = ({ base64 }: { base64: readonly string[] }) =>
  `-----BEGIN CERTIFICATE-----\n${base64.join('\n')}\n-----END CERTIFICATE-----\n`
const bytes = ({ base64 }: { base64: readonly string[] }) => `:${base64.join('')}:`

const options = { proxies: ['10.0.0.0/8'], header: 'Client-Cert', fingerprints: bank.fingerprint }
const handedOn = (value: string, remoteAddress = '10.0.0.1') => ({
  remoteAddress,
  headers: { 'client-cert': value },
})

/** How proxies write a certificate down. */
const forms: readonly (readonly [string, (certificate: typeof other) => string])[] = [
  ['a fingerprint with colons', ({ fingerprint }) => fingerprint],
  ['a fingerprint in small letters', hex],
  ['a fingerprint in capitals', certificate => hex(certificate).toUpperCase()],
  ['PEM as nginx escapes it', certificate => encodeURIComponent(pem(certificate))],
  [
    'PEM as AWS escapes it',
    certificate =>
      encodeURI(pem(certificate)).replaceAll('%2B', '+').replaceAll('%2F', '/').replaceAll('%3D', '='),
  ],
  ['PEM with spaces for line breaks', certificate => pem(certificate).replaceAll('\n', ' ')],
  ['PEM with carriage returns', certificate => encodeURIComponent(pem(certificate).replaceAll('\n', '\r\n'))],
  ['PEM without its last line break', certificate => encodeURIComponent(pem(certificate).trimEnd())],
  ['RFC 9440', bytes],
  [
    'Envoy',
    certificate => `By=spiffe://ours/sa/hooks;Hash=${hex(certificate)};Subject="CN=a, b;c=\\"d\\"";URI=`,
  ],
  ['Envoy with a hash alone', certificate => `hash=${hex(certificate)}`],
  ['Envoy with a hash in quotes', certificate => `Subject="";Hash="${hex(certificate)}"`],
]

it('has vectors that the platform reads in the same way', () => {
  for (const certificate of [bank, other])
    expect(new X509Certificate(pem(certificate)).fingerprint256).toBe(certificate.fingerprint)
})

describe.each(forms)('a certificate as %s', (_, write) => {
  it('passes at once when it is one of ours', async () => {
    expect(mtls(options)(await toRequest(handedOn(write(bank))))).toBe(true)
  })

  it('is refused when it is none of ours', async () => {
    expect(await reasonFor(mtls(options), handedOn(write(other)))).toBe(
      'mtls: the certificate in client-cert is none of fingerprints',
    )
  })

  it.each([
    ['a comma', (value: string) => `${value},`],
    ['a colon before it', (value: string) => `:${value}`],
    ['a letter before it', (value: string) => `x ${value}`],
    ['a letter behind it', (value: string) => `${value} x`],
    ['another of the form before it', (value: string) => `${value} ${value}`],
    ['a list of others', (value: string) => `${value}, x`],
  ])('is refused with %s', async (__, change) => {
    expect(await reasonFor(mtls(options), handedOn(change(write(bank))))).toBe(
      'mtls: the header client-cert holds neither one certificate nor its SHA-256 fingerprint in a form that is known here',
    )
  })
})

it('passes each of several certificates', async () => {
  const verify = mtls({
    ...options,
    fingerprints: [hex(other).toUpperCase(), bank.fingerprint.toLowerCase()],
  })
  for (const certificate of [bank, other])
    expect(verify(await toRequest(handedOn(bytes(certificate))))).toBe(true)
})

it('of several elements of Envoy takes the last, which its neighbour has put there', async () => {
  const verify = mtls(options)
  expect(verify(await toRequest(handedOn(`Hash=${hex(other)},By=x;Hash=${hex(bank)}`)))).toBe(true)
  expect(await reasonFor(verify, handedOn(`Hash=${hex(bank)}, By=x;Hash=${hex(other)}`))).toBe(
    'mtls: the certificate in client-cert is none of fingerprints',
  )
})

it.each([
  ['nothing', '', 'is empty: the proxy was shown no certificate'],
  [
    'a SHA-1 fingerprint',
    bank.sha1,
    'holds a SHA-1 fingerprint; let the proxy hand on the certificate itself',
  ],
  [
    'a SHA-1 fingerprint in small letters',
    bank.sha1.toLowerCase(),
    'holds a SHA-1 fingerprint; let the proxy hand on the certificate itself',
  ],
])('says of %s what is wrong with it', async (_, value, reason) => {
  expect(await reasonFor(mtls(options), handedOn(value))).toBe(`mtls: the header client-cert ${reason}`)
})

it.each([
  bank.fingerprint.slice(0, -3),
  `${bank.fingerprint}:AA`,
  `${hex(bank)}aa`,
  `${hex(bank).slice(0, -1)}g`,
  `${bank.sha1}x`,
  `x${bank.sha1}`,
  bank.fingerprint.replace(':', ''),
  bank.fingerprint.replaceAll(':', '-'),
  bank.base64.join(''),
  `:${bank.base64.join('').slice(0, -1)}:`,
  `:${bank.base64.join('').slice(0, -2)}:`,
  '::',
  `:${bank.base64.join('')}`,
  `${bank.base64.join('')}:`,
  `${bytes(bank)}${bytes(bank)}`,
  `${bytes(other)}, ${bytes(bank)}`,
  encodeURIComponent(pem(bank) + pem(other)),
  encodeURIComponent(`x${pem(bank)}`),
  encodeURIComponent(`${pem(bank)}x`),
  encodeURIComponent(pem(bank)).replaceAll('%0A', '%0'),
  encodeURIComponent(pem(bank).replaceAll('CERTIFICATE', 'PUBLIC KEY')),
  encodeURIComponent(pem(bank).replace('END', 'BEGIN')),
  encodeURIComponent(pem(bank).replace('MII', 'M*I')),
  '-----BEGIN CERTIFICATE----------END CERTIFICATE-----',
  `Hash=${hex(bank)};Hash=${hex(bank)}`,
  `Hash=${hex(bank)};Hash=${hex(other)}`,
  `Hash=${hex(bank)},By=x`,
  `Hash=${hex(bank)},`,
  `Hash=${bank.sha1}`,
  `Fingerprint=${hex(bank)}`,
  'Hash=',
  `By="a;Hash=${hex(bank)}`,
  // An opened quote does not swallow what Envoy has put behind it.
  `Hash=${hex(bank)};By=",By=x;Hash=${hex(other)};Subject="CN=x"`,
])('refuses what it cannot read: %j', async value => {
  expect(await reasonFor(mtls(options), handedOn(value))).toBe(
    'mtls: the header client-cert holds neither one certificate nor its SHA-256 fingerprint in a form that is known here',
  )
})

it('does not believe a header of anybody but the proxies', async () => {
  expect(await reasonFor(mtls(options), handedOn(bytes(bank), '8.8.8.8'))).toBe(
    'mtls: it comes from 8.8.8.8, which is in none of proxies, so that its header client-cert is not believed',
  )
  expect(await reasonFor(mtls(options), { headers: { 'client-cert': bytes(bank) } })).toBe(
    'mtls: who connects is not known where requests come by server.fetch, by verifyRequest without its option remoteAddress, ' +
      'or through a socket without an address: mount server.node, pass remoteAddress, or say proxies: true where nobody but a proxy of yours can connect',
  )
  expect(await reasonFor(mtls(options), handedOn(bytes(bank), 'localhost'))).toBe(
    'mtls: the remote address of the request is no IP address',
  )
})

it('believes whoever connects where proxies is true', async () => {
  const verify = mtls({ ...options, proxies: true })
  expect(verify(await toRequest({ headers: { 'client-cert': bytes(bank) } }))).toBe(true)
  expect(verify(await toRequest(handedOn(bytes(bank), '8.8.8.8')))).toBe(true)
})

it('refuses a request without the header, or with one that is too long', async () => {
  expect(await reasonFor(mtls(options), { remoteAddress: '10.0.0.1' })).toBe(
    'mtls: the header client-cert is missing',
  )
  expect(await reasonFor(mtls(options), handedOn(`Hash=${hex(bank)};Cert="${'x'.repeat(16_384)}"`))).toBe(
    'mtls: the header client-cert has 16461 characters, and at most 16384 are looked at',
  )
})

const noFingerprint =
  'The verifier mtls: fingerprints must be SHA-256 fingerprints: 64 digits in hex, with a colon after every second or without, ' +
  'as openssl x509 -noout -fingerprint -sha256 prints them after the equals sign'
const noProxies =
  "The verifier mtls: proxies must be a list of the addresses of your proxies, such as ['10.0.0.0/8'], or true where nobody else can connect"

it.each<[unknown, string]>([
  [{ ...options, proxies: undefined }, noProxies],
  [{ ...options, proxies: false }, noProxies],
  [
    { ...options, proxies: [] },
    "The verifier mtls: proxies must be an address or a range, or a list of them, such as ['203.0.113.7', '10.0.0.0/8']",
  ],
  [{ ...options, header: undefined }, 'The verifier mtls: header must be the name of a header'],
  [{ ...options, fingerprints: undefined }, noFingerprint],
  [{ ...options, fingerprints: '' }, noFingerprint],
  [{ ...options, fingerprints: bank.sha1 }, noFingerprint],
  [{ ...options, fingerprints: `sha256 Fingerprint=${bank.fingerprint}` }, noFingerprint],
  [{ ...options, fingerprints: `${bank.fingerprint}\n` }, noFingerprint],
  [{ ...options, fingerprints: [bank.fingerprint, 7] }, noFingerprint],
  [
    { ...options, fingerprints: [] },
    'The verifier mtls: fingerprints is an empty list, so that nothing could ever pass; give at least one',
  ],
  [
    { ...options, fingerprint: hex(bank) },
    "The verifier mtls has no option 'fingerprint'; there are proxies, header, fingerprints",
  ],
  [undefined, 'The options of the verifier mtls must be an object'],
])('does not take %j', (given, message) => {
  expect(() => mtls(given as MtlsOptions)).toThrow(new InvalidOptionsError(message))
})
