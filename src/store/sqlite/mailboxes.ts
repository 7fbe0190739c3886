import type { ReceiverState } from '../../model/receiver.js'
import type { Connection } from './driver.js'
import type { Epochs } from './epochs.js'

// The narrow rows of receivers, as far as the batch under way has touched them.
//
// Owns:   the copies of rows, and which of them have changed.
// Leaves: when to write them back and when to forget them (the engine), and what changes (the commands).
//
//   B1. A row is read once and written once for each batch, however many of its commands touch it. Nobody else can
//       write the file, so what was read stays true.
//   B2. Whoever reads `mailboxes` in SQL calls `flush` first; whoever writes it in SQL calls `forget` afterwards.
//   B3. After a rollback nothing of the batch is left here.

interface MailboxRow {
  readonly receiver_id: string
  readonly receiver: number
  readonly state: ReceiverState
  readonly version: number
  readonly seq: number
  readonly unread: number
  readonly failed: number
  readonly grouped: number
  readonly keyless: number
  readonly epoch: number | null
  readonly expires_at: number | null
  readonly ended_at: number | null
  readonly untold: number
  readonly scope: string | null
}

export class Mailbox {
  readonly receiverId: string
  readonly receiver: number
  readonly keyless: boolean
  readonly epoch: number | null
  #state: ReceiverState
  #version: number
  #seq: number
  #unread: number
  #failed: number
  #grouped: boolean
  #expiresAt: number | null
  #endedAt: number | null
  #untold: boolean
  #scope: string | null
  #dirty: 'no' | 'counters' | 'all' = 'no'

  constructor(row: MailboxRow) {
    this.receiverId = row.receiver_id
    this.receiver = row.receiver
    this.keyless = row.keyless === 1
    this.epoch = row.epoch
    this.#state = row.state
    this.#version = row.version
    this.#seq = row.seq
    this.#unread = row.unread
    this.#failed = row.failed
    this.#grouped = row.grouped === 1
    this.#expiresAt = row.expires_at
    this.#endedAt = row.ended_at
    this.#untold = row.untold === 1
    this.#scope = row.scope
  }

  get state(): ReceiverState {
    return this.#state
  }
  get version(): number {
    return this.#version
  }
  get seq(): number {
    return this.#seq
  }
  get unread(): number {
    return this.#unread
  }
  get failed(): number {
    return this.#failed
  }
  get grouped(): boolean {
    return this.#grouped
  }
  get expiresAt(): number | null {
    return this.#expiresAt
  }
  get endedAt(): number | null {
    return this.#endedAt
  }
  get untold(): boolean {
    return this.#untold
  }
  /** The open scope that it belongs to. */
  get scope(): string | null {
    return this.#scope
  }
  get dirty(): 'no' | 'counters' | 'all' {
    return this.#dirty
  }

  /** One more callback; its place in the order. */
  add(): number {
    this.#seq++
    this.#unread++
    this.#count()
    return this.#seq
  }

  /** An unread callback was handled, or let go of. */
  remove(count = 1): void {
    this.#unread -= count
    this.#count()
  }

  /** An unread callback was set aside. */
  setAside(): void {
    this.#unread--
    this.#failed++
    this.#count()
  }

  /** One that was set aside is unread again. */
  takeBack(): void {
    this.#unread++
    this.#failed--
    this.#count()
  }

  /** One that was set aside was let go of. */
  discard(): void {
    this.#failed--
    this.#count()
  }

  beginGroups(): void {
    if (this.#grouped) return
    this.#grouped = true
    this.#dirty = 'all'
  }

  /** `by itself`: a sweep will tell. */
  end(state: 'closed' | 'expired', at: number, how: 'by itself' | 'on request'): void {
    this.#state = state
    this.#endedAt = at
    this.#untold = how === 'by itself'
    this.#dirty = 'all'
  }

  /** A sweep has told of its end: what retention keeps from the end, it keeps from here. */
  tell(now: number): void {
    this.#untold = false
    this.#endedAt = now
    this.#dirty = 'all'
  }

  reopen(): void {
    this.#state = 'open'
    this.#endedAt = null
    this.#untold = false
    this.#dirty = 'all'
  }

  expireAt(instant: number | null): void {
    this.#expiresAt = instant
    this.#dirty = 'all'
  }

  /** Its scope has ended. */
  leaveScope(): void {
    this.#scope = null
    this.#dirty = 'all'
  }

  /** The settings have changed. */
  nextVersion(): void {
    this.#version++
    this.#dirty = 'all'
  }

  clean(): void {
    this.#dirty = 'no'
  }

  #count(): void {
    if (this.#dirty === 'no') this.#dirty = 'counters'
  }
}

export class Mailboxes {
  readonly #rows = new Map<string, Mailbox>()
  readonly #epochs: Epochs
  readonly #select
  readonly #updateCounters
  readonly #updateAll

  constructor(connection: Connection, epochs: Epochs) {
    this.#epochs = epochs
    this.#select = connection.prepare<MailboxRow>('select * from mailboxes where receiver_id = ?')
    this.#updateCounters = connection.prepare(
      'update mailboxes set seq = ?, unread = ?, failed = ? where receiver_id = ?',
    )
    this.#updateAll = connection.prepare(`
      update mailboxes
         set seq = ?, unread = ?, failed = ?, state = ?, version = ?, grouped = ?, expires_at = ?, ended_at = ?,
             untold = ?, scope = ?
       where receiver_id = ?`)
  }

  find(receiverId: string): Mailbox | undefined {
    const known = this.#rows.get(receiverId)
    if (known !== undefined) return known
    const row = this.#select.get(receiverId)
    if (row === undefined) return undefined
    const mailbox = new Mailbox(row)
    this.#rows.set(receiverId, mailbox)
    return mailbox
  }

  /** The state at an instant: expiry and the loss of a node are facts, whether or not they were written down. */
  stateOf(mailbox: Mailbox, now: number): ReceiverState {
    if (mailbox.state !== 'open') return mailbox.state
    if (mailbox.expiresAt !== null && mailbox.expiresAt <= now) return 'expired'
    return mailbox.epoch !== null && !this.#epochs.isLive(mailbox.epoch, now) ? 'closed' : 'open'
  }

  /** Writes down what the clock, or the loss of its node, has made of a receiver. */
  markEnd(mailbox: Mailbox, now: number): void {
    const state = this.stateOf(mailbox, now)
    if (mailbox.state !== 'open' || state === 'open') return
    mailbox.end(state, now, 'by itself')
  }

  flush(): void {
    for (const box of this.#rows.values()) {
      if (box.dirty === 'no') continue
      const { seq, unread, failed, receiverId } = box
      if (box.dirty === 'counters') this.#updateCounters.run(seq, unread, failed, receiverId)
      else {
        this.#updateAll.run(
          ...[seq, unread, failed, box.state, box.version, box.grouped ? 1 : 0],
          ...[box.expiresAt, box.endedAt, box.untold ? 1 : 0, box.scope, receiverId],
        )
      }
      box.clean()
    }
  }

  forget(): void {
    this.#rows.clear()
  }
}
