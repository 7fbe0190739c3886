import { TimeoutError } from '../errors.js'
import { after, type Clock } from './clock.js'
import { formatMs } from './duration.js'

/** The result of work that is not ours to stop, or a `TimeoutError` when it takes too long. */
export async function within<T>(clock: Clock, ms: number, what: string, work: Promise<T> | T): Promise<T> {
  let stopTimer = () => {}
  const late = new Promise<never>((_, reject) => {
    stopTimer = after(clock, ms, () => reject(new TimeoutError(`${what} took longer than ${formatMs(ms)}`)))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    stopTimer()
  }
}
