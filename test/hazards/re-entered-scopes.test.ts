import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallbackServer, Scope } from '../../src/index.js'
import { scopeIdOf } from '../../src/model/memory.js'
import type { RememberInput, RememberOutcome } from '../../src/store/scoping.js'
import { type Around, type Life, Lives, type Place, places } from '../support/lives.js'
import { type Outside, type Program, program, runProgram } from '../support/scope-programs.js'

// The bugs, each at one instant only: an effect whose result was written and not heard of is repeated; a message goes out
// twice, or once more with other bytes; a callback is read by two waits, or by none; a race that was decided is decided
// again, otherwise; a scope that is in two places goes on in neither.

/** Dies at the n-th command from the last death: before it has reached the store, or after, and has not heard of it. */
interface Death {
  readonly commands: number
  readonly when: 'before' | 'after'
}

type Kind = 'run' | 'callback'

interface Execution {
  readonly results: readonly unknown[]
  /** What the endpoint saw, by message id. */
  readonly seen: ReadonlyMap<string, readonly string[]>
  readonly steps: Steps
  readonly undone: readonly unknown[]
  readonly deaths: number
}

const deaths = fc.array(
  fc.record<Death>({
    commands: fc.integer({ min: 0, max: 12 }),
    when: fc.constantFrom('before', 'after'),
  }),
  { minLength: 1, maxLength: 16 },
)

describe.each(places)('in %s', (name, place) => {
  it('a scope re-entered at random instants gives the same result as one that ran through, and each endpoint saw each message id with identical bytes', async () => {
    let died = 0
    const kinds = fc.constantFrom<Kind>('run', 'callback')
    const law = fc.asyncProperty(program, deaths, kinds, async (code, plan, kind) => {
      const whole = await execute(place, code, kind, [])
      const broken = await execute(place, code, kind, plan)
      died += broken.deaths

      expect(whole.results).toHaveLength(1)
      expect(broken.results.length).toBeGreaterThan(0)
      for (const result of broken.results) expect(result).toEqual(whole.results[0])
      for (const requests of whole.seen.values()) expect(requests).toHaveLength(1)
      for (const requests of broken.seen.values()) expect(new Set(requests).size).toBe(1)
      expect(messagesOf(broken)).toEqual(messagesOf(whole))
      for (const times of whole.steps.times.values()) expect(times).toBe(1)
      expect(broken.steps.keys).toEqual(whole.steps.keys)
      expect(broken.steps.repeated).toEqual([])
      expect([whole.undone, broken.undone]).toEqual([[], []])
    })
    await fc.assert(law, { numRuns: name === 'memory' ? 100 : 15 })
    expect(died).toBeGreaterThan(50)
  }, 120_000)
})

async function execute(place: Place, code: Program, kind: Kind, plan: readonly Death[]): Promise<Execution> {
  const world = new World()
  const steps = new Steps()
  const results: unknown[] = []
  const lives = new Lives(place, { fetch: request => world.answer(request) })
  const deathless: Around = (name, run, given) => steps.note(name, given, run)
  const mortals = new Generations(plan, async around => {
    const life = await lives.begin((name, run, given) =>
      around(name, () => deathless(name, run, given), given),
    )
    return { life, start: await declare(life.server, { kind, steps, results }) }
  })
  world.reach = (ms, url, n, deliveryId) =>
    lives.clock.setTimer(lives.clock.monotonic() + ms, () => {
      void mortals.withOne(({ life }) => life.post(url, { n }, { 'webhook-id': deliveryId }))
    })

  // Time stands still until it has: a first opening takes turns that the clock does not see.
  await mortals.withOne(({ start, life }) => start(life, code))
  for (let slot = 0; results.length === 0 && slot < 200; slot++) await lives.clock.advance('5s')
  await lives.clock.advance('5s')
  // Whatever a last death has left undone is done by one that lives.
  const last = await lives.begin(deathless)
  await declare(last.server, { kind, steps, results })
  await lives.clock.advance('10s')
  const undone = await unfinished(last.server)
  await lives.kill()
  return { results, seen: world.seen, steps, undone, deaths: mortals.deaths }
}

/** Declares the program, as code of a run or of a callback; returns how it is started. */
async function declare(
  server: CallbackServer,
  { kind, steps, results }: { kind: Kind; steps: Steps; results: unknown[] },
): Promise<(life: Life, code: Program) => Promise<unknown>> {
  const outside: Outside = {
    to: 'https://partner.example/in',
    effect: (scopeId, part, key) => steps.effect(scopeId, part, key),
    child: () => child,
  }
  const run = async (scope: Scope, scopeId: string, code: Program) =>
    await runProgram(scope, code, { scopeId, part: '' }, outside)
  const child = server.workflow('child', async (scope, code: Program) => await run(scope, scope.id, code))
  const main = server.workflow('main', { retry: false }, async (scope, code: Program) => {
    results.push(await run(scope, scope.id, code))
  })
  const orders = await server.spawn<Program>('orders')
  orders.consume({ retry: false }, async order => {
    results.push(await run(order, order.id, order.data))
  })
  if (kind === 'run') return (_, code) => main.start('main', code)
  return (life, code) => life.post(orders.url, code, { 'webhook-id': 'main' })
}

async function unfinished(server: CallbackServer): Promise<unknown[]> {
  const undone: unknown[] = []
  const orders = await server.spawn('orders')
  for await (const { reason, error } of orders.failed()) undone.push([reason, error])
  for await (const { key, unread } of server.receivers({ key: 'orders' })) if (unread > 0) undone.push(key)
  for (const name of ['main', 'child']) {
    // What it does is not asked: nothing of it runs any more.
    for await (const run of server.workflow(name, async () => {}).runs()) {
      if (run.status !== 'done') undone.push(run)
    }
  }
  return undone
}

interface Generation<L> {
  readonly life: Promise<L>
  readonly over: Promise<typeof OVER>
  readonly end: () => void
}

/** Lives one after the other: each begins in the instant in which the one before it ends. */
class Generations<L> {
  readonly #left: Death[]
  readonly #create: (around: Around) => Promise<L>
  /** A life ends within the code of a scope; the next begins outside. */
  readonly #outside = AsyncLocalStorage.snapshot()
  #commands = 0
  #current: Generation<L>
  deaths = 0

  constructor(plan: readonly Death[], create: (around: Around) => Promise<L>) {
    this.#left = [...plan]
    this.#create = create
    this.#current = this.#begin()
  }

  /** Does it with whoever is alive, and again where that one dies meanwhile. */
  async withOne<T>(work: (life: L) => Promise<T>): Promise<T> {
    for (;;) {
      const { life, over } = this.#current
      const done = await Promise.race([life.then(work), over])
      if (done !== OVER) return done
    }
  }

  #begin(): Generation<L> {
    let end = () => {}
    const over = new Promise<typeof OVER>(resolve => {
      end = () => resolve(OVER)
    })
    const life = this.#outside(() => this.#create((_, run) => this.#command(run)))
    return { life, over, end }
  }

  async #command(run: () => Promise<unknown>): Promise<unknown> {
    const death = this.#left[0]
    if (death === undefined || this.#commands++ < death.commands) return await run()
    if (death.when === 'after') await run()
    if (death === this.#left[0]) this.#die()
    return await new Promise<never>(() => {})
  }

  #die(): void {
    this.#left.shift()
    this.#commands = 0
    this.deaths++
    const { end } = this.#current
    this.#current = this.#begin()
    end()
  }
}

const OVER = Symbol('over')

/** The third party: it answers every message once, as its body asks it to. */
class World {
  /** What it saw, by message id. */
  readonly seen = new Map<string, string[]>()
  reach: (ms: number, url: string, n: number, deliveryId: string) => void = () => {}

  async answer(request: Request): Promise<Response> {
    const id = request.headers.get('webhook-id') ?? ''
    const body = await request.text()
    const before = this.seen.get(id)
    this.seen.set(id, [...(before ?? []), `${request.headers.get('content-type')} ${body}`])
    const { url, arrivalsMs = [] } = JSON.parse(body) as { url?: string; arrivalsMs?: number[] }
    if (before === undefined && url !== undefined) {
      for (const [n, ms] of arrivalsMs.entries()) this.reach(ms, url, n, `${id}/${n}`)
    }
    return new Response('ok')
  }
}

/** The effects of steps, and which of them are known to be recorded. */
class Steps {
  readonly times = new Map<string, number>()
  /** Done again when their result had been recorded. */
  readonly repeated: string[] = []
  readonly #recorded = new Set<string>()

  effect(scopeId: string, part: string, key: string): void {
    const name = JSON.stringify([scopeId, part, key])
    this.times.set(name, (this.times.get(name) ?? 0) + 1)
    if (this.#recorded.has(name)) this.repeated.push(name)
  }

  async note(name: string, [given]: readonly unknown[], run: () => Promise<unknown>): Promise<unknown> {
    const outcome = await run()
    if (name === 'remember' && (outcome as RememberOutcome).type === 'remembered') {
      const { entry, at } = given as RememberInput
      this.#recorded.add(JSON.stringify([scopeIdOf(entry), at.part, at.key]))
    }
    return outcome
  }

  get keys(): string[] {
    return [...this.times.keys()].map(name => JSON.parse(name)[2] as string).sort()
  }
}

function messagesOf({ seen }: Execution): string[] {
  return [...seen.values()].map(([request = '']) => request.replace(/"url":"[^"]*"/, '"url":"…"')).sort()
}
