import { after, type Clock } from '../core/clock.js'
import { formatMs } from '../core/duration.js'
import type { ErrorClass } from '../model/delivery.js'
import {
  AddressRefusedError,
  type CarriedAnswer,
  type CarriedRequest,
  type Carrier,
  readBeginning,
  unlessAborted,
} from './carrier.js'
import { classOf, describeNetworkError } from './network-errors.js'
import { TokenError } from './oauth2.js'

/** How one HTTP try came out. `refused`: nothing was sent, and nothing ever will be. */
export type Tried =
  | { readonly type: 'answered'; readonly answer: CarriedAnswer }
  | { readonly type: 'failed'; readonly error: string; readonly errorClass: ErrorClass }
  | { readonly type: 'refused'; readonly error: string }

/** The same, with what speaks against an answer whose status alone would be success. */
export type Judged =
  | Exclude<Tried, { readonly type: 'answered' }>
  | (Extract<Tried, { readonly type: 'answered' }> & { readonly objection?: string })

/**
 * Carries a request out within its time, connecting and reading included. Once a status has come there is an answer,
 * however its body ends. `undefined`: `stop` was aborted before, and whether the request arrived is not known.
 */
export async function tryOnce(
  request: CarriedRequest,
  {
    carrier,
    clock,
    timeoutMs,
    stop,
  }: { carrier: Pick<Carrier, 'carry'>; clock: Clock; timeoutMs: number; stop: AbortSignal },
): Promise<Tried | undefined> {
  if (stop.aborted) return undefined
  const controller = new AbortController()
  let timedOut = false
  const cancelTimer = after(clock, timeoutMs, () => {
    timedOut = true
    controller.abort()
  })
  const onStop = () => controller.abort()
  stop.addEventListener('abort', onStop)
  try {
    const { signal } = controller
    const { status, headers, body } = await unlessAborted(carrier.carry(request, signal), signal)
    return { type: 'answered', answer: { status, headers, ...(await readBeginning(body, signal)) } }
  } catch (error) {
    if (timedOut) {
      return { type: 'failed', error: `timed out after ${formatMs(timeoutMs)}`, errorClass: 'timeout' }
    }
    if (controller.signal.aborted) return undefined
    if (error instanceof AddressRefusedError) {
      return { type: 'refused', error: `address refused: ${error.message}` }
    }
    if (error instanceof TokenError) {
      return { type: 'failed', error: error.message, errorClass: 'credentials' }
    }
    return { type: 'failed', error: describeNetworkError(error), errorClass: classOf(error) }
  } finally {
    cancelTimer()
    stop.removeEventListener('abort', onStop)
  }
}
