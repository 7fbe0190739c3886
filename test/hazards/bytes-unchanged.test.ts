import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { recordingLogger } from '../support/server.js'
import { stores } from '../support/stores.js'

// The bug: a body that passes through a string, a JSON parser or a text column comes out changed, and its signature no
// longer fits.

describe.each(stores)('in %s', (_, store) => {
  it('bytes 0x00 to 0xFF, invalid UTF-8, an empty body, a repeated header, a 1 MiB body come out exactly as they went in', async () => {
    await using server = await CallbackServer.listen({ port: 0, store: store(), logger: recordingLogger([]) })
    const receiver = await server.spawn('bytes')
    const bodies = [
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
      Uint8Array.from([0xc3, 0x28, 0xff, 0xfe, 0x00, 0xed, 0xa0, 0x80]),
      new Uint8Array(),
      Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31) % 251),
    ]
    const statuses = []
    for (const body of bodies) statuses.push(await post(receiver.url, body))

    const received = []
    for await (const callback of receiver.stream({ idle: 0 })) received.push(callback)

    expect(statuses).toEqual([202, 202, 202, 202])
    expect(
      received.map(callback => Buffer.compare(callback.bytes(), bodies[callback.seq - 1] ?? Buffer.of(1))),
    ).toEqual([0, 0, 0, 0])
    for (const { headers, path, query } of received) {
      expect(headers.get('x-tag')).toBe('one, two')
      expect(headers.get('x-latin')).toBe('caf\u00e9')
      expect([path, query.get('q')]).toEqual(['/a%2Fb', 'ä 1'])
    }
  })
})

function post(url: string, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/octet-stream',
      'x-tag': ['one', 'two'],
      'x-latin': 'caf\u00e9',
    }
    const outgoing = request(`${url}/a%2Fb?q=%C3%A4+1`, { method: 'POST', headers }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
    })
    outgoing.on('error', reject).end(body)
  })
}
