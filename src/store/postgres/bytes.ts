import type { StoredAnswer } from '../../model/callback.js'

// Bytes on their way: base64 in JSON.

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** An answer as the text that is stored: the database hands it out as it got it. */
export function fromAnswer({ status, headers, body }: StoredAnswer): string {
  return JSON.stringify([status, headers, toBase64(body)])
}

export function toAnswer(text: string): StoredAnswer {
  const [status, headers, body] = JSON.parse(text) as [number, StoredAnswer['headers'], string]
  return { status, headers, body: fromBase64(body) }
}
