import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { declare, isSigned } from '../../examples/secret-rotation.mjs'
import { openExample, ways } from './ways.js'

const old = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const next = 'whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBwYXJ0bmVy'
const url = 'https://partner.example/hooks'

describe.each(ways)('the rotation of a secret, $way', way => {
  /** The secrets of the process that runs, and the one that the partner knows. */
  async function open() {
    const state = { secrets: [old], knows: old, busy: false }
    const statuses: number[] = []
    const bench = await openExample(
      way,
      {
        world: async request => {
          const good = isSigned(name => request.headers.get(name), await request.text(), state.knows)
          const status = state.busy ? 503 : good ? 204 : 401
          statuses.push(status)
          return new Response(null, { status })
        },
      },
      server => declare(server, { url, secrets: state.secrets }),
    )
    const deploy = async (secrets: string[]) => {
      state.secrets = secrets
      await bench.restart()
    }
    const send = async (body: string) => {
      await bench.declared.send(body, { body })
      await bench.pass()
    }
    return { bench, state, statuses, deploy, send }
  }

  it('refuses nothing, in the order of the example', async () => {
    const { bench, state, statuses, deploy, send } = await open()
    await using _ = bench
    await send('1')
    await deploy([next, old])
    await send('2')
    state.knows = next
    await send('3')
    await deploy([next])
    await send('4')
    expect(statuses).toEqual([204, 204, 204, 204])
  })

  it('reaches what waits: it is signed with what is current when it is tried again', async () => {
    const { bench, state, statuses, deploy, send } = await open()
    await using _ = bench
    state.busy = true
    await send('1')
    Object.assign(state, { busy: false, knows: next })
    await deploy([next])
    await bench.pass(1_000)
    expect(statuses).toEqual([503, 204])
  })

  it('is refused where both sides change at once, whoever is first', async () => {
    const { bench, statuses, deploy, send } = await open()
    await using _ = bench
    await deploy([next])
    await send('1')
    expect(statuses).toEqual([401])
  })
})

describe('the check of the example', () => {
  it('says what the reference library says', () => {
    const at = new Date()
    const timestamp = String(Math.floor(at.getTime() / 1_000))
    for (const secret of [old, next]) {
      const headers: Record<string, string> = {
        'webhook-id': 'msg_1',
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,x ${new Webhook(secret).sign('msg_1', at, 'body')}`,
      }
      expect(isSigned(name => headers[name], 'body', secret)).toBe(true)
      expect(isSigned(name => headers[name], 'other', secret)).toBe(false)
      expect(isSigned(name => headers[name], 'body', secret === old ? next : old)).toBe(false)
    }
  })
})
