import type { Claim, FailedRecord, FailureReason } from '../../model/callback.js'
import type { Failure } from '../../model/failure.js'
import type { MemoryKey } from '../../model/memory.js'
import type { CallbackCommands, FailedInput, ReclaimInput, ReleaseInput } from '../receiving.js'
import { Bodies } from './bodies.js'
import type { EngineParts, Part } from './engine-parts.js'
import { Groups } from './groups.js'
import type { Mailbox } from './mailboxes.js'
import type { Memories } from './memories.js'
import { CALLBACK_COLUMNS, type CallbackRow, toRecord } from './rows.js'
import type { Scopes } from './scopes.js'
import { toInstant } from './values.js'

interface Settled {
  readonly grp: string | null
  readonly remembers: number
}

interface FailedRow extends Settled {
  readonly no: number
  readonly seq: number
  readonly blames: string | null
}

/** The ends of hand-outs: acknowledged, given back, set aside; and what becomes of those set aside. */
export class Settling
  implements
    Part<'acknowledge' | 'release' | 'reclaim' | 'giveUp' | 'listFailed' | 'retryFailed' | 'discardFailed'>
{
  readonly #parts: EngineParts
  readonly #scopes: Scopes
  readonly #memories: Memories
  readonly #bodies: Bodies
  readonly #groups: Groups
  readonly #acknowledge
  readonly #release
  readonly #reclaim
  readonly #giveUp
  readonly #listFailed
  readonly #findFailed
  readonly #retry
  readonly #discard

  constructor(
    parts: EngineParts,
    { scopes, memories }: { readonly scopes: Scopes; readonly memories: Memories },
  ) {
    this.#parts = parts
    this.#scopes = scopes
    this.#memories = memories
    const { db } = parts
    this.#bodies = new Bodies(db)
    this.#groups = new Groups(db)
    const held = "where id = ? and receiver = ? and epoch = ? and fence = ? and state = 'claimed'"
    this.#acknowledge = db.prepare<Settled>(
      `update callbacks set state = 'done', epoch = null, ended_at = ? ${held} returning grp, remembers`,
    )
    this.#release = db.prepare(`
      update callbacks
         set state = ?, epoch = null, due_at = ?, attempt = attempt - ?, failures = failures + ?, crashes = crashes * ?
       ${held}`)
    this.#reclaim = db.prepare(`
      update callbacks set state = 'ready', epoch = null, attempt = attempt - 1
       where epoch = ? and receiver = ? and state = 'claimed' and id not in (select value from json_each(?))`)
    this.#giveUp = db.prepare<Settled>(`
      update callbacks set state = 'failed', epoch = null, ended_at = ?, reason = ?, error = ?, blames = ?
       ${held} returning grp, remembers`)
    this.#listFailed = db.prepare<CallbackRow>(
      `select ${CALLBACK_COLUMNS} from callbacks
        where receiver = ? and state = 'failed' and seq > ? order by seq limit ?`,
      ['body'],
    )
    this.#findFailed = db.prepare<FailedRow>(
      "select no, seq, grp, remembers, blames from callbacks where id = ? and receiver = ? and state = 'failed'",
    )
    this.#retry = db.prepare(`
      update callbacks
         set state = ?, failures = 0, crashes = 0, reason = null, error = null, ended_at = null, blames = null,
             remembers = ?
       where no = ?`)
    this.#discard = db.prepare("update callbacks set state = 'discarded', ended_at = ? where no = ?")
  }

  acknowledge({ claims, now }: { readonly claims: readonly Claim[]; readonly now: number }) {
    const { mailboxes, epochs } = this.#parts
    const receiverIds = new Set<string>()
    const done = claims.map(claim => {
      const mailbox = mailboxes.find(claim.receiverId)
      if (mailbox === undefined || !epochs.isLive(claim.epoch, now)) return false
      const settled = this.#acknowledge.get(now, ...heldBy(claim, mailbox))
      if (settled === undefined) return false

      mailbox.remove()
      if (settled.remembers === 1) this.#scopes.end(claim.callbackId, now)
      // Who waits for the answer of an exchange is told that it was handled, whatever came beside it.
      const isOfNobody = mailbox.keyless && mailbox.epoch === null
      const isOver = (mailbox.unread === 0 || isOfNobody) && mailboxes.stateOf(mailbox, now) !== 'open'
      if (this.#groups.advance(mailbox, settled.grp) || isOver) receiverIds.add(claim.receiverId)
      return true
    })
    return { done, receiverIds: [...receiverIds] }
  }

  release({ claim, now, dueAt, as }: ReleaseInput): boolean {
    const mailbox = this.#parts.mailboxes.find(claim.receiverId)
    if (mailbox === undefined || !this.#parts.epochs.isLive(claim.epoch, now)) return false
    const changed = this.#release.run(
      ...[dueAt === undefined ? 'ready' : 'delayed', dueAt === undefined ? null : toInstant(dueAt)],
      ...[as === 'uncounted' ? 1 : 0, as === 'failure' ? 1 : 0, as === 'uncounted' ? 1 : 0],
      ...heldBy(claim, mailbox),
    )
    return changed === 1
  }

  reclaim({ receiverId, epoch, held, now }: ReclaimInput): number {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    if (mailbox === undefined || !this.#parts.epochs.isLive(epoch, now)) return 0
    return this.#reclaim.run(epoch, mailbox.receiver, JSON.stringify(held))
  }

  giveUp(input: {
    readonly claim: Claim
    readonly now: number
    readonly reason: FailureReason
    readonly error: Failure
    readonly blames?: MemoryKey
  }): boolean {
    const { claim, now, reason, error, blames } = input
    const mailbox = this.#parts.mailboxes.find(claim.receiverId)
    if (mailbox === undefined || !this.#parts.epochs.isLive(claim.epoch, now)) return false
    const settled = this.#giveUp.get(
      ...[now, reason, JSON.stringify(error), blames === undefined ? null : JSON.stringify(blames)],
      ...heldBy(claim, mailbox),
    )
    if (settled === undefined) return false

    mailbox.setAside()
    this.#groups.advance(mailbox, settled.grp)
    return true
  }

  listFailed({ receiverId, limit, after = 0 }: Parameters<CallbackCommands['listFailed']>[0]) {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    if (mailbox === undefined) return []
    return this.#listFailed.all(mailbox.receiver, after, limit).map(
      (row): FailedRecord => ({
        ...toRecord(row, receiverId, this.#bodies.of(row)),
        attempt: row.attempt,
        reason: row.reason as FailureReason,
        error: JSON.parse(row.error ?? '{}') as Failure,
      }),
    )
  }

  retryFailed({ receiverId, callbackId, now }: FailedInput): boolean {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    const failed = mailbox && this.#findFailed.get(callbackId, mailbox.receiver)
    if (mailbox === undefined || failed === undefined) return false

    mailbox.takeBack()
    const remembers = failed.remembers === 1 && !this.#forgetFailures(callbackId, failed, now)
    // Queued at first: its group may have gone on without it.
    this.#retry.run(failed.grp === null ? 'ready' : 'queued', remembers ? 1 : 0, failed.no)
    if (failed.grp !== null) {
      this.#groups.enter(mailbox, failed, failed.grp, { state: 'ready', dueAt: null })
    }
    return true
  }

  discardFailed({ receiverId, callbackId, now }: FailedInput): boolean {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    const failed = mailbox && this.#findFailed.get(callbackId, mailbox.receiver)
    if (mailbox === undefined || failed === undefined) return false

    mailbox.discard()
    this.#discard.run(now, failed.no)
    if (failed.remembers === 1) this.#scopes.end(callbackId, now)
    return true
  }

  /** Whether nothing is remembered any more. */
  #forgetFailures(scopeId: string, { blames }: FailedRow, now: number): boolean {
    return this.#memories.forgetFailures(scopeId, toBlamed(blames), now).isAllForgotten
  }
}

/** The place in its memory with which something failed. */
export function toBlamed(blames: string | null): MemoryKey | undefined {
  return blames === null ? undefined : (JSON.parse(blames) as MemoryKey)
}

function heldBy(
  { callbackId, epoch, fence }: Claim,
  { receiver }: Mailbox,
): [string, number, number, number] {
  return [callbackId, receiver, epoch, fence]
}
