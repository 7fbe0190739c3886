import { expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.js'
import { toWire } from '../../../src/store/postgres/wire.js'

// What would be wrong without it: what Node hands over is a Buffer, and writes itself as JSON before anybody sees its bytes.

it('bytes cross as base64, whatever kind of array holds them', () => {
  const withBody = (body: Uint8Array) =>
    toWire({
      name: 'accept',
      input: {
        ...{ callbackId: 'cb_1', receiverId: 'rcv_1', now: 0, method: 'POST', path: '', query: '' },
        ...{ headers: '[]', body, dedupeUntil: 0, content: 'good', capacity: 1 },
      },
    })

  expect(withBody(utf8('hello'))).toContain('"body":"aGVsbG8="')
  expect(withBody(Buffer.from('hello'))).toBe(withBody(utf8('hello')))
})
