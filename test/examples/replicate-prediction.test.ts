import { ManualClock } from 'longline/testing'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/replicate-prediction.mjs'
import { openExample, runOf, sentTo, ways } from './ways.js'

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
const other = 'whsec_c29tZWJvZHkgZWxzZSdzIG9uZSE='

interface Job {
  readonly version: string
  readonly input: { readonly prompt: string }
  readonly webhook: string
  readonly webhook_events_filter: string[]
}

describe.each(ways)('a prediction of Replicate, $way', way => {
  async function open(prompts: readonly string[] = ['a cat']) {
    const clock = new ManualClock()
    const bench = await openExample(
      way,
      { clock, world: () => new Response(null, { status: 201 }) },
      server => declare(server, { secret, token: 'r8_1', version: 'a model' }),
    )
    for (const prompt of prompts) await bench.declared.start(prompt, prompt)
    await bench.pass(1_000)
    const jobs = await sentTo<Job>(bench.sent, 'api.replicate.com')
    const call = async (webhook: string | undefined, prediction: object, by = secret) => {
      const body = JSON.stringify(prediction)
      const at = new Date(clock.now())
      const headers = {
        'content-type': 'application/json',
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': new Webhook(by).sign('msg_1', at, body),
      }
      const { status } = await bench.server.fetch(
        new Request(webhook ?? '', { method: 'POST', headers, body }),
      )
      await bench.pass()
      return status
    }
    return { bench, jobs, call, result: async (key: string) => (await runOf(bench.declared, key)).result() }
  }

  it('has a URL of its own, at which its picture comes', async () => {
    const { bench, jobs, call, result } = await open(['a cat', 'a dog'])
    await using _ = bench
    expect(jobs.map(({ webhook: _webhook, ...job }) => job)).toEqual(
      ['a cat', 'a dog'].map(prompt => ({
        version: 'a model',
        input: { prompt },
        webhook_events_filter: ['completed'],
      })),
    )
    expect(bench.sent[0]?.headers.get('authorization')).toBe('Bearer r8_1')
    const [cat, dog] = jobs
    expect(cat?.webhook).not.toBe(dog?.webhook)
    await call(dog?.webhook, { status: 'succeeded', output: ['dog.png'] })
    await call(cat?.webhook, { status: 'succeeded', output: ['cat.png'] })
    expect([await result('a cat'), await result('a dog')]).toEqual(['cat.png', 'dog.png'])
    expect(await call(cat?.webhook, { status: 'succeeded', output: ['other.png'] })).toBe(202) // a repetition
    expect(await result('a cat')).toBe('cat.png')
  })

  it('is believed of Replicate alone, also while its run is parked', async () => {
    const { bench, jobs, call, result } = await open()
    await using _ = bench
    await bench.pass(60_000)
    expect(await (await runOf(bench.declared, 'a cat')).status()).toMatchObject({ status: 'parked' })
    const [job] = jobs
    expect(await call(job?.webhook, { status: 'succeeded', output: ['forged.png'] }, other)).toBe(401)
    expect(await call(job?.webhook, { status: 'succeeded', output: ['cat.png'] })).toBe(202)
    expect(await result('a cat')).toBe('cat.png')
  })

  it('that has failed fails its run, at once', async () => {
    const { bench, jobs, call, result } = await open()
    await using _ = bench
    await call(jobs[0]?.webhook, { status: 'canceled', output: null })
    const error = await result('a cat').catch((reason: Error) => reason.cause)
    expect(error).toMatchObject({ name: 'NonRetryableError', message: 'the prediction ended as canceled' })
  })

  it('is given up after an hour', async () => {
    const { bench, result } = await open()
    await using _ = bench
    await bench.pass(61 * 60_000)
    await bench.pass(2 * 3_600_000) // a time-out may be tried again, and finds the same
    const error = await result('a cat').catch((reason: Error) => reason.cause)
    expect(error).toMatchObject({ name: 'TimeoutError' })
  })
})
