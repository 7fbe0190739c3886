import { type Duration, formatMs, toMs } from '../core/duration.js'
import { VerificationError } from '../errors.js'

/** In what a provider counts. */
export type TimestampUnit = 's' | 'ms'

/** How far a timestamp may be from our clock, to either side. `false`: it is not looked at. */
export type Tolerance = Duration | false

export const DEFAULT_TOLERANCE: Tolerance = '5m'

export function toToleranceMs(tolerance: Tolerance, what: string): number | false {
  return tolerance === false ? false : toMs(tolerance, `${what}: tolerance`)
}

const NOT_WHOLE = 'its timestamp is not a whole number'

/** What is needed to judge a timestamp. */
interface Age {
  readonly receivedAt: Date
  readonly unit: TimestampUnit
  readonly toleranceMs: number
}

/** @throws VerificationError for a signed timestamp that is no whole number, or is too far from `receivedAt`. */
export function checkAge(timestamp: string, { name, ...age }: Age & { readonly name: string }): void {
  const fault = faultOfAge(timestamp, age)
  if (fault !== undefined) throw new VerificationError(`${name}: it is signed, but ${fault}`)
}

/** What is wrong with a timestamp, whether it is signed or not. */
export function faultOfAge(timestamp: string, { receivedAt, unit, toleranceMs }: Age): string | undefined {
  if (!isWhole(timestamp)) return NOT_WHOLE
  const aheadMs = Number(timestamp) * (unit === 's' ? 1_000 : 1) - receivedAt.getTime()
  const tolerated = `${formatMs(toleranceMs)} are tolerated`
  if (aheadMs > toleranceMs) {
    const seconds = Math.round(aheadMs / 1_000)
    return `its timestamp is ${seconds} s ahead of our clock, and ${tolerated}: one of the clocks is wrong`
  }
  if (aheadMs < -toleranceMs) {
    const seconds = Math.round(-aheadMs / 1_000)
    return `its timestamp is ${seconds} s behind our clock, and ${tolerated}: one of the clocks is wrong, or an old request was sent again`
  }
  return undefined
}

/**
 * Also where its age is not looked at: what is longer could hold a part of the body.
 *
 * @throws VerificationError for a timestamp that is no whole number.
 */
export function checkTimestampForm(timestamp: string, name: string): void {
  if (!isWhole(timestamp)) throw new VerificationError(`${name}: ${NOT_WHOLE}`)
}

function isWhole(timestamp: string): boolean {
  return /^\d{1,15}$/.test(timestamp)
}
