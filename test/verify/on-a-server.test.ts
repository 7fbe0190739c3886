import { expect, it } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { all, bearer, github, ip, stripe, type Verify } from '../../src/verify/verify.js'
import { type LogLine, recordingLogger } from '../support/server.js'

const open = (lines: LogLine[]) =>
  CallbackServer.listen({ port: 0, store: 'memory:', logger: recordingLogger(lines) })

it('judges by the connection that a server has, and by what a proxy of the list says', async () => {
  await using server = await open([])
  const here = server.source('here', {
    verify: all(ip({ ranges: ['127.0.0.0/8', '::1'] }), bearer({ token: 't' })),
  })
  const there = server.source('there', {
    verify: ip({ ranges: ['203.0.113.7'], proxies: ['127.0.0.0/8', '::1'] }),
  })
  const post = async (url: string, headers: Record<string, string>) =>
    (await fetch(url, { method: 'POST', headers, body: 'x' })).status

  const { url } = await server.spawn('a', { from: here })
  expect(await post(url, { authorization: 'Bearer t' })).toBe(202)
  expect(await post(url, { authorization: 'Bearer u' })).toBe(401)

  const proxied = await server.spawn('b', { from: there })
  expect(await post(proxied.url, { 'x-forwarded-for': '8.8.8.8, 203.0.113.7' })).toBe(202)
  expect(await post(proxied.url, { 'x-forwarded-for': '203.0.113.7, 8.8.8.8' })).toBe(401)
})

it('tells the operator where it is not known who connects, and the sender nothing', async () => {
  const lines: LogLine[] = []
  await using server = await open(lines)
  const here = server.source('here', { verify: ip({ ranges: ['127.0.0.0/8'] }) })
  const { url } = await server.spawn('a', { from: here })

  const answer = await server.fetch(new Request(url, { method: 'POST', body: 'x' }))
  expect(answer.status).toBe(401)
  expect(await answer.text()).not.toContain('server.node')
  expect(JSON.stringify(lines)).toContain('mount server.node')
})

it('tells the operator that a verifier was not called, and the sender nothing', async () => {
  const lines: LogLine[] = []
  await using server = await open(lines)
  const makers: unknown = [stripe, () => github]
  const verify = makers as readonly Verify[]
  const { url } = await server.spawn('a', { from: server.source('a', { verify }) })

  const answer = await fetch(url, { method: 'POST', body: 'x' })
  expect(answer.status).toBe(401)
  expect(await answer.text()).not.toContain('stripe')
  expect(JSON.stringify(lines)).toContain(
    'write stripe({ … }) where you declare it; it returned a function, and so makes verifiers: call it',
  )
})
