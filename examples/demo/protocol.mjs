// What the three processes of the demo say to each other, over the channel that Node opens for a forked child.

/** @typedef {{ id: string, restaurant: string }} Order known by its id everywhere */

/**
 * @typedef {{ type: 'ready', url: string }
 *   | { type: 'began', order: string }
 *   | { type: 'done', order: string }} FromBroker
 */

/**
 * @typedef {{ type: 'ready', url: string }
 *   | { type: 'sent', order: string }
 *   | { type: 'repeated', order: string }
 *   | { type: 'answered', order: string }
 *   | { type: 'accepted', order: string }} FromApp
 */

/** @typedef {{ type: 'start', url: string } | { type: 'stop' }} FromMain */

/**
 * To whoever started this process. Without it there is nothing left to do here.
 *
 * @param {FromApp | FromBroker} message
 */
export function tell(message) {
  process.send?.(message)
}

/**
 * Calls `listener` for each message of main, and leaves when main is gone.
 *
 * @param {(message: FromMain) => void} listener
 */
export function hear(listener) {
  if (process.send === undefined) {
    console.error('This is one half of the demo. Start it with: npm run demo')
    process.exit(1)
  }
  process.on('message', message => listener(/** @type {FromMain} */ (message)))
  process.on('disconnect', () => process.exit(1))
}
