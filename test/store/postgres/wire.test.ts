import { expect, it } from 'vitest'
import { InvalidOptionsError } from '../../../src/errors.js'
import { toWire } from '../../../src/store/postgres/wire.js'
import type { Input } from '../../../src/store/store.js'

const accept: Input<'accept'> = {
  callbackId: 'cb_1',
  receiverId: 'rcv_1',
  now: 0,
  method: 'POST',
  path: '',
  query: '',
  headers: '[]',
  body: new Uint8Array([0, 255, 123]),
  dedupeUntil: 1,
  content: 'good',
  capacity: 1,
}

it('sends bytes in base64, whatever holds them', () => {
  for (const body of [accept.body, Buffer.from(accept.body), new Uint8Array([9, 0, 255, 123]).subarray(1)]) {
    const { input } = JSON.parse(toWire({ name: 'accept', input: { ...accept, body } })) as {
      input: { body: string }
    }
    expect(input.body).toBe('AP97')
  }
})

it('refuses a text that Postgres cannot keep, and no other', () => {
  const send = (path: string) => () => toWire({ name: 'accept', input: { ...accept, path } })
  for (const path of ['\0', 'a\ud800', '\udc00a', '\\\0', '\\\\\ud800']) {
    expect(send(path)).toThrow(InvalidOptionsError)
  }
  for (const path of ['\\u0000', '\\ud800', 'emoji 😀', '\\\\u0000', '\u0001', '"\\"']) {
    expect(JSON.parse(send(path)())).toMatchObject({ input: { path } })
  }
})
