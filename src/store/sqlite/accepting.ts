import type { StoredAnswer } from '../../model/callback.js'
import type { AcceptInput, AcceptOutcome, AnswerInput } from '../receiving.js'
import { Bodies } from './bodies.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Mailbox } from './mailboxes.js'
import type { Receivers } from './receivers.js'
import { INLINE_BODY } from './rows.js'
import { fromAnswer, storable, toAnswer, toInstant } from './values.js'

// Storing what strangers send. The common case is one insert, and one more where the request says who it is; everything
// that speaks against it is looked for only when the mailbox gives reason to.

interface DedupeRow {
  readonly callback_id: string
  readonly received_at: number
  readonly answer: number | Uint8Array | null
}

type AnswerValue = { readonly answer: number | Uint8Array | null }

export class Accepting implements Part<'accept' | 'answer' | 'findAnswer'> {
  readonly #parts: EngineParts
  readonly #receivers: Receivers
  readonly #bodies: Bodies
  readonly #insert
  readonly #insertLarge
  readonly #numberOf
  readonly #insertDedupe
  readonly #findDedupe
  readonly #insertAnswer
  readonly #findAnswer
  readonly #findAnswerAtOnce

  constructor(parts: EngineParts, receivers: Receivers) {
    this.#parts = parts
    this.#receivers = receivers
    const { db } = parts
    this.#bodies = new Bodies(db)
    const insert = (body: string, size: string) =>
      db.prepare(`
        insert into callbacks
          (id, receiver, seq, state, received_at, delivery_id, method, path, query, headers, body, body_size)
        values (?1, ?2, ?3, 'ready', ?4, ?5, ?6, ?7, ?8, ?9, ${body}, ${size})
            on conflict (id) do nothing`)
    this.#insert = insert('?10', 'length(?10)')
    this.#insertLarge = insert('null', '?10')
    this.#numberOf = db.prepare<{ no: number; seq: number }>('select no, seq from callbacks where id = ?')
    // An id past its window is as good as unknown: the new callback takes its row.
    this.#insertDedupe = db.prepare(`
      insert into dedupes (receiver, delivery_id, callback_id, received_at, until, answer)
      values (?, ?, ?, ?, ?, ?)
          on conflict (receiver, delivery_id) do update
         set callback_id = excluded.callback_id, received_at = excluded.received_at,
             until = excluded.until, answer = excluded.answer
       where until <= excluded.received_at`)
    this.#findDedupe = db.prepare<DedupeRow>(
      'select callback_id, received_at, answer from dedupes where receiver = ? and delivery_id = ? and until > ?',
      ['answer'],
    )
    this.#insertAnswer = db.prepare(
      'insert into answers (callback_id, until, answer) values (?, ?, ?) on conflict (callback_id) do nothing',
    )
    this.#findAnswer = db.prepare<AnswerValue>('select answer from answers where callback_id = ?', ['answer'])
    this.#findAnswerAtOnce = db.prepare<AnswerValue>(
      `select d.answer from callbacks c
         join dedupes d on d.receiver = c.receiver and d.delivery_id = c.delivery_id and d.callback_id = c.id
        where c.id = ?`,
      ['answer'],
    )
  }

  accept(input: AcceptInput): AcceptOutcome {
    const mailbox = this.#parts.mailboxes.find(input.receiverId)
    if (mailbox === undefined) return { type: 'unknown' }
    const against = this.#objection(mailbox, input)
    if (against !== undefined) return this.#earlier(mailbox, input, against)
    if (input.deliveryId !== undefined && !this.#remember(mailbox, input, input.deliveryId)) {
      return this.#earlier(mailbox, input, undefined)
    }
    return this.#store(mailbox, input)
  }

  answer({ callbackId, answer, until }: AnswerInput): boolean {
    if (this.findAnswer({ callbackId }) !== undefined) return false
    return this.#insertAnswer.run(callbackId, toInstant(until), fromAnswer(answer)) === 1
  }

  findAnswer({ callbackId }: { readonly callbackId: string }): StoredAnswer | undefined {
    return this.#answerGivenLater(callbackId) ?? this.#answerGivenAtOnce(callbackId)
  }

  /** What speaks against storing it, duplicates aside, in the order in which it is judged. */
  #objection(mailbox: Mailbox, input: AcceptInput): AcceptOutcome | undefined {
    if (input.version !== undefined && input.version !== mailbox.version) {
      return { type: 'stale', receiver: this.#receivers.recordOf(mailbox, input.now) }
    }
    const state = this.#parts.mailboxes.stateOf(mailbox, input.now)
    if (state !== 'open') return { type: 'ended', state }
    if (input.content === 'refused') return { type: 'refused' }
    return mailbox.unread >= input.capacity ? { type: 'full' } : undefined
  }

  /** The outcome of a command that cannot store anything: perhaps it has been carried out before, or is a duplicate. */
  #earlier(mailbox: Mailbox, input: AcceptInput, against: AcceptOutcome | undefined): AcceptOutcome {
    const own = this.#numberOf.get(input.callbackId)
    if (own !== undefined) return { type: 'accepted', seq: own.seq }
    if (against?.type === 'stale' || input.deliveryId === undefined) return against ?? { type: 'refused' }

    const first = this.#findDedupe.get(mailbox.receiver, input.deliveryId, input.now)
    if (first === undefined) return against ?? { type: 'refused' }
    const answer = toAnswer(first.answer) ?? this.#answerGivenLater(first.callback_id)
    return {
      type: 'duplicate',
      callbackId: first.callback_id,
      receivedAt: first.received_at,
      ...(answer === undefined ? {} : { answer }),
    }
  }

  /** `false`: it is known already. */
  #remember({ receiver }: Mailbox, input: AcceptInput, deliveryId: string): boolean {
    const { callbackId, now, dedupeUntil, answer } = input
    const id = storable(deliveryId, 'a delivery id')
    const until = toInstant(dedupeUntil)
    return this.#insertDedupe.run(receiver, id, callbackId, now, until, fromAnswer(answer)) === 1
  }

  #store(mailbox: Mailbox, input: AcceptInput): AcceptOutcome {
    const { callbackId, deliveryId = null, now, body } = input
    const isLarge = body.length > INLINE_BODY
    // Each value that is bound costs as much as finding the row's place, so there is none too many.
    const inserted = (isLarge ? this.#insertLarge : this.#insert).run(
      callbackId,
      mailbox.receiver,
      mailbox.seq + 1,
      now,
      deliveryId,
      input.method,
      storable(input.path, 'a path'),
      storable(input.query, 'a query'),
      storable(input.headers, 'headers'),
      isLarge ? body.length : body,
    )
    if (inserted === 0) return this.#earlier(mailbox, input, undefined)
    if (deliveryId === null && input.answer !== undefined) {
      this.#insertAnswer.run(callbackId, toInstant(input.dedupeUntil), fromAnswer(input.answer))
    }
    if (isLarge) this.#bodies.add(this.#numberOf.get(callbackId)?.no ?? 0, body)
    const seq = mailbox.add()
    const resumes = mailbox.scope !== null && this.#parts.waits.resume(input.receiverId, now)
    return resumes ? { type: 'accepted', seq, resumes } : { type: 'accepted', seq }
  }

  #answerGivenLater(callbackId: string): StoredAnswer | undefined {
    return toAnswer(this.#findAnswer.get(callbackId)?.answer ?? null)
  }

  #answerGivenAtOnce(callbackId: string): StoredAnswer | undefined {
    return toAnswer(this.#findAnswerAtOnce.get(callbackId)?.answer ?? null)
  }
}
