import type { CallbackRecord } from '../../model/callback.js'
import type { DeliveryStatus } from '../../model/delivery.js'
import type { WaitEnd, WaitTarget } from '../../model/memory.js'
import { optional } from '../optional.js'
import { Bodies } from './bodies.js'
import type { EngineParts } from './engine-parts.js'
import type { Mailbox } from './mailboxes.js'
import type { Outbox } from './outbox.js'
import { CALLBACK_COLUMNS, type CallbackRow, toRecord } from './rows.js'
import { type RunRow, toReason, toResult } from './run-rows.js'

type EndRow = Pick<RunRow, 'status' | 'cancel_reason' | 'result_type' | 'result'>

/** What a target has for whoever waits for it. A callback is named, and read when it is taken. */
export type Sighting = { readonly type: 'callback' } | Exclude<WaitEnd, { readonly type: 'callback' }>

/** What waits of a scope are for: receivers, deliveries, runs. */
export class Targets {
  readonly #parts: EngineParts
  readonly #outbox: Outbox
  readonly #bodies: Bodies
  readonly #oldest
  readonly #take
  readonly #deliveryStatus
  readonly #run

  constructor(parts: EngineParts, outbox: Outbox) {
    this.#parts = parts
    this.#outbox = outbox
    const { db } = parts
    this.#bodies = new Bodies(db)
    // What a scope receives is never put into groups, nor delayed.
    this.#oldest = db.prepare<CallbackRow>(
      `select ${CALLBACK_COLUMNS} from callbacks
        where receiver = ? and state = 'ready' and grp is null order by seq limit 1`,
      ['body'],
    )
    this.#take = db.prepare("update callbacks set state = 'taken' where no = ?")
    this.#deliveryStatus = db.prepare<{ status: DeliveryStatus }>(
      'select status from deliveries where id = ?',
    )
    this.#run = db.prepare<EndRow>(
      'select status, cancel_reason, result_type, result from runs where id = ?',
      ['result'],
    )
  }

  /** What is there before any deadline. Nothing is taken. */
  look(scopeId: string, target: WaitTarget, now: number): Sighting | undefined {
    switch (target.type) {
      case 'time':
        return undefined
      case 'receiver':
        return this.#lookAtReceiver(scopeId, target.receiverId, now)
      case 'delivery':
        return this.#lookAtDelivery(target.deliveryId)
      case 'run':
        return this.#lookAtRun(target.runId)
      case 'exchange': {
        const received = this.#lookAtReceiver(scopeId, target.receiverId, now)
        const sent = this.#lookAtDelivery(target.deliveryId)
        return received?.type !== 'callback' && sent?.type === 'dead' ? sent : received
      }
    }
  }

  /** When it has to be looked at again, whatever happens. */
  nextLook(target: WaitTarget, deadlineAt: number | undefined, now: number): number | undefined {
    const mailbox = 'receiverId' in target ? this.#parts.mailboxes.find(target.receiverId) : undefined
    const isOpen = mailbox !== undefined && this.#parts.mailboxes.stateOf(mailbox, now) === 'open'
    const expiresAt = isOpen ? mailbox.expiresAt : null
    if (expiresAt === null) return deadlineAt
    return Math.min(expiresAt, deadlineAt ?? expiresAt)
  }

  /** Does to the target what the end of the wait means for it. */
  take(scopeId: string, target: WaitTarget, seen: Sighting, now: number): WaitEnd {
    const mailbox = 'receiverId' in target ? this.#ownMailbox(scopeId, target.receiverId) : undefined
    const end = seen.type === 'callback' ? this.#takeOldest(mailbox) : seen
    if (target.type !== 'exchange') return end
    if (mailbox !== undefined && (end.type === 'callback' || end.type === 'dead')) this.#close(mailbox, now)
    if (end.type === 'callback' || end.type === 'timed_out') {
      this.#outbox.cancelDelivery({ deliveryId: target.deliveryId, now })
    }
    return end
  }

  #lookAtReceiver(scopeId: string, receiverId: string, now: number): Sighting | undefined {
    const mailbox = this.#ownMailbox(scopeId, receiverId)
    if (mailbox === undefined) return { type: 'closed' }
    if (mailbox.unread > 0) return { type: 'callback' }
    const state = this.#parts.mailboxes.stateOf(mailbox, now)
    return state === 'open' ? undefined : { type: state }
  }

  #lookAtDelivery(deliveryId: string): Sighting | undefined {
    const status = this.#deliveryStatus.get(deliveryId)?.status ?? 'dead'
    return status === 'delivered' || status === 'dead' ? { type: status } : undefined
  }

  #lookAtRun(runId: string): Sighting | undefined {
    const run = this.#run.get(runId)
    if (run?.status === 'cancelled') {
      return { type: 'run_cancelled', ...optional('reason', toReason(run)) }
    }
    const result = run && toResult(run)
    if (run === undefined || result === undefined) return undefined
    if (run.status === 'done') return { type: 'run_done', result }
    return run.status === 'failed' ? { type: 'run_failed', result } : undefined
  }

  #takeOldest(mailbox: Mailbox | undefined): Extract<WaitEnd, { readonly type: 'callback' }> {
    const row = mailbox && this.#oldest.get(mailbox.receiver)
    if (mailbox === undefined || row === undefined) throw new Error('an unread callback is not there')
    this.#take.run(row.no)
    mailbox.remove()
    const callback: CallbackRecord = toRecord(row, mailbox.receiverId, this.#bodies.of(row))
    return { type: 'callback', callback }
  }

  /** Nobody needs to be told, unless more came than was waited for. */
  #close(mailbox: Mailbox, now: number): void {
    this.#parts.mailboxes.markEnd(mailbox, now)
    if (mailbox.state !== 'open') return
    mailbox.end('closed', now, mailbox.unread > 0 ? 'by itself' : 'on request')
  }

  /** Nobody waits in one scope for what another one receives. */
  #ownMailbox(scopeId: string, receiverId: string): Mailbox | undefined {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    return mailbox?.scope === scopeId ? mailbox : undefined
  }
}
