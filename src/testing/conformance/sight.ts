import assert from 'node:assert/strict'
import type { EnteredScope } from './entered-scope.js'
import type { Trial } from './trial.js'

/**
 * All that can be seen of a store without changing it: two of these are equal when nothing was written in between.
 * Scopes and deliveries are seen where they are named.
 */
export async function lookAtAll(
  trial: Trial,
  scopes: readonly EnteredScope[],
  deliveryIds: readonly string[] = [],
): Promise<unknown> {
  const { session, now } = trial
  const receivers = await session.listReceivers({ now, limit: 1_000 })
  const ids = scopes.map(({ id }) => id)
  const seen = {
    receivers,
    due: await session.countDue({ now }),
    memories: await Promise.all(scopes.map(scope => scope.memories())),
    runs: await Promise.all(ids.map(runId => session.findRun({ runId }))),
    started: await session.listRuns({ workflow: 'bill', limit: 1_000 }),
    failed: await Promise.all(
      receivers.map(({ id: receiverId }) => session.listFailed({ receiverId, limit: 1_000 })),
    ),
    deliveries: await Promise.all(deliveryIds.map(deliveryId => session.findDelivery({ deliveryId }))),
    attempts: await Promise.all(deliveryIds.map(deliveryId => session.listAttempts({ deliveryId }))),
  }
  assert.ok(receivers.length < 1_000, 'there is more than can be seen at once')
  return seen
}
