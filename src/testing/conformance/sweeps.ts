import assert from 'node:assert/strict'
import type { Swept } from '../../store/nodes.js'
import type { Trial } from './trial.js'

export const NOTHING_SWEPT: Swept = {
  ended: [],
  dropped: [],
  expiredDeliveryIds: [],
  unsubscribedDeliveryIds: [],
  lanes: [],
  more: false,
}

/** Sweeps until nothing is left for the next call, and returns all that was told. */
export async function sweepAll(
  trial: Trial,
  changes: Parameters<Trial['sweep']>[0] = {},
): Promise<readonly Swept[]> {
  const told: Swept[] = []
  for (;;) {
    const swept = await trial.sweep(changes)
    told.push(swept)
    if (!swept.more) return told
    assert.ok(told.length < 100, 'there is always more')
  }
}
