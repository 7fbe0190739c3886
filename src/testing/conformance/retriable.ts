import assert from 'node:assert/strict'
import type { MemoryKey } from '../../model/memory.js'
import { enterCallback, handle } from './entered-callback.js'
import { enterRun, reenter, retryRun } from './entered-run.js'
import { type EnteredScope, failure } from './entered-scope.js'
import type { Trial } from './trial.js'

/** Enters a scope, fails it, and enters it again by hand. */
export interface Retriable {
  readonly name: string
  readonly enter: (trial: Trial) => Promise<EnteredScope>
  readonly retry: (scope: EnteredScope, blames?: MemoryKey) => Promise<EnteredScope>
}

const run: Retriable = {
  name: 'a run',
  enter: enterRun,
  async retry({ trial, entry, id }, blames) {
    assert.equal(entry.type, 'run')
    const { claim } = entry
    const end = {
      status: 'failed',
      result: failure('failed'),
      ...(blames === undefined ? {} : { blames }),
    } as const
    assert.equal(await trial.session.endRun({ claim, end, now: trial.now }), true)
    assert.equal(await retryRun(trial, id), true)
    return reenter(trial, id)
  },
}

const callback: Retriable = {
  name: 'a callback',
  enter: enterCallback,
  async retry({ trial, entry }, blames) {
    assert.equal(entry.type, 'callback')
    const { claim } = entry
    const error = { name: 'Error', message: 'failed' }
    const blaming = blames === undefined ? {} : { blames }
    const { now } = trial
    assert.equal(await trial.session.giveUp({ claim, now, reason: 'handler', error, ...blaming }), true)
    const { receiverId, callbackId } = claim
    assert.equal(await trial.session.retryFailed({ receiverId, callbackId, now }), true)
    return handle(trial, await trial.spawn('orders'))
  },
}

/** Both kinds of scopes are retried alike. */
export const RETRIABLE: readonly Retriable[] = [run, callback]
