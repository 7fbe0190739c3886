/** `undefined` for what is not written as RFC 4648 has it, padding included: the platform's decoder passes over what it does not know. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
