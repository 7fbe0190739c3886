import querystring from 'node:querystring'
import { sha256Hex } from '../core/bytes.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { fromBase64 } from './base64.js'
import { onlyValue, parseElements } from './elements.js'
import { readHeaderValue } from './header-value.js'
import { checkMakerOptions } from './maker-options.js'
import { toHeaderName } from './place.js'
import { strangerOf, toProxies } from './proxies.js'

export interface MtlsOptions {
  /** The proxies that speak TLS for this server, whose word is believed; `true` believes whoever connects. */
  proxies: readonly string[] | true
  /** The header in which they hand on the certificate of whoever connected to them. */
  header: string
  /** SHA-256 fingerprints of the certificates that pass, in hex, with colons or without. */
  fingerprints: string | readonly string[]
}

/**
 * Senders that show a client certificate to the proxy in front of this server.
 *
 * ```ts
 * server.source('bank', {
 *   verify: mtls({
 *     proxies: ['10.0.0.0/8'],
 *     header: 'client-cert',
 *     fingerprints: process.env.BANK_FINGERPRINT ?? '', // openssl x509 -in bank.pem -noout -fingerprint -sha256
 *   }),
 * })
 * ```
 *
 * The header holds the certificate itself: a PEM text, URL-encoded (nginx's `$ssl_client_escaped_cert`, AWS's
 * `X-Amzn-Mtls-Clientcert-Leaf`), or RFC 9440's `Client-Cert`; or its SHA-256 fingerprint, in hex or in Envoy's
 * `X-Forwarded-Client-Cert`, where the last element tells of whoever connected to the proxy itself.
 *
 * What is checked here is that it is one of yours. That the sender holds its key, who issued it, and whether it has expired
 * or was revoked is the proxy's business. So is to take that header away from every request that brings one along.
 *
 * @throws InvalidOptionsError for what is no SHA-256 fingerprint.
 * @see https://www.rfc-editor.org/rfc/rfc9440
 * @see https://nginx.org/en/docs/http/ngx_http_ssl_module.html#var_ssl_client_escaped_cert
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */
export function mtls(options: MtlsOptions): Verify {
  const what = 'The verifier mtls'
  checkMakerOptions(options, ['proxies', 'header', 'fingerprints'], what)
  const proxies = toProxies(options.proxies, `${what}: proxies`)
  const header = toHeaderName(options.header, `${what}: header`)
  const fingerprints = toFingerprints(options.fingerprints, `${what}: fingerprints`)
  return request => {
    const stranger = strangerOf(request, proxies, 'mtls')
    if (stranger !== undefined) {
      throw refusal(
        `it comes from ${stranger.toString()}, which is in none of proxies, so that its header ${header} is not believed`,
      )
    }
    const value = readHeaderValue(request, header, 'mtls')
    const fingerprint = readFingerprint(value)
    if (fingerprint === undefined) throw refusal(`the header ${header} ${whyUnread(value)}`)
    if (fingerprints.has(fingerprint)) return true
    throw refusal(`the certificate in ${header} is none of fingerprints`)
  }
}

function toFingerprints(given: unknown, what: string): ReadonlySet<string> {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0) {
    throw new InvalidOptionsError(
      `${what} is an empty list, so that nothing could ever pass; give at least one`,
    )
  }
  return new Set(list.map(each => checkFingerprint(each, what)))
}

function checkFingerprint(given: unknown, what: string): string {
  const fingerprint = typeof given === 'string' ? fromHex(given) : undefined
  if (fingerprint !== undefined) return fingerprint
  throw new InvalidOptionsError(
    `${what} must be SHA-256 fingerprints: 64 digits in hex, with a colon after every second or without, ` +
      'as openssl x509 -noout -fingerprint -sha256 prints them after the equals sign',
  )
}

/** Each form is all of the header or none of it: what a sender has put beside it must not count. */
function readFingerprint(value: string): string | undefined {
  return fromHex(value) ?? fromByteSequence(value) ?? fromPem(value) ?? fromEnvoy(value)
}

function fromHex(text: string): string | undefined {
  const digits = text.replaceAll(':', '').toLowerCase()
  return /^(?:[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})$/i.test(text) ? digits : undefined
}

function fromByteSequence(text: string): string | undefined {
  return fromDer(/^:([^:]+):$/.exec(text)?.[1])
}

function fromPem(text: string): string | undefined {
  const pem = /^-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----\s*$/
  const encoded = pem.exec(querystring.unescape(text))?.[1]
  return fromDer(encoded?.replace(/\s/g, ''))
}

function fromEnvoy(text: string): string | undefined {
  const hash = onlyValue(parseElements(text)?.at(-1), 'hash')
  return hash === undefined ? undefined : fromHex(hash)
}

function fromDer(encoded: string | undefined): string | undefined {
  const der = encoded === undefined ? undefined : fromBase64(encoded)
  return der === undefined ? undefined : sha256Hex(der)
}

function whyUnread(value: string): string {
  if (value === '') return 'is empty: the proxy was shown no certificate'
  return /^[0-9a-f]{40}$/i.test(value)
    ? 'holds a SHA-1 fingerprint; let the proxy hand on the certificate itself'
    : 'holds neither one certificate nor its SHA-256 fingerprint in a form that is known here'
}

function refusal(reason: string): VerificationError {
  return new VerificationError(`mtls: ${reason}`)
}
