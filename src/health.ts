import type { Parts } from './parts.js'

export interface Health {
  /** The store answers, and the server is not closing. */
  readonly ok: boolean
  /** A server that has closed has left its store, which is `unavailable` to it then. */
  readonly store: 'ok' | 'unavailable'
  readonly closing: boolean
  /** What should have been done by now: callbacks whose delay is over, deliveries to be sent. */
  readonly due: number
}

/** @param isClosing Asked when the store has answered: the server may have begun to close meanwhile. */
export async function checkHealth(
  { session, settings }: Pick<Parts, 'session' | 'settings'>,
  isClosing: () => boolean,
): Promise<Health> {
  try {
    const due = await session.countDue({ now: settings.clock.now() })
    return { ok: !isClosing(), store: 'ok', closing: isClosing(), due }
  } catch (error) {
    // A server that closes leaves its store, which is no reason for an alarm.
    if (!isClosing()) settings.logger.warn({ err: error }, 'the store does not answer')
    return { ok: false, store: 'unavailable', closing: isClosing(), due: 0 }
  }
}
