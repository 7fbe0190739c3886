import { InvalidOptionsError } from '../errors.js'
import { type Duration, toMs } from './duration.js'

/**
 * `false` is one attempt; a list holds the delays between attempts, so n delays are n + 1 attempts; else the delays
 * grow by `factor`, and `attempts` counts the first one.
 */
export type Retry =
  | false
  | readonly Duration[]
  | {
      attempts?: number
      delay?: Duration
      maxDelay?: Duration
      factor?: number
      /** Counts from the first attempt. Given without `attempts`, it alone sets the limit. */
      giveUpAfter?: Duration
    }

/** What a `Retry` comes to. */
export interface RetrySettings {
  /** Counts the first; may be `Infinity`. */
  readonly attempts: number
  /** The delays themselves, in place of growing ones. Beyond its end the last one is repeated. */
  readonly delaysMs?: readonly number[]
  readonly delayMs: number
  readonly maxDelayMs: number
  readonly factor: number
  readonly giveUpAfterMs?: number
  /** 0.2 spreads each delay by up to 20 % either way. */
  readonly jitter: number
}

/** `what` names the option in messages. What is left out comes from the defaults. */
export function toRetrySettings(
  retry: Retry | undefined,
  defaults: RetrySettings,
  what: string,
): RetrySettings {
  if (retry === undefined) return defaults
  if (retry === false) return { ...defaults, attempts: 1 }
  if (typeof retry !== 'object' || retry === null) {
    throw new InvalidOptionsError(
      `${what} must be false, a list of delays, or an object such as { attempts: 5 }`,
    )
  }
  return isList(retry) ? fromList(retry, defaults, what) : fromOptions(retry, defaults, what)
}

/**
 * How long to wait after attempt number `attempt` has failed, or undefined when it was the last one: because they are
 * spent, or because the next one would be later than `giveUpAfter` allows.
 */
export function retryDelay(
  settings: RetrySettings,
  { attempt, elapsedMs, random }: { attempt: number; elapsedMs: number; random: () => number },
): number | undefined {
  if (attempt >= settings.attempts) return undefined

  const steadyMs = Math.min(settings.maxDelayMs, scheduledMs(settings, attempt))
  const delayMs = Math.floor(steadyMs * (1 + settings.jitter * (2 * random() - 1)))
  if (settings.giveUpAfterMs !== undefined && elapsedMs + delayMs > settings.giveUpAfterMs) return undefined
  return delayMs
}

function scheduledMs({ delaysMs, delayMs, factor }: RetrySettings, attempt: number): number {
  if (delaysMs !== undefined) return delaysMs[Math.min(attempt, delaysMs.length) - 1] ?? 0
  return delayMs === 0 ? 0 : delayMs * factor ** (attempt - 1) // 0 × Infinity is not a number
}

function fromList(list: readonly Duration[], defaults: RetrySettings, what: string): RetrySettings {
  const delaysMs = list.map((delay, index) => toMs(delay, `${what}[${index}]`))
  const { giveUpAfterMs: _, ...rest } = defaults
  return { ...rest, delaysMs, attempts: delaysMs.length + 1, maxDelayMs: Math.max(0, ...delaysMs) }
}

const optionNames = ['attempts', 'delay', 'maxDelay', 'factor', 'giveUpAfter']

function fromOptions(
  retry: Exclude<Retry, false | readonly Duration[]>,
  defaults: RetrySettings,
  what: string,
): RetrySettings {
  const unknown = Object.keys(retry).find(name => !optionNames.includes(name))
  if (unknown !== undefined) {
    throw new InvalidOptionsError(`${what} has no option '${unknown}'; there are ${optionNames.join(', ')}`)
  }

  const ms = (name: 'delay' | 'maxDelay' | 'giveUpAfter') => {
    const duration = retry[name]
    return duration === undefined ? undefined : toMs(duration, `${what}.${name}`)
  }
  const [delayMs, maxDelayMs, giveUpAfterMs] = [ms('delay'), ms('maxDelay'), ms('giveUpAfter')]
  if (delayMs !== undefined && maxDelayMs !== undefined && maxDelayMs < delayMs) {
    throw new InvalidOptionsError(`${what}.maxDelay is shorter than ${what}.delay`)
  }

  const { delaysMs, ...growing } = defaults
  const keepsList = delaysMs !== undefined && delayMs === undefined && retry.factor === undefined
  return {
    ...growing,
    ...(keepsList && { delaysMs }),
    attempts: toAttempts(
      retry.attempts,
      giveUpAfterMs === undefined ? defaults.attempts : Number.POSITIVE_INFINITY,
      what,
    ),
    delayMs: delayMs ?? defaults.delayMs,
    maxDelayMs: maxDelayMs ?? Math.max(defaults.maxDelayMs, delayMs ?? 0),
    factor: toFactor(retry.factor ?? defaults.factor, what),
    ...(giveUpAfterMs !== undefined && { giveUpAfterMs }),
  }
}

function toAttempts(attempts: number | undefined, fallback: number, what: string): number {
  if (attempts === undefined) return fallback
  if (attempts === Number.POSITIVE_INFINITY || (Number.isInteger(attempts) && attempts >= 1)) return attempts
  throw new InvalidOptionsError(
    `${what}.attempts must be a whole number from 1, the first attempt included, or Infinity`,
  )
}

function toFactor(factor: number, what: string): number {
  if (Number.isFinite(factor) && factor >= 1) return factor
  throw new InvalidOptionsError(`${what}.factor must be a number from 1`)
}

function isList(retry: Exclude<Retry, false>): retry is readonly Duration[] {
  return Array.isArray(retry)
}
