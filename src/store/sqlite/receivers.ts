import { isDeepStrictEqual } from 'node:util'
import {
  applyPatch,
  expiryOf,
  patchConflict,
  type ReceiverRecord,
  type ReceiverSettings,
} from '../../model/receiver.js'
import { optional } from '../optional.js'
import type { SpawnInput, SpawnOutcome } from '../receiving.js'
import type { NewReceiver } from '../scoping.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Mailbox } from './mailboxes.js'
import { unreadOf } from './unread.js'
import { storable, toInstant } from './values.js'

const NO_SETTINGS: ReceiverSettings = { inline: [] }

interface ReceiverRow {
  readonly no: number
  readonly id: string
  readonly key: string | null
  readonly token: string
  readonly opened_at: number
  readonly settings: string
}

type Creation = Omit<SpawnInput, 'reopen'> & { readonly scope?: string }

/** Receivers themselves: making, finding and closing them. */
export class Receivers implements Part<'spawn' | 'findReceiver' | 'closeReceiver'> {
  readonly #parts: EngineParts
  readonly #byToken
  readonly #byKey
  readonly #byNumber
  readonly #insert
  readonly #insertMailbox
  readonly #update
  readonly #listUnread

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    this.#byToken = db.prepare<ReceiverRow>('select * from receivers where token = ?')
    this.#byKey = db.prepare<ReceiverRow>('select * from receivers where key = ?')
    this.#byNumber = db.prepare<ReceiverRow>('select * from receivers where no = ?')
    this.#insert = db.prepare<{ no: number }>(
      'insert into receivers (id, key, token, opened_at, settings) values (?, ?, ?, ?, ?) returning no',
    )
    this.#insertMailbox = db.prepare(`
      insert into mailboxes
        (receiver_id, receiver, state, version, seq, unread, failed, grouped, keyless, epoch, expires_at, scope)
      values (?, ?, 'open', 1, 0, 0, 0, 0, ?, ?, ?, ?)`)
    this.#update = db.prepare('update receivers set opened_at = ?, settings = ? where no = ?')
    this.#listUnread = unreadOf(db)
  }

  spawn(input: SpawnInput): SpawnOutcome {
    const { mailboxes } = this.#parts
    const { id, key } = input
    const row =
      key === undefined
        ? this.#rowOf(mailboxes.find(id))
        : this.#byKey.get(storable(key, 'the key of a receiver'))
    if (row === undefined) return this.#create(input)
    const mailbox = this.#mailboxOf(row)
    if (row.id !== id) return this.#change(mailbox, row, input)
    // Only its own repetition can have its id.
    return { type: 'spawned', receiver: this.#record(mailbox, row, input.now), created: true }
  }

  /** A receiver of a scope, where the key is none of ours. */
  spawnInScope(scope: string, receiver: NewReceiver, now: number): SpawnOutcome {
    return this.#create({ ...receiver, now, scope })
  }

  /** The receiver of an exchange, where the key is none of ours. `epoch` binds it to its node. */
  spawnForExchange(receiver: NewReceiver & { readonly epoch?: number }, now: number): SpawnOutcome {
    return this.#create({ ...receiver, now })
  }

  findReceiver({ token, now }: { readonly token: string; readonly now: number }): ReceiverRecord | undefined {
    const row = this.#byToken.get(token)
    const mailbox = row && this.#parts.mailboxes.find(row.id)
    return row && mailbox && this.#record(mailbox, row, now)
  }

  /** The receiver behind a mailbox. */
  recordOf(mailbox: Mailbox, now: number): ReceiverRecord {
    const row = this.#rowOf(mailbox)
    if (row === undefined) throw new Error('a mailbox has no receiver')
    return this.#record(mailbox, row, now)
  }

  /** The receiver in a row that names it. */
  byNumber(receiver: number, now: number): ReceiverRecord {
    const row = this.#byNumber.get(receiver)
    if (row === undefined) throw new Error('a row has lost its receiver')
    return this.#record(this.#mailboxOf(row), row, now)
  }

  /** A receiver of a scope is to be open, whatever it ended by. */
  ensureOpen(mailbox: Mailbox, now: number): void {
    this.#parts.mailboxes.markEnd(mailbox, now)
    const row = this.#rowOf(mailbox)
    if (row === undefined || mailbox.state === 'open') return
    mailbox.reopen()
    mailbox.expireAt(toExpiry(expiryOf(now, toSettings(row), now)))
    this.#update.run(now, row.settings, row.no)
  }

  closeReceiver({ receiverId, now }: { readonly receiverId: string; readonly now: number }) {
    const { mailboxes, waits } = this.#parts
    const mailbox = mailboxes.find(receiverId)
    if (mailbox === undefined) return []
    mailboxes.markEnd(mailbox, now)
    if (mailbox.state === 'open') mailbox.end('closed', now, 'on request')
    if (mailbox.scope !== null) waits.resume(receiverId, now)
    return this.#listUnread(mailbox)
  }

  #create({ id, token, key, epoch, temporary, now, patch, scope }: Creation): SpawnOutcome {
    const conflict = patchConflict(NO_SETTINGS, patch)
    if (conflict !== undefined) return { type: 'conflict', message: conflict }

    const settings = applyPatch(NO_SETTINGS, patch)
    const inserted = this.#insert.get(id, key ?? null, token, now, toJson(settings))
    this.#insertMailbox.run(
      id,
      inserted?.no ?? 0,
      key === undefined || temporary === true ? 1 : 0,
      key === undefined ? (epoch ?? null) : null,
      toExpiry(expiryOf(now, settings, now)),
      scope ?? null,
    )
    const mailbox = this.#parts.mailboxes.find(id)
    if (mailbox === undefined) throw new Error('a mailbox that was just made is not there')
    this.#parts.mailboxes.markEnd(mailbox, now)
    return { type: 'spawned', receiver: this.recordOf(mailbox, now), created: true }
  }

  #change(mailbox: Mailbox, row: ReceiverRow, { patch, reopen, now }: SpawnInput): SpawnOutcome {
    const stored = toSettings(row)
    const conflict = patchConflict(stored, patch)
    if (conflict !== undefined) return { type: 'conflict', message: conflict }

    const settings = applyPatch(stored, patch)
    const isChanged = !isDeepStrictEqual(stored, settings)
    this.#parts.mailboxes.markEnd(mailbox, now)
    const isReopened = reopen && mailbox.state !== 'open'
    const changed = {
      ...row,
      opened_at: isReopened ? now : row.opened_at,
      settings: isChanged ? toJson(settings) : row.settings,
    }
    if (isChanged) mailbox.nextVersion()
    if (isReopened) mailbox.reopen()
    if (isChanged || isReopened) {
      mailbox.expireAt(toExpiry(expiryOf(changed.opened_at, settings, now)))
      this.#update.run(changed.opened_at, changed.settings, row.no)
      this.#parts.mailboxes.markEnd(mailbox, now)
    }
    return { type: 'spawned', receiver: this.#record(mailbox, changed, now), created: false }
  }

  #mailboxOf(row: ReceiverRow): Mailbox {
    const mailbox = this.#parts.mailboxes.find(row.id)
    if (mailbox === undefined) throw new Error('a receiver has no mailbox')
    return mailbox
  }

  #rowOf(mailbox: Mailbox | undefined): ReceiverRow | undefined {
    return mailbox && this.#byNumber.get(mailbox.receiver)
  }

  #record(mailbox: Mailbox, row: ReceiverRow, now: number): ReceiverRecord {
    return {
      id: row.id,
      ...optional('key', row.key),
      token: row.token,
      ...optional('epoch', mailbox.epoch),
      version: mailbox.version,
      state: this.#parts.mailboxes.stateOf(mailbox, now),
      openedAt: row.opened_at,
      ...optional('expiresAt', mailbox.expiresAt),
      settings: toSettings(row),
    }
  }
}

function toExpiry(instant: number | undefined): number | null {
  return instant === undefined ? null : toInstant(instant)
}

function toSettings(row: Pick<ReceiverRow, 'settings'>): ReceiverSettings {
  return JSON.parse(row.settings) as ReceiverSettings
}

function toJson(settings: ReceiverSettings): string {
  return storable(JSON.stringify(settings), 'a setting')
}
