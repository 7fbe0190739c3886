import type { ClaimedCallback } from '../../model/callback.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import { EnteredScope } from './entered-scope.js'
import type { Trial } from './trial.js'

/** One entry of the scope of a callback in hand. */
export class EnteredCallback extends EnteredScope {
  readonly callback: ClaimedCallback
  readonly epoch: number

  constructor(trial: Trial, callback: ClaimedCallback, epoch = trial.epoch) {
    super(trial, { type: 'callback', claim: trial.toClaim(callback, epoch) })
    this.callback = callback
    this.epoch = epoch
  }

  acknowledge(): Promise<boolean> {
    return this.trial.acknowledge(this.callback, this.epoch)
  }
}

/** Enters the scope of the next callback of a receiver. */
export async function handle(
  trial: Trial,
  receiver: ReceiverRecord,
  { epoch = trial.epoch } = {},
): Promise<EnteredCallback> {
  return new EnteredCallback(trial, await trial.takeOne(receiver, { epoch }), epoch)
}

/** Accepts a callback at a receiver of the server, and enters its scope. */
export async function enterCallback(trial: Trial, { epoch = trial.epoch } = {}): Promise<EnteredCallback> {
  const receiver = await trial.spawn('orders')
  await trial.fill(receiver, 'order')
  return handle(trial, receiver, { epoch })
}
