import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { sha256Hex } from '../core/bytes.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { TlsOptions } from '../model/endpoint-options.js'

/** By what we are known to an endpoint, and by what it is known to us. */
export interface TlsSettings {
  /** Equal for equal settings: connections are shared by it. */
  readonly id: string
  readonly cert: string
  readonly key: string
  readonly ca?: string
}

/**
 * A client certificate, checked: what is no PEM, or does not belong together, is found here and not at each attempt.
 *
 * @throws InvalidOptionsError that quotes nothing of it.
 */
export function toTlsSettings(tls: TlsOptions, what: string): TlsSettings {
  checkOptionNames(tls, ['cert', 'key', 'ca'], what)
  const { cert, key, ca } = tls
  const [certificate] = toCertificates(cert, `${what}.cert`)
  if (certificate?.checkPrivateKey(toPrivateKey(key, `${what}.key`)) !== true) {
    throw new InvalidOptionsError(`${what}.key is not the key of ${what}.cert`)
  }
  if (ca !== undefined) toCertificates(ca, `${what}.ca`)
  return { id: sha256Hex(JSON.stringify([cert, key, ca])), cert, key, ...(ca === undefined ? {} : { ca }) }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** A chain: the certificate itself first, then those that it was issued by. */
function toCertificates(pem: unknown, what: string): readonly X509Certificate[] {
  const blocks = typeof pem === 'string' ? pem.match(PEM) : null
  try {
    if (blocks !== null) return blocks.map(block => new X509Certificate(block))
  } catch {
    // It begins like a certificate, and is none.
  }
  throw new InvalidOptionsError(
    `${what} must be a certificate in PEM, the text that begins with -----BEGIN CERTIFICATE-----`,
  )
}

function toPrivateKey(pem: unknown, what: string): KeyObject {
  if (typeof pem === 'string' && /BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED/m.test(pem)) {
    throw new InvalidOptionsError(`${what} is encrypted; give it without its passphrase`)
  }
  try {
    if (typeof pem === 'string') return createPrivateKey(pem)
  } catch {
    // The platform's error may quote what it was given.
  }
  throw new InvalidOptionsError(
    `${what} must be a private key in PEM, the text that begins with -----BEGIN PRIVATE KEY-----`,
  )
}
