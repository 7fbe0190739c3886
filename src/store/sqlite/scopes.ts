import type { Claim } from '../../model/callback.js'
import { type Entry, scopeIdOf } from '../../model/memory.js'
import type { RunCancellation, RunClaim } from '../../model/run.js'
import type { EngineParts } from './engine-parts.js'

/** The scope of an entry that is not over. */
export type EnteredScope =
  | { readonly type: 'callback'; readonly id: string; readonly row: CallbackRow }
  | { readonly type: 'run'; readonly id: string; readonly row: EnteredRun }

interface CallbackRow {
  readonly no: number
  readonly crashes: number
  readonly remembers: number
}

export interface EnteredRun {
  readonly no: number
  readonly crashes: number
  readonly cancellation: RunCancellation
  readonly cancel_reason: string | null
}

// Who may write in a scope, and how it ends. A scope has no row of its own: it is the callback, or the run.

export class Scopes {
  readonly #parts: EngineParts
  readonly #findCallback
  readonly #findRun
  readonly #callbackRemembers
  readonly #runRemembers
  readonly #receivers
  readonly #settleTaken
  readonly #runs
  readonly #letGoOfRun
  readonly #letGoOfDeliveries
  readonly #forget

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    this.#findCallback = db.prepare<CallbackRow>(`
      select no, crashes, remembers from callbacks
       where id = ? and receiver = ? and epoch = ? and fence = ? and state = 'claimed'`)
    this.#findRun = db.prepare<EnteredRun>(`
      select no, crashes, cancellation, cancel_reason from runs
       where id = ? and epoch = ? and fence = ? and status = 'running'`)
    this.#callbackRemembers = db.prepare('update callbacks set remembers = 1, crashes = 0 where no = ?')
    this.#runRemembers = db.prepare('update runs set crashes = 0 where no = ?')
    this.#receivers = db.prepare<{ receiver_id: string }>('select receiver_id from mailboxes where scope = ?')
    this.#settleTaken = db.prepare(
      "update callbacks set state = 'done', ended_at = ? where receiver = ? and state = 'taken'",
    )
    this.#runs = db.prepare<{ run: number }>('select run from memories where scope = ? and run is not null')
    this.#letGoOfRun = db.prepare('update runs set remembered = remembered - 1 where no = ?')
    this.#letGoOfDeliveries = db.prepare('update deliveries set scope = null where scope = ?')
    this.#forget = db.prepare('delete from memories where scope = ?')
  }

  enter(entry: Entry, now: number): EnteredScope | undefined {
    const id = scopeIdOf(entry)
    if (entry.type === 'callback') {
      const row = this.callbackOf(entry.claim, now)
      return row && { type: 'callback', id, row }
    }
    const row = this.runOf(entry.claim, now)
    return row && { type: 'run', id, row }
  }

  /** The callback of a claim, if the claim is still true. */
  callbackOf({ receiverId, callbackId, epoch, fence }: Claim, now: number): CallbackRow | undefined {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    if (mailbox === undefined || !this.#parts.epochs.isLive(epoch, now)) return undefined
    return this.#findCallback.get(callbackId, mailbox.receiver, epoch, fence)
  }

  /** The run of a claim, if the claim is still true. */
  runOf({ runId, epoch, fence }: RunClaim, now: number): EnteredRun | undefined {
    return this.#parts.epochs.isLive(epoch, now) ? this.#findRun.get(runId, epoch, fence) : undefined
  }

  /** Something was written for its entry (S17). */
  wrote({ type, row }: EnteredScope): void {
    if (type === 'run') {
      if (row.crashes > 0) this.#runRemembers.run(row.no)
    } else if (row.crashes > 0 || row.remembers === 0) this.#callbackRemembers.run(row.no)
  }

  /** What it owned is left to itself, and to retention; what it remembered is gone (S16). */
  end(scopeId: string, now: number): void {
    const { mailboxes } = this.#parts
    // Whose a receiver is changes here alone, so the rows need not be written back first.
    for (const { receiver_id } of this.#receivers.all(scopeId)) {
      const mailbox = mailboxes.find(receiver_id)
      if (mailbox === undefined) continue
      mailboxes.markEnd(mailbox, now)
      if (mailbox.state === 'open') mailbox.end('closed', now, 'by itself')
      mailbox.leaveScope()
      this.#settleTaken.run(now, mailbox.receiver)
    }
    for (const { run } of this.#runs.all(scopeId)) this.#letGoOfRun.run(run)
    this.#letGoOfDeliveries.run(scopeId)
    this.#forget.run(scopeId)
  }
}
