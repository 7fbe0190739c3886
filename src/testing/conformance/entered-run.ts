import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { createId } from '../../core/ids.js'
import type { WaitTarget } from '../../model/memory.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import type { RunClaim, RunRecord } from '../../model/run.js'
import type { ClaimedRun, EndRunInput, ParkedWait, RunSummary, StartRunInput } from '../../store/running.js'
import type { RecallOutcome } from '../../store/scoping.js'
import type { Input, Outcome } from '../../store/store.js'
import { EnteredScope, failure, placeAt, value } from './entered-scope.js'
import type { Trial } from './trial.js'

/** The workflow of runs whose case does not care which it is. */
export const SHIP = 'ship'

export function tryStartRun(
  trial: Trial,
  changes: Partial<StartRunInput> = {},
): Promise<Outcome<'startRun'>> {
  const { now } = trial
  const runId = createId('run', now)
  const fresh = { runId, workflow: SHIP, key: runId, input: utf8('{}'), dueAt: now, now }
  return trial.session.startRun({ ...fresh, ...changes })
}

export async function startRun(trial: Trial, changes: Partial<StartRunInput> = {}): Promise<RunRecord> {
  const outcome = await tryStartRun(trial, changes)
  assert.equal(outcome.type, 'started')
  return outcome.run
}

export function claimRuns(
  trial: Trial,
  changes: Partial<Input<'claimRuns'>> = {},
): Promise<Outcome<'claimRuns'>> {
  const { epoch, now } = trial
  return trial.session.claimRuns({ epoch, now, limit: 100, workflows: { [SHIP]: 100 }, ...changes })
}

/** The ids of what is due, which is claimed with it. */
export async function claimedIds(
  trial: Trial,
  changes: Partial<Input<'claimRuns'>> = {},
): Promise<readonly string[]> {
  const { claimed } = await claimRuns(trial, changes)
  return claimed.map(({ run }) => run.id)
}

/** Enters the run that is due, which has to be this one, if one is named. */
export async function reenter(
  trial: Trial,
  runId?: string,
  { epoch = trial.epoch, workflow = SHIP } = {},
): Promise<EnteredRun> {
  const { claimed } = await claimRuns(trial, { epoch, limit: 1, workflows: { [workflow]: 1 } })
  const [first] = claimed
  assert.ok(first !== undefined, 'no run was handed out')
  if (runId !== undefined) assert.equal(first.run.id, runId, 'another run was handed out')
  return new EnteredRun(trial, first, epoch)
}

/** Starts a run and enters it. */
export async function enterRun(
  trial: Trial,
  { epoch = trial.epoch, ...changes }: Partial<StartRunInput> & { readonly epoch?: number } = {},
): Promise<EnteredRun> {
  const { id, workflow } = await startRun(trial, changes)
  return reenter(trial, id, { epoch, workflow })
}

/** Enters a run that has a receiver of its own. */
export async function enterReading(
  trial: Trial,
): Promise<{ readonly scope: EnteredRun; readonly receiver: ReceiverRecord }> {
  const scope = await enterRun(trial)
  return { scope, receiver: await scope.spawn('reply') }
}

export async function findRun(trial: Trial, runId: string): Promise<RunSummary> {
  const run = await trial.session.findRun({ runId })
  assert.ok(run !== undefined, 'the run is not there')
  return run
}

export function cancelRun(trial: Trial, runId: string, reason?: string): Promise<boolean> {
  return trial.session.cancelRun({ runId, now: trial.now, ...(reason === undefined ? {} : { reason }) })
}

export function retryRun(trial: Trial, runId: string): Promise<boolean> {
  return trial.session.retryRun({ runId, now: trial.now })
}

/** One entry of a run. */
export class EnteredRun extends EnteredScope {
  readonly claim: RunClaim
  /** As it was claimed. */
  readonly run: RunRecord
  /** The first page of what it remembered then. */
  readonly memory: RecallOutcome

  constructor(trial: Trial, { run, fence, memory }: ClaimedRun, epoch: number) {
    const claim = { runId: run.id, epoch, fence }
    super(trial, { type: 'run', claim })
    this.claim = claim
    this.run = run
    this.memory = memory
  }

  find(): Promise<RunSummary> {
    return findRun(this.trial, this.id)
  }

  end(end: EndRunInput['end'] = { status: 'done', result: value('done') }): Promise<boolean> {
    return this.trial.session.endRun({ claim: this.claim, now: this.trial.now, end })
  }

  fail(blames?: Extract<EndRunInput['end'], { readonly status: 'failed' }>['blames']): Promise<boolean> {
    const blaming = blames === undefined ? {} : { blames }
    return this.end({ status: 'failed', result: failure('failed'), ...blaming })
  }

  release(): Promise<boolean> {
    return this.trial.session.releaseRun({ claim: this.claim, now: this.trial.now })
  }

  park(waits: readonly ParkedWait[]): Promise<Outcome<'park'>> {
    return this.trial.session.park({ claim: this.claim, waits, now: this.trial.now })
  }

  /** Parks on the first wait under a key. */
  parkOn(
    target: WaitTarget,
    { key = 'wait', ...deadline }: { readonly key?: string; readonly deadlineAt?: number } = {},
  ): Promise<Outcome<'park'>> {
    return this.park([{ at: placeAt(key, 1), target, ...deadline }])
  }
}
