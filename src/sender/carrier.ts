import { concat } from '../core/bytes.js'
import type { AnswerRecord } from '../model/delivery.js'
import type { HeaderList } from './headers.js'
import type { TlsSettings } from './tls.js'

/** One HTTP request, as it leaves. */
export interface CarriedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: HeaderList
  readonly body: Uint8Array
  /** By what we are known there; only its own connections are used. */
  readonly tls?: TlsSettings
}

/** An answer whose head has come. Leaving the body's loop lets go of what follows. */
export interface OpenAnswer {
  readonly status: number
  readonly headers: HeaderList
  readonly body: AsyncIterable<Uint8Array>
}

export interface CarriedAnswer extends AnswerRecord {
  readonly status: number
}

/** What carries a request out and its answer back. Redirects are answers; an aborted signal ends it at once, body included. */
export interface Carrier {
  /** Rejects when no answer came, and with `AddressRefusedError` when nothing may be sent there. */
  carry(request: CarriedRequest, signal: AbortSignal): Promise<OpenAnswer>
  close(): Promise<void>
}

/** Where the request would have gone is no place to send to. The reason names the host and why. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
}

/** As much of an answer's body as is kept. */
export const LONGEST_ANSWER = 16 * 1024

/**
 * The beginning of a body. With the status the answer is there: a body that breaks off, or takes longer than `signal`
 * allows, is what came of it.
 */
export async function readBeginning(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ readonly body: Uint8Array; readonly truncated: boolean }> {
  const read: Uint8Array[] = []
  let total = 0
  const gather = async () => {
    for await (const chunk of chunks) {
      read.push(chunk)
      total += chunk.length
      if (total > LONGEST_ANSWER) return false
    }
    return !signal.aborted
  }
  const whole = await unlessAborted(gather(), signal).catch(() => false)
  // A copy: chunks may be windows into a larger buffer.
  return { body: concat(read, total).slice(0, LONGEST_ANSWER), truncated: !whole }
}

/** A carrier may be deaf to its signal; the attempt is over all the same. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
