import { type Duration, formatMs, toMs } from '../core/duration.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'

/** In what a provider counts. */
export type TimestampUnit = 's' | 'ms'

/** How far a timestamp may be from our clock, to either side. `false`: it is not looked at. */
export type Tolerance = Duration | false

export const DEFAULT_TOLERANCE: Tolerance = '5m'

/** Most timestamps are no more exact than this. */
const LEAST_TOLERANCE_MS = 1_000

/** @throws InvalidOptionsError for what is no duration, and for less than a second: whoever writes `300` means seconds. */
export function toToleranceMs(tolerance: Tolerance, what: string): number | false {
  if (tolerance === false) return false
  const ms = toMs(tolerance, `${what}: tolerance`)
  if (ms >= LEAST_TOLERANCE_MS) return ms
  throw new InvalidOptionsError(
    `${what}: tolerance is ${formatMs(ms)}, and must be at least 1s: numbers are milliseconds, so write '300s' or 300_000`,
  )
}

export const NOT_WHOLE = 'its timestamp is not a whole number'

/** What is needed to judge a timestamp. */
interface Age {
  readonly receivedAt: Date
  readonly unit: TimestampUnit
  readonly toleranceMs: number
  /** What the operator should do when it seems to count in another unit. */
  readonly advice?: string | undefined
}

const units = {
  s: { ms: 1_000, name: 'seconds', other: 'ms' },
  ms: { ms: 1, name: 'milliseconds', other: 's' },
} as const

/** @throws VerificationError for a signed timestamp that is no whole number, or is too far from `receivedAt`. */
export function checkAge(timestamp: string, { name, ...age }: Age & { readonly name: string }): void {
  const fault = faultOfAge(timestamp, age)
  if (fault !== undefined) throw new VerificationError(`${name}: it is signed, but ${fault}`)
}

/** What is wrong with a timestamp, whether it is signed or not. */
export function faultOfAge(timestamp: string, age: Age): string | undefined {
  if (!isWhole(timestamp)) return NOT_WHOLE
  const { receivedAt, unit, toleranceMs, advice } = age
  const aheadIn = (counted: TimestampUnit) => Number(timestamp) * units[counted].ms - receivedAt.getTime()
  const fault = faultOfDistance(aheadIn(unit), toleranceMs)
  const { name, other } = units[unit]
  if (fault === undefined || advice === undefined) return fault
  return Math.abs(aheadIn(other)) < Math.abs(aheadIn(unit))
    ? `its timestamp seems to count ${units[other].name}, and is read as ${name}: ${advice}`
    : fault
}

function faultOfDistance(aheadMs: number, toleranceMs: number): string | undefined {
  const distanceMs = Math.abs(aheadMs)
  if (distanceMs <= toleranceMs) return undefined
  const seconds = `${Math.round(distanceMs / 1_000)} s`
  const tolerated = `${formatMs(toleranceMs)} are tolerated`
  return aheadMs === distanceMs
    ? `its timestamp is ${seconds} ahead of our clock, and ${tolerated}: one of the clocks is wrong`
    : `its timestamp is ${seconds} behind our clock, and ${tolerated}: one of the clocks is wrong, or an old request was sent again`
}

/** To be looked at also where its age is not: what is longer could hold a part of the body. */
export function isWhole(timestamp: string): boolean {
  return /^\d{1,15}$/.test(timestamp)
}
