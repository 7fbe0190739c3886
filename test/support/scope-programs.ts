import fc from 'fast-check'
import type { Branches, Callback, Scope, ScopeReceiver, Workflow } from '../../src/index.js'

// Programs made of the verbs of a scope: data, so that they can be made up at random, run in a scope of any kind, and
// run again. What one returns depends on nothing but when the world answers.

export type Program = readonly Statement[]

export type Statement =
  | { readonly verb: 'step'; readonly key: string; readonly fails: boolean }
  | { readonly verb: 'sleep'; readonly key: string; readonly ms: number }
  | { readonly verb: 'send'; readonly key: string; readonly waits: boolean }
  | {
      readonly verb: 'exchange'
      readonly key: string
      readonly answerMs: number
      readonly timeoutMs: number
      readonly inner: Program
    }
  /** As many callbacks arrive as are read, so that a read without a time-out always ends. */
  | {
      readonly verb: 'read'
      readonly key: string
      readonly arrivalsMs: readonly number[]
      readonly timeoutsMs: readonly (number | null)[]
      readonly inner: Program
    }
  | { readonly verb: 'race' | 'any'; readonly key: string; readonly branches: readonly Branch[] }
  | { readonly verb: 'start'; readonly key: string; readonly program: Program }
  | { readonly verb: 'together'; readonly key: string; readonly programs: readonly Program[] }

export type Branch =
  | { readonly type: 'read'; readonly arrivalMs: number; readonly timeoutMs: number | null }
  | { readonly type: 'sleep'; readonly ms: number }
  | { readonly type: 'nested'; readonly arrivalMs: number; readonly ms: number }
  | { readonly type: 'exchange'; readonly answerMs: number; readonly timeoutMs: number }

/** What a program does to the world, and how the world is told where to answer, and after how long. */
export interface Outside {
  readonly to: string
  effect(scopeId: string, part: string, key: string): void
  readonly child: () => Workflow<Program, unknown>
}

// ── Making them up ──

const { tree } = fc.letrec<{ tree: Program; statement: Statement; branch: Branch }>(tie => ({
  tree: fc.array(tie('statement'), { minLength: 1, maxLength: 4, depthIdentifier: 'program' }),
  statement: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'program' },
    {
      weight: 3,
      arbitrary: fc.record({ verb: fc.constant('step' as const), key: key(), fails: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ verb: fc.constant('sleep' as const), key: key(), ms: hint() }) },
    {
      weight: 2,
      arbitrary: fc.record({ verb: fc.constant('send' as const), key: key(), waits: fc.boolean() }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        verb: fc.constant('exchange' as const),
        key: key(),
        answerMs: hint(),
        timeoutMs: hint(),
        inner: tie('tree'),
      }),
    },
    {
      weight: 4,
      arbitrary: fc
        .record({
          verb: fc.constant('read' as const),
          key: key(),
          arrivalsMs: fc.array(hint(), { minLength: 1, maxLength: 3 }),
          timeouts: fc.array(fc.option(hint()), { minLength: 3, maxLength: 3 }),
          inner: tie('tree'),
        })
        .map(({ timeouts, ...read }) => ({ ...read, timeoutsMs: timeouts.slice(0, read.arrivalsMs.length) })),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        verb: fc.constantFrom('race' as const, 'any' as const),
        key: key(),
        branches: fc.array(tie('branch'), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ verb: fc.constant('start' as const), key: key(), program: tie('tree') }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        verb: fc.constant('together' as const),
        key: key(),
        programs: fc.array(tie('tree'), { minLength: 2, maxLength: 2 }),
      }),
    },
  ),
  branch: fc.oneof(
    fc.record({
      type: fc.constant('read' as const),
      arrivalMs: hint(),
      timeoutMs: fc.option(hint()),
    }),
    fc.record({ type: fc.constant('sleep' as const), ms: hint() }),
    fc.record({ type: fc.constant('nested' as const), arrivalMs: hint(), ms: hint() }),
    fc.record({ type: fc.constant('exchange' as const), answerMs: hint(), timeoutMs: hint() }),
  ),
}))

export const program: fc.Arbitrary<Program> = tree.map(toProgram)

function key(): fc.Arbitrary<string> {
  return fc.constant('')
}

/** How long, in units. */
function hint(): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 2 })
}

const UNIT_MS = 1 << 13
const INSTANTS = 13

/**
 * Gives each verb a key of its own, and each duration a bit of its own below the unit: no two sums of them are equal, so
 * nothing in a program happens at the same instant by chance. When there are no bits left, the rest is steps.
 */
function toProgram(raw: Program): Program {
  let keys = 0
  let bits = 0
  const ms = (units: number): number => units * UNIT_MS + (1 << bits++)
  const all = (statements: Program): Program => statements.map(each)
  const each = (statement: Statement): Statement => {
    const key = `${statement.verb} ${++keys}`
    if (bits + bitsOf(statement) > INSTANTS) return { verb: 'step', key, fails: false }
    switch (statement.verb) {
      case 'step':
      case 'send':
        return { ...statement, key }
      case 'sleep':
        return { ...statement, key, ms: ms(statement.ms) }
      case 'exchange': {
        const { answerMs, timeoutMs, inner } = statement
        return { ...statement, key, answerMs: ms(answerMs), timeoutMs: ms(timeoutMs), inner: all(inner) }
      }
      case 'read': {
        const arrivalsMs = statement.arrivalsMs.map(ms)
        const timeoutsMs = statement.timeoutsMs.map(units => (units === null ? null : ms(units)))
        return { ...statement, key, arrivalsMs, timeoutsMs, inner: all(statement.inner) }
      }
      case 'race':
      case 'any':
        return { ...statement, key, branches: statement.branches.map(branch => toBranch(branch, ms)) }
      case 'start':
        return { ...statement, key, program: all(statement.program) }
      case 'together':
        return { ...statement, key, programs: statement.programs.map(all) }
    }
  }
  return all(raw)
}

function toBranch(branch: Branch, ms: (units: number) => number): Branch {
  switch (branch.type) {
    case 'sleep':
      return { ...branch, ms: ms(branch.ms) }
    case 'read': {
      const timeoutMs = branch.timeoutMs === null ? null : ms(branch.timeoutMs)
      return { ...branch, arrivalMs: ms(branch.arrivalMs), timeoutMs }
    }
    case 'nested':
      return { ...branch, arrivalMs: ms(branch.arrivalMs), ms: ms(branch.ms) }
    case 'exchange':
      return { ...branch, answerMs: ms(branch.answerMs), timeoutMs: ms(branch.timeoutMs) }
  }
}

function bitsOf(statement: Statement): number {
  switch (statement.verb) {
    case 'sleep':
      return 1
    case 'exchange':
      return 2
    case 'read':
      return 2 * statement.arrivalsMs.length
    case 'race':
    case 'any':
      return 2 * statement.branches.length
    default:
      return 0
  }
}

// ── Running them ──

/** `part`: the id of the callback whose verbs these are, where that was read within the scope. */
export async function runProgram(
  scope: Scope,
  program: Program,
  place: { readonly scopeId: string; readonly part: string },
  outside: Outside,
): Promise<unknown[]> {
  const results: unknown[] = []
  for (const statement of program) results.push(await runStatement(scope, statement, place, outside))
  return results
}

async function runStatement(
  scope: Scope,
  statement: Statement,
  place: { readonly scopeId: string; readonly part: string },
  outside: Outside,
): Promise<unknown> {
  const { key } = statement
  const within = (callback: Callback<unknown>, program: Program) =>
    runProgram(callback, program, { scopeId: place.scopeId, part: callback.id }, outside)
  switch (statement.verb) {
    case 'step':
      return await scope
        .step(key, { retry: false }, async () => {
          outside.effect(place.scopeId, place.part, key)
          if (statement.fails) throw new RangeError(`${key} fails`)
          return { key, at: new Date(7), ids: new Set([1n]) }
        })
        .catch(nameOf)
    case 'sleep':
      return await scope.sleep(key, statement.ms)
    case 'send': {
      const delivery = await scope.send(key, { to: outside.to, body: { key } })
      return statement.waits ? await delivery.done() : 'sent'
    }
    case 'exchange': {
      const answer = await exchange(scope, statement, outside)
      return answer === undefined ? 'late' : [answer.data, await within(answer, statement.inner)]
    }
    case 'read': {
      const receiver = await spawn(scope, key, statement.arrivalsMs, outside)
      const seen: unknown[] = []
      for (const timeout of statement.timeoutsMs) {
        const callback = await receiver.next(timeout === null ? {} : { timeout, fallback: () => undefined })
        seen.push(callback === undefined ? 'late' : [callback.data, await within(callback, statement.inner)])
      }
      return seen
    }
    case 'race':
    case 'any':
      return await race(scope, statement, outside)
    case 'start':
      return await (await scope.start(key, outside.child(), statement.program)).result()
    case 'together':
      return await Promise.all(statement.programs.map(program => runProgram(scope, program, place, outside)))
  }
}

async function race(
  scope: Scope,
  { verb, key, branches }: Extract<Statement, { verb: 'race' | 'any' }>,
  outside: Outside,
): Promise<unknown> {
  const made: Record<string, Branches[string]> = {}
  const receivers = new Map<string, ScopeReceiver<unknown>>()
  for (const [index, branch] of branches.entries()) {
    const name = `${branch.type} ${index}`
    const own = `${key}/${name}`
    const receiver = async (arrivalMs: number) => {
      const spawned = await spawn(scope, own, [arrivalMs], outside)
      receivers.set(name, spawned)
      return spawned
    }
    switch (branch.type) {
      case 'sleep':
        made[name] = () => scope.sleep(own, branch.ms)
        break
      case 'read': {
        const { timeoutMs } = branch
        const from = await receiver(branch.arrivalMs)
        if (timeoutMs !== null) receivers.delete(name)
        made[name] = () => from.next(timeoutMs === null ? {} : { timeout: timeoutMs })
        break
      }
      case 'nested': {
        const from = await receiver(branch.arrivalMs)
        made[name] = () =>
          scope.race(`${own}/within`, {
            read: () => from.next(),
            sleep: () => scope.sleep(`${own}/sleep`, branch.ms),
          })
        break
      }
      case 'exchange':
        made[name] = () =>
          scope.exchange(own, {
            send: url => ({ to: outside.to, body: { url, arrivalsMs: [branch.answerMs] } }),
            timeout: branch.timeoutMs,
          })
    }
  }
  const winner = await scope[verb](key, made).then(
    ({ name, value }) => ({ name, value: toPlain(value) }),
    nameOf,
  )
  // Who has lost has read nothing: what it waited for is there for the next.
  const left: unknown[] = []
  for (const [name, receiver] of receivers) {
    const callback = await receiver.next({ timeout: '1m', fallback: () => undefined })
    left.push([name, callback?.data])
    if (callback !== undefined) {
      left.push(await receiver.next({ timeout: 0, fallback: () => 'nothing more' }))
    }
  }
  return [winner, left]
}

function toPlain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('name' in value && 'value' in value) return [value.name, toPlain(value.value)]
  return 'data' in value ? value.data : value
}

async function spawn(
  scope: Scope,
  key: string,
  arrivalsMs: readonly number[],
  { to }: Outside,
): Promise<ScopeReceiver<unknown>> {
  const receiver = await scope.spawn(key)
  await scope.send(`${key}/tell`, { to, body: { url: receiver.url, arrivalsMs } })
  return receiver
}

async function exchange(
  scope: Scope,
  { key, answerMs, timeoutMs }: Extract<Statement, { verb: 'exchange' }>,
  { to }: Outside,
): Promise<Callback<unknown> | undefined> {
  return await scope.exchange(key, {
    send: url => ({ to, body: { url, arrivalsMs: [answerMs] } }),
    timeout: timeoutMs,
    fallback: () => undefined,
  })
}

function nameOf(error: unknown): unknown {
  return error instanceof Error ? `${error.name}: ${error.message}` : error
}
