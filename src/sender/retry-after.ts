import type { HeaderList } from './headers.js'

const DAY_MS = 86_400_000

/** No endpoint holds a delivery back for longer than this by its header alone. */
export const LONGEST_RETRY_AFTER_MS = DAY_MS

/** What is further away than that nobody can have meant. */
const ABSURD_MS = 366 * DAY_MS

const IMF_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * How long an endpoint asks to be left alone, by the header `Retry-After` of its answer: seconds, or a date. `undefined`
 * when it does not ask, or asks for what makes no sense.
 */
export function retryAfterMs(headers: HeaderList, now: number): number | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === 'retry-after')?.[1].trim()
  if (value === undefined) return undefined
  const ms = toDelayMs(value, now)
  return ms >= 0 && ms <= ABSURD_MS ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined
}

function toDelayMs(value: string, now: number): number {
  if (/^\d+$/.test(value)) return Number(value) * 1_000
  return IMF_DATE.test(value) ? Date.parse(value) - now : Number.NaN
}
