import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openListener } from '../../src/intake/listener.js'

it.each(['abc', '80', -1, 1.5, 65_536, Number.NaN, null])(
  'the port %j is refused, and no socket file is made of it',
  async port => {
    const given = JSON.parse(JSON.stringify({ port: typeof port === 'number' ? 0 : port })).port
    const opening = openListener(typeof port === 'number' ? port : given, '127.0.0.1', () => {})
    await expect(opening).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('from 0 to 65535'),
    })
    expect(existsSync(String(port))).toBe(false)
  },
)

it('the port 0 is any that is free', async () => {
  const listener = await openListener(0, '127.0.0.1', () => {})
  expect(listener.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  await listener.close()
})
