import { describe, expect, it } from 'vitest'
import { checkPublicUrl } from '../../src/model/public-url.js'
import { Rig, transports } from './support/rig.js'

it.each([
  ['https://hooks.example.com', 'https://hooks.example.com'],
  ['https://hooks.example.com/', 'https://hooks.example.com'],
  ['HTTPS://Hooks.Example.COM:443/base//', 'https://hooks.example.com/base'],
])('%s is known as %s', (url, known) => {
  expect(checkPublicUrl(url)).toBe(known)
})

it.each([
  'https://user:secret@hooks.example.com',
  'https://secret@hooks.example.com',
  'https://hooks.example.com/?secret',
  'https://hooks.example.com#secret',
  'user:secret@hooks.example.com',
  'postgres://user:secret@db',
  '?secret',
])('%s is refused without saying more of it than where it leads', url => {
  expect(() => checkPublicUrl(url)).toThrow(expect.objectContaining({ code: 'invalid_options' }))
  expect(() => checkPublicUrl(url)).not.toThrow(/secret/)
})

it('what is no URL is told by as much of it as helps', () => {
  expect(() => checkPublicUrl('localhost:3000')).toThrow("got 'localhost:3000'")
  expect(() => checkPublicUrl('ftp://files.example.com/a')).toThrow("got 'ftp://files.example.com…'")
  expect(() => checkPublicUrl(JSON.parse('null'))).toThrow('got null')
})

describe.each(transports)('the URL that a verifier sees, by $name', ({ send }) => {
  it('is the one that was handed out, however publicUrl is written', async () => {
    const seen: string[] = []
    const rig = await Rig.open({}, undefined, 'HTTPS://Hooks.Example.COM:443/base//')
    const receiver = await rig.spawn({ verify: request => seen.push(request.url) > 0 })
    await send(rig, receiver)
    expect(seen).toEqual([`https://hooks.example.com/base/r/${receiver.token}`])
  })
})

describe.each(transports)('a publicUrl that is nonsense by now, by $name', ({ send }) => {
  it.each([
    ['verify', { verify: () => true }, {}],
    ['dedupe', { dedupe: () => 'a' }, {}],
    ['a page', { page: () => new Response('page') }, { method: 'GET' }],
  ])(
    'is 500 where %s needs it, and the log holds neither the secret nor the token',
    async (_, code, init) => {
      const rig = await Rig.open({}, undefined, 'https://user:secret@hooks.example.com')
      const receiver = await rig.spawn(code)
      expect((await send(rig, receiver, init)).status).toBe(500)
      expect(rig.logsOf('error')).toMatchObject([{ facts: { err: { code: 'invalid_options' } } }])
      const told = rig.logged.map(({ facts, message }) => `${message} ${String(facts.err)}`).join()
      expect(told).not.toContain('secret')
      expect(told).not.toContain(receiver.token)
    },
  )
})
