import type { CallbackServer } from 'longline'
import { type Bench, type BenchOptions, openBench } from 'longline/testing'

/** An example is told in each of these ways, and comes out the same. */
export const ways: readonly Way[] = [
  { way: 'undisturbed', interrupt: false, restarts: false },
  { way: 'killed in between', interrupt: false, restarts: true },
  { way: 'entered again after each verb', interrupt: true, restarts: false },
  { way: 'entered again after each verb, and killed in between', interrupt: true, restarts: true },
]

export interface Way {
  readonly way: string
  readonly interrupt: boolean
  readonly restarts: boolean
}

export interface ExampleBench<Declared> extends Bench<Declared> {
  /** Lets time pass, and kills the process before it, half-way, and after it where the way has restarts. */
  pass(ms?: number): Promise<void>
}

export async function openExample<D>(
  { interrupt, restarts }: Way,
  options: BenchOptions,
  declare: (server: CallbackServer) => D,
): Promise<ExampleBench<Awaited<D>>> {
  const bench = await openBench({ interrupt, logger, ...options }, declare)
  const pass = async (ms = 0) => {
    for (const part of [0, Math.floor(ms / 2), Math.ceil(ms / 2)]) {
      await bench.advance(part)
      if (restarts) await bench.restart()
    }
    await bench.settle()
  }
  return Object.assign(bench, { pass })
}

/** The run of a key, asked of the process that lives now. */
export async function runOf<O>(
  workflow: { get(key: string): Promise<O | undefined> },
  key: string,
): Promise<O> {
  const run = await workflow.get(key)
  if (run === undefined) throw new Error(`There is no run '${key}'`)
  return run
}

/** What was sent to a host, in order, as JSON. */
export async function sentTo<Body>(sent: readonly Request[], host: string): Promise<Body[]> {
  const requests = sent.filter(({ url }) => new URL(url).host === host)
  return await Promise.all(requests.map(async request => (await request.clone().json()) as Body))
}

/** Messages that die and runs that fail are part of the stories. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }
