import { describe, expect, it } from 'vitest'
import {
  type CallbackServer,
  InvalidOptionsError,
  type Receiver,
  type Run,
  RunFailedError,
  type RunHandle,
  type Scope,
  type Store,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { around } from '../../src/testing/session-around.js'
import { type BenchOptions, ManualClock, openBench } from '../../src/testing/testing.js'
import { withCommands } from '../support/store.js'

// The bug: a bench on which a killed process goes on acting, or on which code that cannot be entered again is green.

const shop = 'https://shop.example'
const silent = { debug() {}, info() {}, warn() {}, error() {} }

type Counted = 'news' | 'claimRuns' | 'claimDeliveries' | 'takeOver' | 'sweep'

/** A store that counts some of the commands that it is sent. */
function counting(store: Store, asked: Record<Counted, number>): Store {
  const tally = <I, O>(name: Counted, command: (input: I) => O) => {
    return (input: I) => {
      asked[name]++
      return command(input)
    }
  }
  return withCommands(store, session => ({
    news: tally('news', session.news),
    claimRuns: tally('claimRuns', session.claimRuns),
    claimDeliveries: tally('claimDeliveries', session.claimDeliveries),
    takeOver: tally('takeOver', session.takeOver),
    sweep: tally('sweep', session.sweep),
  }))
}

/** What a test needs to wait for something, and to let it happen. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { open, opened }
}

async function settles(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const yes = () => {
    settled = true
  }
  promise.then(yes, yes)
  await new ManualClock().settle()
  return settled
}

describe('a bench', () => {
  it('has a server in memory, with what was declared for it', async () => {
    await using bench = await openBench({}, async server => ({ orders: await server.spawn('orders') }))
    expect((await bench.post(bench.declared.orders.url, { id: 7 })).status).toBe(202)
    expect((await bench.declared.orders.next()).data).toEqual({ id: 7 })
    expect(await bench.server.health()).toMatchObject({ ok: true })
  })

  it('posts text, bytes and forms as what they are, and everything else as JSON', async () => {
    await using bench = await openBench({}, server => server.spawn('inbox'))
    const bodies = ['text', 7, null, { a: [1] }, new URLSearchParams({ b: '2' }), new Uint8Array([3])]
    const data: unknown[] = []
    for (const body of bodies) {
      await bench.post(bench.declared.url, body)
      data.push((await bench.declared.next()).data)
    }
    expect(data).toEqual(['text', 7, null, { a: [1] }, { b: '2' }, new Uint8Array([3])])
  })

  it('asks the world, which may call back before it answers, and keeps what was sent', async () => {
    await using bench = await openBench(
      {
        world: async (request, post) => {
          const { callback } = (await request.json()) as { callback: string }
          await post(callback, { paid: true })
          return Response.json({ accepted: true }, { status: 201 })
        },
      },
      server => server.spawn('payment'),
    )
    const { server, declared, sent } = bench
    const delivery = await server.send({ to: shop, path: 'pay', body: { callback: declared.url } })
    await bench.settle()
    expect((await declared.next()).data).toEqual({ paid: true })
    expect((await delivery.response()).status).toBe(201)
    expect(sent.map(({ method, url }) => [method, url])).toEqual([['POST', `${shop}/pay`]])
    expect(await sent[0]?.json()).toEqual({ callback: declared.url })
  })

  it('answers with success where there is no world', async () => {
    await using bench = await openBench({}, () => {})
    const delivery = await bench.server.send({ to: shop, body: 'hello' })
    await bench.settle()
    expect(await delivery.done()).toBe('delivered')
  })

  it('moves time timer by timer', async () => {
    const seen: number[] = []
    await using bench = await openBench({}, server =>
      server.workflow('remind', async run => {
        for (let hour = 1; hour <= 3; hour++) {
          await run.sleep(`hour ${hour}`, '1h')
          seen.push(hour)
        }
      }),
    )
    await bench.declared.start('1')
    await bench.advance('1h')
    expect(seen.at(-1)).toBe(1)
    await bench.advance('3h')
    expect(seen.at(-1)).toBe(3)
  })

  it('passes days for the price of what falls due in them', async () => {
    const asked = { news: 0, claimRuns: 0, claimDeliveries: 0, takeOver: 0, sweep: 0 }
    const seen = new Set<string>() // each entry says it again
    await using bench = await openBench({ store: counting(memoryStore(), asked) }, async server => ({
      inbox: await server.spawn('inbox'),
      nap: server.workflow('nap', async (run: Run) => {
        for (const day of [1, 2, 3]) {
          await run.sleep(`day ${day}`, '1d')
          seen.add(`day ${day}`)
        }
      }),
    }))
    await bench.declared.nap.start('1')
    const wait = bench.declared.inbox.next({ timeout: '60h', fallback: () => seen.add('nothing came') })
    await bench.settle()

    await bench.advance('3d')
    await wait
    expect([...seen]).toEqual(['day 1', 'day 2', 'nothing came', 'day 3'])
    expect(asked.sweep).toBe(3 * 24 * 60)
    const { sweep: _, ...others } = asked
    for (const times of Object.values(others)) expect(times).toBeLessThan(500)
  })

  it('asks a store that other processes may be at as often as any server', async () => {
    const asked = { news: 0, claimRuns: 0, claimDeliveries: 0, takeOver: 0, sweep: 0 }
    const store = { ...counting(memoryStore(), asked), exclusive: false }
    await using bench = await openBench({ store }, server => server.spawn('inbox'))
    const wait = bench.declared.next()
    await bench.advance('10s')
    expect(asked.news).toBe(10)
    wait.cancel()
  })

  it('moves the clock that it is given', async () => {
    const clock = new ManualClock(0)
    await using bench = await openBench({ clock }, () => {})
    await bench.advance('1h')
    expect(clock.now()).toBe(3_600_000)
  })

  it('refuses a clock that goes by itself, and a world beside a fetch', async () => {
    const open = (options: BenchOptions) => openBench(options, () => {})
    const clock = { now: () => 0, monotonic: () => 0, setTimer: () => () => {} }
    const answer = () => new Response()
    await expect(open({ clock })).rejects.toThrow(InvalidOptionsError)
    await expect(open({ world: answer, fetch: async () => answer() })).rejects.toThrow(InvalidOptionsError)
  })

  it('says what its options are, and how it is opened', async () => {
    const open = (...given: unknown[]) => (openBench as (...given: unknown[]) => Promise<unknown>)(...given)
    const declare = () => {}
    await expect(open({ interupt: true }, declare)).rejects.toThrow(
      /^A bench has no option 'interupt'; there are store, .*, world, interrupt$/,
    )
    await expect(open({ port: 3000 }, declare)).rejects.toThrow("A bench has no option 'port'")
    await expect(open(declare)).rejects.toThrow('takes its options first: openBench({}, server => …)')
    await expect(open({})).rejects.toThrow(
      'needs a function that declares what there is: openBench({}, server',
    )
    await expect(open(undefined, declare)).rejects.toThrow(InvalidOptionsError)
  })

  it('posts to whole URLs, and says so', async () => {
    await using bench = await openBench({}, () => {})
    const posted = bench.post('/r/token', 1)
    await expect(posted).rejects.toThrow(InvalidOptionsError)
    await expect(posted).rejects.toThrow('post needs a whole URL')
    await expect(posted).rejects.not.toThrow('token')
  })

  it('whose declarations throw is not opened, and leaves nothing behind', async () => {
    const clock = new ManualClock()
    const opening = openBench({ clock }, () => {
      throw new RangeError('not declared')
    })
    await expect(opening).rejects.toThrow('not declared')
    expect(clock.timers).toBe(0)
  })

  it('leaves nothing open at its end, also after restarts', async () => {
    const clock = new ManualClock()
    {
      await using bench = await openBench({ clock }, async server => {
        const orders = await server.spawn('orders')
        orders.consume(async order => {
          await order.sleep('a while', '1d')
        })
        return orders
      })
      await bench.post(bench.declared.url, 1)
      await bench.settle()
      await bench.restart()
      await bench.restart()
      await bench.settle()
      expect(clock.timers).toBeGreaterThan(0)
    }
    expect(clock.timers).toBe(0)
  })

  it('that is closed is not restarted', async () => {
    const bench = await openBench({}, () => {})
    await bench[Symbol.asyncDispose]()
    await expect(bench.restart()).rejects.toThrow('The bench is closed')
  })
})

describe('a restart', () => {
  it('declares everything again, for a new server on the same store', async () => {
    let declared = 0
    await using bench = await openBench({}, async server => ({
      life: ++declared,
      orders: await server.spawn('orders'),
    }))
    const before = { server: bench.server, url: bench.declared.orders.url }
    await bench.post(before.url, { id: 7 })
    await bench.restart()
    expect(bench.server).not.toBe(before.server)
    expect(bench.declared.life).toBe(2)
    expect(bench.declared.orders.url).toBe(before.url)
    expect((await bench.declared.orders.next()).data).toEqual({ id: 7 })
  })

  it('in the middle of a wait leaves it for ever, and what it waited for to the next process', async () => {
    await using bench = await openBench({}, server => server.spawn('orders'))
    const wait = bench.declared.next({ timeout: '1h' })
    await bench.restart()
    await bench.post(bench.declared.url, 7)
    await bench.advance('2h')
    expect(await settles(wait)).toBe(false)
    expect((await bench.declared.next()).data).toBe(7)
  })

  it('hands out again what was in hand, and runs neither `catch` nor `finally` of its handler', async () => {
    const seen: unknown[] = []
    let life = 0
    await using bench = await openBench({}, async server => {
      const mine = ++life
      const orders = await server.spawn<number>('orders')
      orders.consume(async order => {
        try {
          seen.push([mine, order.attempt])
          if (mine === 1) await order.sleep('a while', '1h')
        } catch (error) {
          seen.push(error)
        } finally {
          if (mine === 1) seen.push('finally')
        }
      })
      return orders
    })
    await bench.post(bench.declared.url, 7)
    await bench.settle()
    await bench.restart()
    await bench.advance('2h')
    expect(seen).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  it('in the middle of a request sends it again, the same', async () => {
    const { open, opened } = gate()
    const ids: (string | null)[] = []
    await using bench = await openBench(
      {
        world: async request => {
          ids.push(request.headers.get('webhook-id'))
          if (ids.length === 1) await opened
          return new Response()
        },
      },
      () => {},
    )
    const delivery = await bench.server.send('hello', { to: shop, body: 'hello' })
    await bench.settle()
    await bench.restart()
    open()
    await bench.advance('1m')
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
    expect(bench.sent).toHaveLength(2)
    expect(await settles(delivery.done())).toBe(false)
    const again = await bench.server.send('hello', { to: shop, body: 'hello' })
    expect(await again.done()).toBe('delivered')
  })

  it('in the middle of a step runs it again, and records nothing of what the old one came to', async () => {
    const { open, opened } = gate()
    let steps = 0
    await using bench = await openBench({}, server =>
      server.workflow('book', async run => {
        const booked = await run.step('book', async () => {
          const mine = ++steps
          if (mine === 1) await opened
          return mine
        })
        await run.sleep('a while', '1h')
        return booked
      }),
    )
    await bench.declared.start('1')
    await bench.settle()
    await bench.restart()
    await bench.settle()
    open()
    await bench.advance('2h')
    expect(await (await bench.declared.start('1')).result()).toBe(2)
    expect(steps).toBe(2)
  })

  it('may come from the world, while it is asked', async () => {
    const restarts: Promise<void>[] = []
    await using bench = await openBench(
      {
        world: () => {
          if (restarts.length === 0) restarts.push(bench.restart())
          return new Response('ok')
        },
      },
      server =>
        server.workflow('ask', async run => {
          await run.send('ask', { to: shop, body: 'hello' })
          return 'asked'
        }),
    )
    await bench.declared.start('1')
    await bench.advance('1m')
    await Promise.all(restarts)
    await bench.advance('1m')
    expect(await (await bench.declared.start('1')).result()).toBe('asked')
    expect(new Set(bench.sent.map(({ headers }) => headers.get('webhook-id'))).size).toBe(1)
  })

  it('breaks the connection of a callback that is being answered', async () => {
    await using bench = await openBench({}, server => server.spawn('orders', { respond: 'manual' }))
    const answer = bench.post(bench.declared.url, 7)
    const broken = expect(answer).rejects.toThrow('The server was killed before it answered')
    await bench.settle()
    await bench.restart()
    await broken
    expect((await bench.declared.next()).data).toBe(7)
  })

  it('leaves for ever what the old server was asked, before and after', async () => {
    const { open, opened } = gate()
    const kept = memoryStore()
    const store = {
      ...kept,
      open: async () => {
        const session = await kept.open()
        const late = <T>(outcome: Promise<T>) => opened.then(() => outcome)
        return around(session, { spawn: input => late(session.spawn(input)) })
      },
    }
    await using bench = await openBench({ store }, () => {})
    const { server } = bench
    const before = server.spawn('before')
    await bench.settle()
    await bench.restart()
    open()
    const after = server.send({ to: shop, body: 'hello' })
    await bench.settle()
    expect([await settles(before), await settles(after)]).toEqual([false, false])
    expect(bench.sent).toEqual([])
  })

  it('may come from within a step, to which the new process does not belong', async () => {
    const restarts: Promise<void>[] = []
    await using bench = await openBench({}, async server => {
      await server.spawn()
      return server.workflow('die', async run =>
        run.step('die', () => {
          if (restarts.length === 0) restarts.push(bench.restart())
          return 'died'
        }),
      )
    })
    await bench.declared.start('1')
    await bench.settle()
    await Promise.all(restarts)
    await bench.settle()
    expect(await (await bench.declared.start('1')).result()).toBe('died')
  })

  it('silences the log and the observer of the old process', async () => {
    const told: string[] = []
    const logger = { ...silent, warn: (_: object, message: string) => void told.push(message) }
    const { open, opened } = gate()
    await using bench = await openBench(
      { logger, observe: ({ type }) => void told.push(type) },
      async server => {
        const orders = await server.spawn<number>('orders')
        let first = true
        if (told.length === 0)
          orders.consume(async () => {
            if (!first) return
            first = false
            await opened
            throw new Error('nobody hears of it')
          })
        return orders
      },
    )
    await bench.post(bench.declared.url, 7)
    await bench.settle()
    await bench.restart()
    const before = told.length
    open()
    await bench.settle()
    expect(told.slice(before)).toEqual([])
  })

  it('whose declarations throw says so, and leaves no server', async () => {
    const clock = new ManualClock()
    let life = 0
    const bench = await openBench({ clock }, () => {
      if (++life === 2) throw new RangeError('not declared')
    })
    await expect(bench.restart()).rejects.toThrow('not declared')
    expect(() => bench.server).toThrow('No server runs on this bench at the moment')
    await bench[Symbol.asyncDispose]()
    expect(clock.timers).toBe(0)
  })

  it('keeps a store of one’s own', async () => {
    const store = memoryStore()
    const clock = new ManualClock()
    let url = ''
    {
      await using bench = await openBench({ store, clock }, server => server.spawn('orders'))
      url = bench.declared.url
      await bench.restart()
    }
    await using bench = await openBench({ store, clock }, server => server.spawn('orders'))
    expect(bench.declared.url).toBe(url)
  })
})

/** The same story for a run, and for a callback in a handler. */
type Story = (scope: Scope) => Promise<unknown>

const kinds = {
  'a run': (story: Story) => async (server: CallbackServer) => {
    const workflow = server.workflow('story', async run => (await story(run)) ?? null)
    const begin = async () => void (await workflow.start('1'))
    return { begin, result: async () => (await workflow.start('1')).result() }
  },
  'a handler': (story: Story) => async (server: CallbackServer) => {
    const orders = await server.spawn('orders')
    const results: unknown[] = []
    orders.consume({ retry: false }, async order => void results.push(await story(order)))
    return {
      begin: () => orders.accept({ id: 7 }),
      result: async () => {
        for await (const { error } of orders.failed()) throw error
        expect(results).toHaveLength(1)
        return results[0]
      },
    }
  },
}

describe.each(Object.entries(kinds))('an interrupted bench enters %s again', (_, kind) => {
  async function tell(story: Story, options: BenchOptions = {}) {
    const bench = await openBench({ interrupt: true, logger: silent, ...options }, kind(story))
    await bench.declared.begin()
    return bench
  }

  it('after each verb, and each is done once', async () => {
    let [entries, steps] = [0, 0]
    const firsts: number[] = []
    await using bench = await tell(
      async scope => {
        entries++
        const id = await scope.step('id', () => ++steps)
        const answers = await scope.spawn<{ n: number }>('answers')
        await scope.send('ask', { to: shop, body: { callback: answers.url } })
        firsts.push((await answers.next({ timeout: '1h' })).data.n)
        await scope.sleep('a while', '1h')
        const { data } = await scope.exchange<{ n: number }>('again', {
          send: callback => ({ to: shop, body: { callback } }),
        })
        return { id, n: data.n }
      },
      {
        world: async (request, post) => {
          const { callback } = (await request.json()) as { callback: string }
          await post(callback, { n: bench.sent.length })
          return new Response()
        },
      },
    )
    await bench.advance('2h')
    expect(await bench.declared.result()).toEqual({ id: 1, n: 2 })
    expect(steps).toBe(1)
    expect(bench.sent).toHaveLength(2)
    expect(new Set(firsts)).toEqual(new Set([1]))
    // After the step, the spawn, the send, the read, the sleep's deadline, its end, the exchange, its answer.
    expect(entries).toBeGreaterThanOrEqual(9)
  })

  it('so that a variable which only a step sets is found out', async () => {
    const story: Story = async scope => {
      let total = 0
      for (const item of [1, 2, 3])
        await scope.step(`add/${item}`, () => {
          total += item
        })

      return total
    }
    await using bench = await tell(story)
    await bench.settle()
    expect(await bench.declared.result()).not.toBe(6)
    await using calm = await tell(story, { interrupt: false })
    await calm.settle()
    expect(await calm.declared.result()).toBe(6)
  })

  it('so that a key of chance is an error in words', async () => {
    await using bench = await tell(scope => scope.step(`charge/${Math.random()}`, () => 'charged'))
    await expect(bench.settle()).rejects.toThrow(
      /entered 1001 times.*'charge\/0\.\d+'.*A key has to be the same/,
    )
    await expect(bench.declared.result()).rejects.toThrow()
    await bench.settle() // who was told is not told again
  })

  it('so that a key which counts in a variable outside is an error in words', async () => {
    let count = 0
    await using bench = await tell(async scope => {
      await scope.sleep(`pause/${count++}`, '1s')
    })
    await expect(bench.advance('2h')).rejects.toThrow(/'pause\/\d+'/)
  })

  it('and drops it as by kill -9: no `catch`, no `finally`', async () => {
    const seen: string[] = []
    await using bench = await tell(async scope => {
      try {
        await scope.step('one', () => 1)
        await scope.step('two', () => 2)
        seen.push('end')
      } catch {
        seen.push('catch')
      } finally {
        seen.push('finally')
      }
    })
    await bench.settle()
    expect(seen).toEqual(['end', 'finally'])
  })

  it('with its races decided as they were', async () => {
    const winners: string[] = []
    await using bench = await tell(async scope => {
      const answers = await scope.spawn('answers')
      const { name } = await scope.race('first', {
        late: () => scope.sleep('late', '1m'),
        answer: () => answers.next(),
      })
      winners.push(name)
      await scope.step('after', () => name)
      return name
    })
    await bench.advance('1h')
    expect(await bench.declared.result()).toBe('late')
    expect(new Set(winners)).toEqual(new Set(['late']))
  })

  it('and across restarts, too', async () => {
    let steps = 0
    await using bench = await tell(async scope => {
      const before = await scope.step('before', () => ++steps)
      await scope.sleep('a while', '1h')
      return [before, await scope.step('after', () => ++steps)]
    })
    await bench.settle()
    await bench.restart()
    await bench.advance('2h')
    expect(steps).toBe(2)
  })
})

describe('an interrupted bench', () => {
  it('keeps the room of a workflow and the order of its runs', async () => {
    const ended: string[] = []
    await using bench = await openBench({ interrupt: true }, server =>
      server.workflow('one', { concurrency: 1 }, async run => {
        await run.step('a', () => 1)
        await run.step('b', () => 2)
        ended.push(run.key)
      }),
    )
    for (const key of ['1', '2', '3']) await bench.declared.start(key)
    await bench.settle()
    expect(ended.sort()).toEqual(['1', '2', '3'])
  })

  it('starts a run within a run once', async () => {
    let children = 0
    await using bench = await openBench({ interrupt: true }, server => {
      const child = server.workflow('child', async run => await run.step('count', () => ++children))
      return server.workflow('parent', async run => (await run.start('child', child)).result())
    })
    const run = await bench.declared.start('1')
    await bench.settle()
    expect(await run.result()).toBe(1)
  })

  it('records nothing more of an entry that it has interrupted', async () => {
    let seconds = 0
    await using bench = await openBench({ interrupt: true }, server =>
      server.workflow('two at once', async run => {
        const second = async () => {
          const mine = ++seconds
          for (let turn = 0; turn < 100; turn++) await null
          return mine
        }
        return Promise.all([run.step('first', () => 1), run.step('second', second)])
      }),
    )
    const run = await bench.declared.start('1')
    await bench.settle()
    expect(await run.result()).toEqual([1, 2])
  })

  it('throws the cancellation of a run once, and compensation works', async () => {
    const undone: string[] = []
    await using bench = await openBench({ interrupt: true }, server =>
      server.workflow('trip', async run => {
        await run.step('book', () => 'booked')
        try {
          await run.sleep('a while', '1d')
        } catch (error) {
          await run.step('undo', () => void undone.push('undone'))
          throw error
        }
      }),
    )
    const run = await bench.declared.start('1')
    await bench.settle()
    await run.cancel('changed my mind')
    await bench.settle()
    expect(undone).toEqual(['undone'])
    expect(await run.status()).toMatchObject({ status: 'cancelled' })
  })

  it('fails the run that never ends, with the same words', async () => {
    await using bench = await openBench({ interrupt: true, logger: silent }, server =>
      server.workflow('charge', run => run.step(`charge/${Math.random()}`, () => 1)),
    )
    const run: RunHandle<number> = await bench.declared.start('1')
    const error = await run.result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RunFailedError)
    expect((error as RunFailedError).cause).toMatchObject({
      message: expect.stringContaining('A key has to be'),
    })
  })

  it('leaves loops alone, which cannot be entered again', async () => {
    const seen: unknown[] = []
    await using bench = await openBench({ interrupt: true }, server => server.spawn<number>('orders'))
    const loop = async (orders: Receiver<number>) => {
      for await (const order of orders) {
        seen.push(await order.step('double', () => order.data * 2))
        if (seen.length === 2) return
      }
    }
    const looping = loop(bench.declared)
    for (const n of [1, 2]) await bench.post(bench.declared.url, n)
    await bench.settle()
    await looping
    expect(seen).toEqual([2, 4])
  })
})
