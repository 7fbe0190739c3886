// What the processes of the demo say to each other, over the channel that Node opens for a forked child, and what all of
// them know.

/** How long the partner has, from when the order was placed at the latest. */
export const patienceMs = 5_000

/** @typedef {{ id: string, dish: string, placedAt: number }} Order known by its id everywhere */

/**
 * A request that a third party saw: what it was about, under which id, and a digest of its bytes.
 *
 * @typedef {{ about: string, id: string, digest: string }} Seen
 */

/**
 * A third party's answer to the broker, given to a callback URL. Without a status it is still being posted; late is what
 * the broker took after its patience was over.
 *
 * @typedef {{ by: 'partner' | 'app', order: string, yes: boolean, tries: number, status?: number | undefined, late: boolean }} Call
 */

/** @typedef {{ unread: number, failed: number }} Left what is in the broker's mailbox at the end */

/**
 * @typedef {{ type: 'ready', url: string }
 *   | { type: 'seen', seen: Seen }
 *   | { type: 'call', call: Call }
 *   | { type: 'placed', order: string }
 *   | { type: 'taken', order: string, tries: number }
 *   | { type: 'left', left: Left }} Message
 */

/** @typedef {{ app: string, partner: string, port: number, publicUrl?: string, store: string, ledger: string }} BrokerSettings */

/**
 * To whoever started this process. Without it there is nothing left to do here.
 *
 * @param {Message} message
 */
export function tell(message) {
  process.send?.(message)
}

/**
 * Calls `stop` when main says so, and leaves when main is gone.
 *
 * @param {() => unknown} stop
 */
export function onStop(stop) {
  if (process.send === undefined) {
    console.error('This is one part of the demo. Start it with: npm run demo')
    process.exit(1)
  }
  process.on('message', stop)
  process.on('disconnect', () => process.exit(1))
}
