// Frameworks put a class of their own in the place of the global Response, and packages bring theirs.

import { Response as ForeignResponse, fetch as foreignFetch } from 'undici'
import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/model/code.js'
import { Rig, transports } from './support/rig.js'

/** What JavaScript lets through. */
const foreign = (body: string, init: object = {}) => new ForeignResponse(body, init) as unknown

it('is not an instance of the global class', () => {
  expect(foreign('x')).not.toBeInstanceOf(Response)
  expect(foreignFetch).not.toBe(fetch)
})

describe.each(transports)('a Response of a class that is not ours, by $name', ({ send }) => {
  const init = {
    status: 203,
    headers: [
      ['x-a', '1'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
  }

  it.each([
    ['fixed', () => foreign('<Ok/>', init) as Answer],
    ['computed', () => () => foreign('<Ok/>', init) as Answer],
  ])('is an answer, %s', async (_, respond) => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: respond() })
    for (let n = 0; n < 2; n++) {
      const response = await send(rig, receiver)
      expect([response.status, response.headers.get('x-a'), await response.text()]).toEqual([
        203,
        '1',
        '<Ok/>',
      ])
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    }
  })

  it('is a page', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ page: () => foreign('<p>hello</p>') as Response })
    expect(await (await send(rig, receiver, { method: 'GET' })).text()).toBe('<p>hello</p>')
  })
})

it('a stream as the body of an answer is refused, and not sent as an empty object', async () => {
  const rig = await Rig.open()
  await expect(rig.spawn({ respond: { body: new ReadableStream() } })).rejects.toMatchObject({
    code: 'invalid_options',
    message: expect.stringContaining('ReadableStream'),
  })
})
