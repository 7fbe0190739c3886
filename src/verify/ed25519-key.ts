import { type KeyObject, verify } from 'node:crypto'
import { utf8 } from '../core/bytes.js'
import { fromBase64 } from './base64.js'
import type { VerifyingKey } from './signed.js'

/** One of them costs what a hundred comparisons cost, and whoever calls says how many there are. */
const MOST_SIGNATURES = 4

/** A public key, for signatures in base64. Of several that are for it the first four are looked at. */
export function toEd25519Key(key: KeyObject, prefix: string): VerifyingKey {
  return {
    prefix,
    matches(content, texts) {
      return texts.slice(0, MOST_SIGNATURES).some(text => {
        const signature = fromBase64(text)
        return signature !== undefined && verify(null, toMessage(content), key, signature)
      })
    },
  }
}

function toMessage(content: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(content.map(piece => (typeof piece === 'string' ? utf8(piece) : piece)))
}
