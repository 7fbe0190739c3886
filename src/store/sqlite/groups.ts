import type { CallbackState } from '../../model/callback.js'
import type { Connection } from './driver.js'
import type { Mailbox } from './mailboxes.js'

/** A callback as its group sees it. */
export interface GroupMember {
  readonly no: number
  readonly seq: number
}

interface ActiveRow extends GroupMember {
  readonly state: CallbackState
}

/**
 * Callbacks that are handled one after the other. One of a group is active: ready, delayed or claimed; the others are
 * queued behind it. An index keeps it so.
 */
export class Groups {
  readonly #active
  readonly #next
  readonly #setState
  readonly #setGroup

  constructor(db: Connection) {
    this.#active = db.prepare<ActiveRow>(`
      select no, seq, state from callbacks
       where receiver = ? and grp = ? and state in ('ready', 'claimed', 'delayed')`)
    this.#next = db.prepare<{ no: number }>(
      "select no from callbacks where receiver = ? and grp = ? and state = 'queued' order by seq limit 1",
    )
    this.#setState = db.prepare('update callbacks set state = ?, due_at = ? where no = ?')
    this.#setGroup = db.prepare('update callbacks set grp = ?, state = ?, due_at = ? where no = ?')
  }

  /** Puts a callback that may be handed out into its group: as it is, or behind whoever is before it. */
  enter(
    mailbox: Mailbox,
    member: GroupMember,
    group: string,
    as: { state: 'ready' | 'delayed'; dueAt: number | null },
  ): void {
    mailbox.beginGroups()
    const active = this.#active.get(mailbox.receiver, group)
    if (active !== undefined && (active.state !== 'ready' || active.seq < member.seq)) {
      this.#setGroup.run(group, 'queued', null, member.no)
      return
    }
    if (active !== undefined) this.#setState.run('queued', null, active.no)
    this.#setGroup.run(group, as.state, as.dueAt, member.no)
  }

  /** The active one is done with. Whether another became ready. */
  advance(mailbox: Mailbox, group: string | null): boolean {
    if (group === null) return false
    const next = this.#next.get(mailbox.receiver, group)
    if (next === undefined) return false
    this.#setState.run('ready', null, next.no)
    return true
  }
}
