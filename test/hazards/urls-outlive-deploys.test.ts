import { expect, it } from 'vitest'
import { openTestServer } from '../support/server.js'
import { temporaryFile } from '../support/stores.js'

// The bug: the URL contains, or is derived from, something that a deploy changes: the host, a secret, the version of the
// code. Somebody calls it two days later, and nobody is there.

it("a receiver's URL outlives deploys, key rotation and a change of host: it depends on the token alone", async () => {
  const store = temporaryFile()
  const verify = (secret: string) => (request: { headers: Headers }) =>
    request.headers.get('authorization') === secret
  const first = await openTestServer({ store, publicUrl: 'https://old.example/app' })
  const shop = first.server.source('shop', { verify: verify('old') })
  const { url } = await first.server.spawn('orders', { from: shop })
  await first.server.close()
  const token = url.split('/').at(-1)

  await using bench = await openTestServer({ store, publicUrl: 'https://new.example' })
  bench.server.source('shop', { verify: verify('new') })
  const headers = { authorization: 'new' }
  const answers = [
    await bench.post(url, {}, headers),
    await bench.post(`https://new.example/r/${token}`, {}, headers),
    await bench.post(`http://10.0.0.7:3000/behind/a/proxy/r/${token}/status`, {}, headers),
    await bench.post(url, {}, { authorization: 'old' }),
  ]

  expect(answers.map(answer => answer.status)).toEqual([202, 202, 202, 401])
  expect((await bench.server.spawn('orders')).url).toBe(`https://new.example/r/${token}`)
})
