import type { CallbackRecord } from '../../model/callback.js'
import { Bodies } from './bodies.js'
import type { Connection } from './driver.js'
import type { Mailbox } from './mailboxes.js'
import { CALLBACK_COLUMNS, type CallbackRow, toRecord } from './rows.js'

/**
 * Where each unread callback of a receiver is found: every state has an index of its own. A callback in somebody's
 * hands is found through the epochs that hold anything, which are few.
 */
export const UNREAD = [
  "receiver = ? and state = 'ready' and grp is null",
  "receiver = ? and state = 'ready' and grp is not null",
  "receiver = ? and state = 'delayed'",
  "receiver = ? and state = 'queued'",
  "epoch in (select epoch from nodes) and receiver = ? and state = 'claimed'",
] as const

/** Everything unread in a mailbox, in order of `seq`. */
export function unreadOf(db: Connection): (mailbox: Mailbox) => readonly CallbackRecord[] {
  const bodies = new Bodies(db)
  const statements = UNREAD.map(where =>
    db.prepare<CallbackRow>(`select ${CALLBACK_COLUMNS} from callbacks where ${where}`, ['body']),
  )
  return mailbox =>
    mailbox.unread === 0
      ? []
      : statements
          .flatMap(statement => statement.all(mailbox.receiver))
          .sort((a, b) => a.seq - b.seq)
          .map(row => toRecord(row, mailbox.receiverId, bodies.of(row)))
}
