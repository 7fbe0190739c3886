import { RunCancelledError, RunFailedError } from 'longline'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/saga.mjs'
import { openExample, runOf, ways } from './ways.js'

const booked = ['7: flight booked', '7: car booked']
const undone = ['7: car undone', '7: flight undone'] // what was booked last first

describe.each(ways)('a saga, $way', way => {
  async function open(status = 200) {
    const said: string[] = []
    let callback = ''
    const bench = await openExample(
      way,
      {
        world: async request => {
          callback = ((await request.json()) as { callback: string }).callback
          return new Response(null, { status })
        },
      },
      server => declare(server, line => void said.push(line)),
    )
    await bench.declared.start('7', 'adlon')
    await bench.pass(1_000)
    const confirm = () => bench.post(callback, 'confirmed')
    const run = () => runOf(bench.declared, '7')
    const failure = async () =>
      (await run()).result().then(
        () => undefined,
        (error: unknown) => error,
      )
    return { bench, said, confirm, run, failure }
  }

  it('undoes nothing when the hotel confirms', async () => {
    const { bench, said, confirm, run } = await open()
    await using _ = bench
    await bench.pass(1_800_000)
    await confirm()
    await bench.pass()
    expect(await (await run()).result()).toBe('everything is booked')
    expect(said).toEqual(booked)
  })

  it('undoes what was booked, once, backwards, when the hotel refuses', async () => {
    const { bench, said, failure } = await open(422)
    await using _ = bench
    const error = await failure()
    expect(error).toBeInstanceOf(RunFailedError)
    expect((error as RunFailedError).cause).toMatchObject({ code: 'delivery_failed' })
    expect(said).toEqual([...booked, ...undone])
  })

  it('undoes it when the hotel does not answer', async () => {
    const { bench, said, failure, confirm } = await open()
    await using _ = bench
    await bench.pass(3_500_000)
    expect(said).toEqual(booked)
    await bench.pass(200_000)
    expect(((await failure()) as RunFailedError).cause).toMatchObject({ code: 'timeout' })
    expect(said).toEqual([...booked, ...undone])
    await confirm() // too late
    await bench.pass(1_000)
    expect(said).toEqual([...booked, ...undone])
  })

  it('undoes it when it is cancelled, and stays cancelled', async () => {
    const { bench, said, run, failure } = await open()
    await using _ = bench
    await bench.pass(60_000)
    await (await run()).cancel('Ada is ill')
    await bench.pass(1_000)
    const error = await failure()
    expect(error).toBeInstanceOf(RunCancelledError)
    expect((error as RunCancelledError).reason).toBe('Ada is ill')
    expect(await (await run()).status()).toMatchObject({ status: 'cancelled' })
    expect(said).toEqual([...booked, ...undone])
  })
})
