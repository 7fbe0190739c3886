import { type RetrySettings, retryDelay, toRetrySettings } from '../core/backoff.js'
import { sha256Hex } from '../core/bytes.js'
import { after, random } from '../core/clock.js'
import { type Duration, toMs } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError, NonRetryableError, ScopeEndedError, TimeoutError } from '../errors.js'
import type { MemoryKey } from '../model/memory.js'
import type { Result } from '../model/run.js'
import type { Effect, StepOptions } from '../model/scope.js'
import { decodeValue, encodeValue } from '../model/value.js'
import { decodeError, encodeError } from '../model/value-errors.js'
import { DEFAULTS } from '../options.js'
import { blaming } from './blame.js'
import { runIn } from './context.js'
import { never } from './entry-life.js'
import type { ScopeEntry } from './scope-entry.js'
import { begunBy } from './used-keys.js'

/**
 * A side effect whose result is remembered. Its errors are retried by its own policy before one is remembered, so what
 * it throws in the end it throws on every entry.
 */
export async function step<T>(
  entry: ScopeEntry,
  at: MemoryKey,
  options: StepOptions,
  effect: Effect<T>,
): Promise<T> {
  const known = await entry.recall(at, 'step')
  if (known !== undefined) return fromResult<T>(known.result, at)
  await entry.throwCancelAt(at, 'step')
  const result = await run(entry, at, toSettings(options), effect)
  const outcome = await entry.tell(now =>
    entry.parts.session.remember({ entry: entry.entry, at, memory: { verb: 'step', result }, now }),
  )
  const { memory } = outcome
  entry.memory.put(at, memory)
  return fromResult<T>(begunBy(at, 'step', memory).result, at)
}

/** What was remembered, or the error that was, which knows where it came from. */
export function fromResult<T>(result: Result, at: MemoryKey): T {
  if (result.type === 'value') return decodeValue(result.bytes) as T
  throw blaming(decodeError(result.bytes), at)
}

interface Settings {
  readonly retry: RetrySettings
  readonly timeoutMs: number | undefined
}

export function checkStep(options: StepOptions, effect: unknown): void {
  if (typeof effect !== 'function') {
    throw new InvalidOptionsError("step needs a function: step('charge', () => …)")
  }
  checkOptionNames(options, ['retry', 'timeout'], 'A step')
  toSettings(options)
}

function toSettings({ retry, timeout }: StepOptions): Settings {
  return {
    retry: toRetrySettings(retry, DEFAULTS.stepRetry, 'retry'),
    timeoutMs: timeout === undefined ? undefined : toMs(timeout, 'timeout'),
  }
}

async function run<T>(
  entry: ScopeEntry,
  at: MemoryKey,
  { retry, timeoutMs }: Settings,
  effect: Effect<T>,
): Promise<Result> {
  const { clock } = entry.parts
  const idempotencyKey = sha256Hex(JSON.stringify([entry.scopeId, at.part, at.key]))
  const startedAt = clock.monotonic()
  for (let attempt = 1; ; attempt++) {
    try {
      const value = await tryOnce(entry, { idempotencyKey, attempt }, timeoutMs, effect, at.key)
      return { type: 'value', bytes: encodeValue(value, `The result of step '${at.key}'`) }
    } catch (error) {
      const delayMs = isFinal(error)
        ? undefined
        : retryDelay(retry, { attempt, elapsedMs: clock.monotonic() - startedAt, random })
      if (delayMs === undefined) return { type: 'error', bytes: encodeError(error) }
      if (entry.isOver) return await never()
      const facts = { ...entry.names, step: at.key, stepAttempt: attempt, err: error, retryInMs: delayMs }
      entry.parts.logger.warn(facts, 'a step failed; it is tried again')
      await entry.pause(delayMs)
    }
  }
}

/** The same thing would be refused again, and the effect would have been done twice: so is a verb within a step. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof NonRetryableError ||
    error instanceof ScopeEndedError ||
    (error as { code?: unknown } | null)?.code === 'unstorable_value'
  )
}

async function tryOnce<T>(
  entry: ScopeEntry,
  facts: { readonly idempotencyKey: string; readonly attempt: number },
  timeoutMs: Duration | undefined,
  effect: Effect<T>,
  key: string,
): Promise<T> {
  const controller = new AbortController()
  const abort = () => controller.abort(entry.signal.reason)
  entry.signal.addEventListener('abort', abort)
  if (entry.signal.aborted) abort()
  let stopTimer = () => {}
  const late = new Promise<never>((_, reject) => {
    if (typeof timeoutMs !== 'number') return
    stopTimer = after(entry.parts.clock, timeoutMs, () => {
      const error = new TimeoutError(`Step '${key}' took longer than ${timeoutMs} ms`)
      controller.abort(error)
      reject(error)
    })
  })
  try {
    const running = runIn({ scopeId: entry.scopeId, races: [], inStep: true }, async () =>
      effect({ ...facts, signal: controller.signal }),
    )
    return await Promise.race([running, late])
  } finally {
    stopTimer()
    entry.signal.removeEventListener('abort', abort)
  }
}
