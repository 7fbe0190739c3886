import { concat } from '../core/bytes.js'
import type { AnswerRecord } from '../model/delivery.js'
import type { HeaderList } from './headers.js'

/** One HTTP request, as it leaves. */
export interface CarriedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: HeaderList
  readonly body: Uint8Array
}

export interface CarriedAnswer extends AnswerRecord {
  readonly status: number
}

/** What carries a request out and its answer back. Redirects are answers; an aborted signal ends it at once. */
export interface Carrier {
  /** Rejects when there was no whole answer, and with `AddressRefusedError` when nothing may be sent there. */
  carry(request: CarriedRequest, signal: AbortSignal): Promise<CarriedAnswer>
  close(): Promise<void>
}

/** Where the request would have gone is no place to send to. The reason names the host and why. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
}

/** Status and headers had come, and the body broke off. */
export class CutAnswerError extends Error {
  override readonly name = 'CutAnswerError'
}

/** As much of an answer's body as is kept. */
export const LONGEST_ANSWER = 16 * 1024

/** The beginning of a body. What follows is not read: leaving the loop lets go of the stream. */
export async function readBeginning(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly body: Uint8Array; readonly truncated: boolean }> {
  const read: Uint8Array[] = []
  let total = 0
  try {
    for await (const chunk of chunks) {
      read.push(chunk)
      total += chunk.length
      if (total > LONGEST_ANSWER) {
        return { body: concat(read, total).slice(0, LONGEST_ANSWER), truncated: true }
      }
    }
  } catch (error) {
    throw new CutAnswerError('the answer broke off', { cause: error })
  }
  // A copy: chunks may be windows into a larger buffer.
  return { body: concat(read, total).slice(), truncated: false }
}
