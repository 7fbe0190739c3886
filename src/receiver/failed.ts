import type { Clock } from '../core/clock.js'
import { MalformedContentError } from '../errors.js'
import type { CallbackRecord, FailedRecord, FailureReason } from '../model/callback.js'
import { fromFailure } from '../model/failure.js'
import { type Received, readData, StoredCallback } from '../model/received.js'
import type { StoreSession } from '../store/store.js'

/** A callback that was given up, set aside until it is retried or discarded, or retention lets go of it. */
export interface FailedCallback {
  /** Its `data` is what the content type says, before any schema; the bytes where that cannot be read. */
  readonly callback: Received<unknown>
  /** `crashes`: 20 hand-outs whose node died with nothing recorded in between. */
  readonly reason: FailureReason
  readonly error: Error
  /** Hands it out again, its failures forgotten. */
  retry(): Promise<void>
  discard(): Promise<void>
}

const PAGE = 100

export async function* listFailed(
  parts: { readonly session: StoreSession; readonly clock: Clock },
  receiverId: string,
): AsyncGenerator<FailedCallback> {
  let after = 0
  while (true) {
    const page = await parts.session.listFailed({ receiverId, limit: PAGE, after })
    for (const record of page) yield await toFailedCallback(parts, record)
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = last.seq
  }
}

async function toFailedCallback(
  { session, clock }: { readonly session: StoreSession; readonly clock: Clock },
  record: FailedRecord,
): Promise<FailedCallback> {
  const named = { receiverId: record.receiverId, callbackId: record.id }
  return {
    callback: await toReceived(record),
    reason: record.reason,
    error: fromFailure(record.error),
    retry: async () => void (await session.retryFailed({ ...named, now: clock.now() })),
    discard: async () => void (await session.discardFailed({ ...named, now: clock.now() })),
  }
}

/** As accepted, without a schema: what cannot be read by its content type is given as bytes. */
export async function toReceived(record: CallbackRecord): Promise<Received<unknown>> {
  try {
    return new StoredCallback<unknown>(record, await readData(record))
  } catch (error) {
    if (!(error instanceof MalformedContentError)) throw error
    return new StoredCallback<unknown>(record, record.body)
  }
}
