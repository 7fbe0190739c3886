import type { Claim, FailedRecord, FailureReason } from '../../model/callback.js'
import type { Failure } from '../../model/failure.js'
import type { CallbackCommands, FailedInput, ReclaimInput, ReleaseInput } from '../receiving.js'
import { Bodies } from './bodies.js'
import type { EngineParts, Part } from './engine-parts.js'
import { Groups } from './groups.js'
import type { Mailbox } from './mailboxes.js'
import { CALLBACK_COLUMNS, type CallbackRow, toRecord } from './rows.js'
import { toInstant } from './values.js'

type Settled = { readonly grp: string | null }
type FailedRow = Settled & { readonly no: number; readonly seq: number }

/** The ends of hand-outs: acknowledged, given back, set aside; and what becomes of those set aside. */
export class Settling
  implements
    Part<'acknowledge' | 'release' | 'reclaim' | 'giveUp' | 'listFailed' | 'retryFailed' | 'discardFailed'>
{
  readonly #parts: EngineParts
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

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    this.#bodies = new Bodies(db)
    this.#groups = new Groups(db)
    const held = "where id = ? and receiver = ? and epoch = ? and fence = ? and state = 'claimed'"
    this.#acknowledge = db.prepare<Settled>(
      `update callbacks set state = 'done', epoch = null, ended_at = ? ${held} returning grp`,
    )
    this.#release = db.prepare(`
      update callbacks
         set state = ?, epoch = null, due_at = ?, attempt = attempt - ?, failures = failures + ?, crashes = crashes * ?
       ${held}`)
    this.#reclaim = db.prepare(`
      update callbacks set state = 'ready', epoch = null, attempt = attempt - 1
       where epoch = ? and receiver = ? and state = 'claimed' and id not in (select value from json_each(?))`)
    this.#giveUp = db.prepare<Settled>(`
      update callbacks set state = 'failed', epoch = null, ended_at = ?, reason = ?, error = ?
       ${held} returning grp`)
    this.#listFailed = db.prepare<CallbackRow>(
      `select ${CALLBACK_COLUMNS} from callbacks
        where receiver = ? and state = 'failed' and seq > ? order by seq limit ?`,
      ['body'],
    )
    this.#findFailed = db.prepare<FailedRow>(
      "select no, seq, grp from callbacks where id = ? and receiver = ? and state = 'failed'",
    )
    this.#retry = db.prepare(`
      update callbacks
         set state = ?, failures = 0, crashes = 0, reason = null, error = null, ended_at = null
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
      const isEmpty = mailbox.unread === 0 && mailboxes.stateOf(mailbox, now) !== 'open'
      if (this.#groups.advance(mailbox, settled.grp) || isEmpty) receiverIds.add(claim.receiverId)
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
  }): boolean {
    const { claim, now, reason, error } = input
    const mailbox = this.#parts.mailboxes.find(claim.receiverId)
    if (mailbox === undefined || !this.#parts.epochs.isLive(claim.epoch, now)) return false
    const settled = this.#giveUp.get(now, reason, JSON.stringify(error), ...heldBy(claim, mailbox))
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

  retryFailed({ receiverId, callbackId }: FailedInput): boolean {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    const failed = mailbox && this.#findFailed.get(callbackId, mailbox.receiver)
    if (mailbox === undefined || failed === undefined) return false

    mailbox.takeBack()
    // Queued at first: its group may have gone on without it.
    this.#retry.run(failed.grp === null ? 'ready' : 'queued', failed.no)
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
    return true
  }
}

function heldBy(
  { callbackId, epoch, fence }: Claim,
  { receiver }: Mailbox,
): [string, number, number, number] {
  return [callbackId, receiver, epoch, fence]
}
