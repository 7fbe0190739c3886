import { crashFailure } from '../../model/callback.js'
import type { Lane } from '../../model/delivery.js'
import type { Leftover } from '../../model/receiver.js'
import { crashResult } from '../../model/run-crash.js'
import type { NodeCommands, TakenOver } from '../nodes.js'
import { optional } from '../optional.js'
import type { EngineParts, Part } from './engine-parts.js'
import { Groups } from './groups.js'
import { storable } from './values.js'

interface HeldCallback {
  readonly no: number
  readonly receiver_id: string
  readonly grp: string | null
  readonly crashes: number
}

interface HeldRun {
  readonly no: number
  readonly id: string
  readonly crashes: number
}

// Epochs and what is held under them.
//
// The file belongs to one process, so opening it ends every epoch there was; from then on leases count here as anywhere.

export class Upkeep implements Part<'join' | 'renew' | 'leave' | 'takeOver' | 'countDue'> {
  readonly #parts: EngineParts
  readonly #groups: Groups
  readonly #join
  readonly #missed
  readonly #renew
  readonly #delete
  readonly #giveBackCallbacks
  readonly #giveBackDeliveries
  readonly #giveBackRuns
  readonly #leftovers
  readonly #closeBound
  readonly #moveBound
  readonly #heldCallbacks
  readonly #setAside
  readonly #countCrash
  readonly #heldDeliveries
  readonly #dueAgain
  readonly #heldRuns
  readonly #failRun
  readonly #runAgain
  readonly #countDue

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    this.#groups = new Groups(db)
    this.#join = db.prepare<{ epoch: number }>(
      'insert into nodes (node, lease_ends_at) values (?, ?) returning epoch',
    )
    this.#missed = db.prepare<{ epoch: number }>(
      'select epoch from nodes where (node = ? or epoch = ?) and epoch <> ?',
    )
    this.#renew = db.prepare('update nodes set lease_ends_at = ? where epoch = ?')
    this.#delete = db.prepare('delete from nodes where epoch = ?')
    this.#giveBackCallbacks = db.prepare(`
      update callbacks set state = 'ready', epoch = null, attempt = attempt - 1
       where epoch = ? and state = 'claimed'`)
    this.#giveBackDeliveries = db.prepare<{ lane: Lane }>(`
      update deliveries set status = 'due', epoch = null where epoch = ? and status = 'sending' returning lane`)
    this.#giveBackRuns = db.prepare(`
      update runs set status = 'due', epoch = null, attempt = attempt - 1 where epoch = ? and status = 'running'`)
    this.#leftovers = db.prepare<{ receiver_id: string; key: string | null; unread: number }>(`
      select m.receiver_id, r.key, m.unread from mailboxes m join receivers r on r.no = m.receiver
       where m.epoch = ? and m.state = 'open' and (m.expires_at is null or m.expires_at > ?) and m.unread > 0`)
    // One that has expired stays expired, and is for a sweep to tell of.
    this.#closeBound = db.prepare(`
      update mailboxes set state = 'closed', ended_at = ?2
       where epoch = ?1 and state = 'open' and (expires_at is null or expires_at > ?2)`)
    this.#moveBound = db.prepare("update mailboxes set epoch = ? where epoch = ? and state = 'open'")
    this.#heldCallbacks = db.prepare<HeldCallback>(`
      select c.no, r.id as receiver_id, c.grp, c.crashes
        from callbacks c join receivers r on r.no = c.receiver
       where c.epoch in (select epoch from nodes where over = 1) and c.state = 'claimed'
       limit ?`)
    this.#setAside = db.prepare(`
      update callbacks set state = 'failed', epoch = null, ended_at = ?, crashes = ?, reason = 'crashes', error = ?
       where no = ?`)
    this.#countCrash = db.prepare(
      "update callbacks set state = 'ready', epoch = null, crashes = ? where no = ?",
    )
    this.#heldDeliveries = db.prepare<{ no: number; lane: Lane }>(`
      select no, lane from deliveries
       where epoch in (select epoch from nodes where over = 1) and status = 'sending'
       limit ?`)
    this.#dueAgain = db.prepare("update deliveries set status = 'due', epoch = null where no = ?")
    this.#heldRuns = db.prepare<HeldRun>(`
      select no, id, crashes from runs
       where epoch in (select epoch from nodes where over = 1) and status = 'running'
       limit ?`)
    this.#failRun = db.prepare(`
      update runs
         set status = 'failed', epoch = null, crashes = ?, ended_at = ?, result_type = ?, result = ?
       where no = ?`)
    this.#runAgain = db.prepare(
      "update runs set status = 'due', epoch = null, crashes = ?, due_at = ? where no = ?",
    )
    this.#countDue = db.prepare<{ count: number }>(`
      select (select count(*) from callbacks where state = 'delayed' and due_at <= ?1)
           + (select count(*) from deliveries where status = 'due' and due_at <= ?1)
           + (select count(*) from runs where status in ('due', 'parked') and due_at <= ?1) as count`)
  }

  join({ node, now, leaseMs, moves }: Parameters<NodeCommands['join']>[0]): { readonly epoch: number } {
    const joined = this.#join.get(storable(node, 'the name of a node'), leaseEnd(now, leaseMs))
    if (joined === undefined) throw new Error('a node that just joined is not there')
    if (moves !== undefined) {
      for (const { epoch } of this.#missed.all(node, moves, joined.epoch)) this.#move(epoch, joined.epoch)
    }
    this.#parts.epochs.forget()
    return { epoch: joined.epoch }
  }

  renew({ epoch, now, leaseMs }: Parameters<NodeCommands['renew']>[0]): boolean {
    if (!this.#parts.epochs.isLive(epoch, now)) return false
    this.#renew.run(leaseEnd(now, leaseMs), epoch)
    this.#parts.epochs.forget()
    return true
  }

  leave({ epoch, now }: Parameters<NodeCommands['leave']>[0]): readonly Leftover[] {
    const { epochs, mailboxes } = this.#parts
    if (!epochs.isLive(epoch, now)) return []

    this.#giveBack(epoch)
    mailboxes.flush()
    const leftovers = this.#leftovers.all(epoch, now)
    this.#closeBound.run(epoch, now)
    this.#delete.run(epoch)
    mailboxes.forget()
    epochs.forget()
    return leftovers.map(({ receiver_id, key, unread }) => ({
      receiverId: receiver_id,
      ...optional('key', key),
      unread,
    }))
  }

  #move(from: number, to: number): void {
    const { mailboxes } = this.#parts
    this.#giveBack(from)
    mailboxes.flush()
    this.#moveBound.run(to, from)
    this.#delete.run(from)
    mailboxes.forget()
  }

  /** What is held under an epoch is as it was before it was handed out. */
  #giveBack(epoch: number): void {
    this.#giveBackCallbacks.run(epoch)
    for (const { lane } of this.#giveBackDeliveries.all(epoch)) this.#parts.dueLanes.touch(lane)
    this.#giveBackRuns.run(epoch)
  }

  takeOver({ now, maxCrashes, limit }: Parameters<NodeCommands['takeOver']>[0]): TakenOver {
    const { epochs, dueLanes } = this.#parts
    epochs.mark(now)
    const receiverIds = new Set<string>()
    const callbacks = this.#heldCallbacks.all(limit)
    for (const held of callbacks) {
      if (this.#recover(held, now, maxCrashes)) receiverIds.add(held.receiver_id)
    }
    const left = limit - callbacks.length
    const deliveries = left > 0 ? this.#heldDeliveries.all(left) : []
    for (const { no, lane } of deliveries) {
      this.#dueAgain.run(no)
      dueLanes.touch(lane)
    }
    const leftForRuns = left - deliveries.length
    const runs = leftForRuns > 0 ? this.#heldRuns.all(leftForRuns) : []
    for (const run of runs) this.#recoverRun(run, now, maxCrashes)
    return {
      callbacks: callbacks.length,
      deliveries: deliveries.length,
      runs: runs.length,
      receiverIds: [...receiverIds],
    }
  }

  /** Counts a crash. Whether there is something to read again: this callback, or the next of its group. */
  #recover(held: HeldCallback, now: number, maxCrashes: number): boolean {
    const crashes = held.crashes + 1
    if (crashes < maxCrashes) {
      this.#countCrash.run(crashes, held.no)
      return true
    }
    this.#setAside.run(now, crashes, JSON.stringify(crashFailure(crashes)), held.no)
    const mailbox = this.#parts.mailboxes.find(held.receiver_id)
    mailbox?.setAside()
    return mailbox !== undefined && this.#groups.advance(mailbox, held.grp)
  }

  #recoverRun({ no, id, crashes: before }: HeldRun, now: number, maxCrashes: number): void {
    const crashes = before + 1
    if (crashes < maxCrashes) {
      this.#runAgain.run(crashes, now, no)
      return
    }
    const { type, bytes } = crashResult(crashes)
    this.#failRun.run(crashes, now, type, bytes, no)
    this.#parts.waits.resume(id, now)
  }

  countDue({ now }: { readonly now: number }): number {
    return this.#countDue.get(now)?.count ?? 0
  }
}

/** A lease may be meant to outlast everything. */
function leaseEnd(now: number, leaseMs: number): number {
  return Math.min(now + leaseMs, Number.MAX_SAFE_INTEGER)
}
