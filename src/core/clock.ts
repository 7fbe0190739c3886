// Time, timers and chance: the one file that asks the platform for them. Everything else is handed a `Clock`, so that
// a test can drive time by hand.
//
//   T1. `monotonic` never goes back and is not moved by anybody; `now` may jump. Timers are set on `monotonic`.
//   T2. A timer never fires before its instant, never twice, and never within the call that sets it.
//   T3. A cancelled timer does not fire, and keeps nothing alive.

import { randomFillSync } from 'node:crypto'

/** Wall time, monotonic time, and timers on monotonic time, all in milliseconds. */
export interface Clock {
  now(): number
  monotonic(): number
  /** Calls `fire` once `monotonic()` has reached `at`; what it returns cancels it. */
  setTimer(at: number, fire: () => void): () => void
}

/** The longest delay of the platform's timers: one that is longer would fire at once. */
const longestDelayMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(at, fire) {
    let timer: NodeJS.Timeout
    // The platform rounds delays down and limits them: whoever wakes up too early sleeps again.
    const sleep = () => {
      const leftMs = Math.ceil(at - performance.now())
      timer = setTimeout(wake, Math.min(Math.max(leftMs, 0), longestDelayMs))
    }
    const wake = () => (performance.now() < at ? sleep() : fire())
    sleep()
    return () => clearTimeout(timer)
  },
}

/** A timer that counts from now. */
export function after(clock: Clock, ms: number, fire: () => void): () => void {
  return clock.setTimer(clock.monotonic() + ms, fire)
}

/** Runs `fire` at the end of this turn of the event loop, after what has arrived in it. */
export function soon(fire: () => void): void {
  setImmediate(fire)
}

/** A number from 0 to below 1, good enough to spread things; not for secrets. */
export function random(): number {
  return Math.random()
}

// Asking the system for a few bytes costs as much as asking for thousands, so they are fetched in advance.
const pool = new Uint8Array(8192)
let used = pool.length

/** Bytes nobody can guess. They are the caller's own: no memory is shared. */
export function randomBytes(length: number): Uint8Array {
  if (length > pool.length) return randomFillSync(new Uint8Array(length))

  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.slice(used, used + length)
  used += length
  return bytes
}
