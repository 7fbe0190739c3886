import { createId, createToken } from '../../../../src/core/ids.js'
import type { Outcome, StoreSession } from '../../../../src/store/store.js'
import { DAY, type Trial } from '../../../../src/testing/conformance/trial.js'

/** Begins the exchange of the key 'ask', or finds it. */
export async function beginExchange(
  trial: Trial,
  session: StoreSession = trial.session,
): Promise<Extract<Outcome<'beginExchange'>, { readonly type: 'begun' }>> {
  const begun = await session.beginExchange({
    key: 'ask',
    receiver: { id: createId('rcv', trial.now), token: createToken(), patch: {} },
    send: {
      message: trial.message('endpoint:app'),
      deliveryId: createId('dlv', trial.now),
      dueAt: trial.now,
      deadlineAt: trial.now + DAY,
    },
    now: trial.now,
  })
  if (begun.type !== 'begun') throw new Error(`an exchange is ${begun.type}`)
  return begun
}
