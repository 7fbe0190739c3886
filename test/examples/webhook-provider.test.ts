import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { provide } from '../../examples/webhook-provider.mjs'
import { openExample, ways } from './ways.js'

interface Event {
  readonly body: string
  readonly headers: Record<string, string>
}

describe.each(ways)('a webhook provider, $way', way => {
  /** Whoever is `willing` gives the token back that it is sent. */
  async function open(willing: readonly string[] = ['shop']) {
    const events: Record<string, Event[]> = {}
    const bench = await openExample(
      way,
      {
        world: async request => {
          const [name = ''] = new URL(request.url).hostname.split('.')
          const body = await request.text()
          const { token } = JSON.parse(body) as { token?: string }
          if (token !== undefined) return new Response(token, { status: willing.includes(name) ? 200 : 404 })
          events[name] = [...(events[name] ?? []), { body, headers: Object.fromEntries(request.headers) }]
          return new Response(null, { status: 204 })
        },
      },
      server => provide(server),
    )
    const call = (method: string, path: string, body?: unknown) => {
      const init = body === undefined ? {} : { body: JSON.stringify(body) }
      return bench.declared(new Request(`https://provider.example${path}`, { method, ...init }))
    }
    const subscribe = async (name: string) => {
      const answer = await call('POST', '/subscriptions', {
        topic: 'book.*',
        url: `https://${name}.example/`,
      })
      await bench.pass(1_000)
      return (await answer.json()) as { id: string; secret?: string }
    }
    const publish = async (id: number) => {
      await bench.server.publish(`book/${id}`, { topic: 'book.created', body: { id } })
      await bench.pass(1_000)
    }
    return { bench, events, call, subscribe, publish }
  }

  it('sends what is published, signed by the secret that the subscriber was given', async () => {
    const { bench, events, subscribe, publish } = await open()
    await using _ = bench
    const { secret = '' } = await subscribe('shop')
    await publish(7)
    const [event, ...more] = events.shop ?? []
    expect(more).toEqual([])
    expect(event?.body).toBe('{"id":7}')
    // The reference library looks at the clock of the machine, which is not that of the bench.
    const at = new Date(1_000 * Number(event?.headers['webhook-timestamp']))
    const signature = new Webhook(secret).sign(event?.headers['webhook-id'] ?? '', at, '{"id":7}')
    expect(event?.headers['webhook-signature']).toBe(signature)
  })

  it('sends nothing to who has not proven that it wants it', async () => {
    const { bench, events, subscribe, publish } = await open()
    await using _ = bench
    await subscribe('bank')
    await publish(7)
    expect(events).toEqual({})
  })

  it('gives the secret to the first who asks, and to nobody after', async () => {
    const { bench, subscribe } = await open()
    await using _ = bench
    const first = await subscribe('shop')
    expect(first.secret).toMatch(/^whsec_/)
    expect(await subscribe('shop')).toEqual({ id: first.id })
  })

  it('lets go of who unsubscribes', async () => {
    const { bench, events, call, subscribe, publish } = await open()
    await using _ = bench
    const { id } = await subscribe('shop')
    expect((await call('DELETE', `/subscriptions/${id}`)).status).toBe(204)
    expect((await call('DELETE', `/subscriptions/${id}`)).status).toBe(404)
    await publish(7)
    expect(events).toEqual({})
  })

  it('says what is wrong with what it is sent', async () => {
    const { bench, call } = await open()
    await using _ = bench
    const answer = await call('POST', '/subscriptions', { topic: 'book.*', url: 'nowhere' })
    expect(answer.status).toBe(422)
    expect(await answer.text()).toContain('must be an absolute URL')
    expect((await call('PUT', '/subscriptions')).status).toBe(405)
    expect((await call('GET', '/else')).status).toBe(404)
  })
})
