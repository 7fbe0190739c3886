import { describe, expect, it } from 'vitest'
import { openTestServer } from '../support/server.js'

// The bug: two modules declare under one name, and which of the two is meant decides the order of imports, in silence.

const url = 'https://shop.example'

describe('declaring a name again', () => {
  it('with something else replaces what was there, and is a warning', async () => {
    await using bench = await openTestServer()
    const { server, logged } = bench
    server.workflow('order', async () => 'first')
    const order = server.workflow('order', async () => 'second')
    server.endpoint('shop', { url })
    server.endpoint('shop', { url })
    server.source('partner', {})
    server.source('partner', {})
    const handle = await order.start('1')
    await bench.clock.settle()
    expect(await handle.result()).toBe('second')
    expect(logged).toEqual([
      {
        level: 'warn',
        facts: { workflow: 'order' },
        message: 'a workflow of this name was declared before; the later declaration replaces it',
      },
      {
        level: 'warn',
        facts: { endpoint: 'shop' },
        message: 'an endpoint of this name was declared before; the later declaration replaces it',
      },
      {
        level: 'warn',
        facts: { source: 'partner' },
        message: 'a source of this name was declared before; the later declaration replaces it',
      },
    ])
  })

  it('with the same function or options is none, nor is the name of something of another kind', async () => {
    await using bench = await openTestServer()
    const { server, logged } = bench
    const handler = async () => 1
    const [options, shop, checks] = [{ concurrency: 1 }, { url }, {}]
    for (let times = 1; times <= 2; times++) {
      server.workflow('order', handler)
      server.workflow('limited', options, handler)
      server.endpoint('order', shop)
      server.source('order', checks)
    }
    expect(logged).toEqual([])
  })

  it('with options that cannot be changes nothing, and is none', async () => {
    await using bench = await openTestServer()
    const { server, logged } = bench
    server.endpoint('shop', { url })
    expect(() => server.endpoint('shop', { url: 'nowhere' })).toThrow('absolute URL')
    expect(logged).toEqual([])
  })
})
