import { InvalidOptionsError } from '../errors.js'

/** A number of milliseconds, or a number with its unit. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitsMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** The last instant that a `Date` can express. */
const lastInstant = 8.64e15

/** In whole milliseconds, because that is what stores keep. What is above zero stays above zero. */
export function toMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
    throw new InvalidOptionsError(
      `${what} is ${quote(duration)}: a duration is a number of milliseconds, or a text like '500ms', '5s', '1.5h' or '3d', and not negative`,
    )
  }
  if (ms > lastInstant)
    throw new InvalidOptionsError(`${what} is ${quote(duration)}: no date is that far away`)
  return ms > 0 ? Math.max(1, Math.round(ms)) : 0
}

/** The instant that is meant, in wall time: a duration counts from `now`. */
export function toInstant(time: Duration | Date, now: number, what: string): number {
  const instant = time instanceof Date ? time.getTime() : now + toMs(time, what)
  if (Number.isNaN(instant)) throw new InvalidOptionsError(`${what} is an invalid date`)
  if (instant > lastInstant)
    throw new InvalidOptionsError(`${what} is ${quote(time)}: no date is that far away`)
  return instant
}

/** For people: `5s`, `1m 30s`. */
export function formatMs(ms: number): string {
  let left = Math.round(ms)
  const parts: string[] = []
  for (const [unit, unitMs] of Object.entries(unitsMs)) {
    const count = Math.floor(left / unitMs)
    if (count > 0) parts.push(`${count}${unit}`)
    left -= count * unitMs
  }
  return parts.join(' ') || '0ms'
}

function parse(duration: unknown): number {
  const match = typeof duration === 'string' ? /^(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h|d)$/.exec(duration) : null
  if (match === null) return Number.NaN

  const [, count, unit] = match
  return Number(count) * unitsMs[unit as keyof typeof unitsMs]
}

function quote(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
