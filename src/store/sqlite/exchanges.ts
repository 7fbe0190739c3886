import type { CallbackState } from '../../model/callback.js'
import { hasSameTarget, type Lane } from '../../model/delivery.js'
import type { BeginExchangeInput, BeginExchangeOutcome, TakeAnswerOutcome } from '../exchanging.js'
import { optional } from '../optional.js'
import type { Input } from '../store.js'
import type { Claiming } from './claiming.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Mailbox } from './mailboxes.js'
import type { Outbox } from './outbox.js'
import type { Receivers } from './receivers.js'
import { CALLBACK_COLUMNS, type CallbackRow } from './rows.js'
import { storable } from './values.js'

interface ExchangeRow {
  readonly receiver: number
  readonly lane: Lane
  readonly url: string | null
  readonly message_id: string
  readonly delivery_id: string
}

type AnswerRow = CallbackRow & { readonly state: CallbackState }

export interface ExchangesParts {
  readonly receivers: Receivers
  readonly outbox: Outbox
  readonly claiming: Claiming
}

/** Exchanges of the server, outside of any scope. Only one that has a key has a row. */
export class Exchanges implements Part<'beginExchange' | 'takeAnswer'> {
  readonly #parts: EngineParts
  readonly #receivers: Receivers
  readonly #outbox: Outbox
  readonly #claiming: Claiming
  readonly #byKey
  readonly #insert
  readonly #answerOf
  readonly #setAnswer
  readonly #callback

  constructor(parts: EngineParts, { receivers, outbox, claiming }: ExchangesParts) {
    this.#parts = parts
    this.#receivers = receivers
    this.#outbox = outbox
    this.#claiming = claiming
    const { db } = parts
    this.#byKey = db.prepare<ExchangeRow>(
      'select receiver, lane, url, message_id, delivery_id from exchanges where key = ?',
    )
    this.#insert = db.prepare(
      'insert into exchanges (receiver, key, lane, url, message_id, delivery_id) values (?, ?, ?, ?, ?, ?)',
    )
    this.#answerOf = db.prepare<{ answer: string | null }>('select answer from exchanges where receiver = ?')
    this.#setAnswer = db.prepare('update exchanges set answer = ? where receiver = ?')
    this.#callback = db.prepare<AnswerRow>(`select ${CALLBACK_COLUMNS}, state from callbacks where id = ?`, [
      'body',
    ])
  }

  beginExchange({ key, epoch, receiver, send, now }: BeginExchangeInput): BeginExchangeOutcome {
    const { mailboxes, epochs } = this.#parts
    const { message, deliveryId } = send
    const known = key === undefined ? undefined : this.#byKey.get(storable(key, 'the key of an exchange'))
    if (known !== undefined) return this.#toBegun(known, { receiver, send, now })
    const sent = { messageId: message.id, deliveryId }
    const repeated = mailboxes.find(receiver.id)
    if (repeated !== undefined) {
      return { type: 'begun', receiver: this.#receivers.recordOf(repeated, now), ...sent, created: true }
    }
    if (epoch !== undefined && !epochs.isLive(epoch, now)) return { type: 'lost' }
    const spawned = this.#receivers.spawnForExchange({ ...receiver, ...optional('epoch', epoch) }, now)
    if (spawned.type === 'conflict') return spawned
    this.#outbox.sendForExchange(send)
    const mailbox = mailboxes.find(receiver.id)
    if (key !== undefined && mailbox !== undefined) {
      const { lane, url = null } = message
      this.#insert.run(mailbox.receiver, key, lane, url, message.id, deliveryId)
    }
    return { type: 'begun', receiver: spawned.receiver, ...sent, created: true }
  }

  takeAnswer({ receiverId, deliveryId, epoch, now }: Input<'takeAnswer'>): TakeAnswerOutcome {
    const { mailboxes } = this.#parts
    const mailbox = mailboxes.find(receiverId)
    if (mailbox === undefined) return { type: 'closed' }
    const answer = this.#answerOf.get(mailbox.receiver)?.answer ?? undefined
    if (answer !== undefined) return this.#takeAgain(mailbox, answer, { epoch, now })

    const claim = { receiverId, epoch, now, limit: 1, ordered: false }
    const { callbacks, unread, state, lookAgainAt } = this.#claiming.claim(claim)
    const [callback] = callbacks
    if (callback !== undefined) {
      this.#setAnswer.run(callback.id, mailbox.receiver)
      this.#close(mailbox, now, { inHand: 1 })
      this.#outbox.cancelDelivery({ deliveryId, now })
      return { type: 'taken', callback }
    }
    if (!unread && this.#outbox.findDelivery({ deliveryId })?.status === 'dead') {
      this.#close(mailbox, now)
      return { type: 'dead' }
    }
    if (!unread && state !== 'open') return { type: state }
    return { type: 'waiting', ...optional('lookAgainAt', lookAgainAt) }
  }

  #toBegun(
    { receiver: number, lane, url, message_id: messageId, delivery_id: deliveryId }: ExchangeRow,
    { receiver: { id }, send, now }: Pick<BeginExchangeInput, 'receiver' | 'send' | 'now'>,
  ): BeginExchangeOutcome {
    if (!hasSameTarget({ lane, ...optional('url', url) }, send.message)) return { type: 'other_target', lane }
    const receiver = this.#receivers.byNumber(number, now)
    // Only its own repetition can have its id.
    return { type: 'begun', receiver, messageId, deliveryId, created: receiver.id === id }
  }

  /** The answer that was taken before, wherever it is by now. */
  #takeAgain(
    mailbox: Mailbox,
    answer: string,
    { epoch, now }: { readonly epoch: number; readonly now: number },
  ): TakeAnswerOutcome {
    const row = this.#callback.get(answer)
    if (row === undefined) return { type: 'forgotten' }
    const { state, due_at } = row
    if (state === 'done') return { type: 'acknowledged', callback: this.#claiming.read(mailbox, row) }
    if (state === 'failed') return { type: 'set_aside', callbackId: answer }
    if (state === 'discarded') return { type: 'closed' }
    if (!this.#parts.epochs.isLive(epoch, now)) return { type: 'waiting' }
    const isFree = state === 'ready' || (state === 'delayed' && due_at !== null && due_at <= now)
    if (!isFree) {
      return { type: 'waiting', ...optional('lookAgainAt', state === 'delayed' ? due_at : null) }
    }
    const [callback] = this.#claiming.handOut(mailbox, { epoch, now }, [row]).callbacks
    return callback === undefined ? { type: 'waiting', lookAgainAt: now } : { type: 'taken', callback }
  }

  /** Nobody needs to be told, unless more came than what is in hand. */
  #close(mailbox: Mailbox, now: number, { inHand = 0 } = {}): void {
    this.#parts.mailboxes.markEnd(mailbox, now)
    if (mailbox.state !== 'open') return
    mailbox.end('closed', now, mailbox.unread > inHand ? 'by itself' : 'on request')
  }
}
