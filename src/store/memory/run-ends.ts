import type { RunCommands } from '../running.js'
import { type Data, liveNode } from './data.js'
import { look, nextLook } from './deciding.js'
import { frozenCopy } from './frozen.js'
import type { RunRow } from './rows.js'
import { endScope, enteredRun, forgetFailuresOf, letRunExpire } from './scopes.js'

type RunEndCommands = Pick<
  RunCommands,
  'park' | 'endRun' | 'releaseRun' | 'reclaimRuns' | 'retryRun' | 'cancelRun'
>

/** How entries of runs end, and runs. */
export function runEndCommands(data: Data): RunEndCommands {
  return {
    park({ claim, waits, now }) {
      const run = enteredRun(data, claim, now)
      if (run === undefined) return 'lost'
      const isReady = waits.some(
        ({ target, deadlineAt }) =>
          look(data, run.id, target, now) !== undefined || (deadlineAt !== undefined && deadlineAt <= now),
      )
      if (isReady || run.cancellation === 'requested') return 'ready'
      const instants = waits
        .map(({ target, deadlineAt }) => nextLook(data, target, deadlineAt, now))
        .filter(instant => instant !== undefined)
      letGoOfRun(run)
      run.crashes = 0
      run.result = undefined
      data.runQueue.park(run, frozenCopy(waits), instants.length === 0 ? undefined : Math.min(...instants))
      return 'parked'
    },

    endRun({ claim, now, end }) {
      const run = enteredRun(data, claim, now)
      if (run === undefined) return false
      letGoOfRun(run)
      run.crashes = 0
      run.result = frozenCopy(end.result)
      if (end.status === 'due') {
        run.failures += 1
        // What is to be cancelled does not wait to be tried again.
        data.runQueue.add(run, run.cancellation === 'requested' ? Math.min(end.dueAt, now) : end.dueAt)
        return true
      }
      run.blames = end.status === 'failed' ? frozenCopy(end.blames) : undefined
      finishRun(data, run, end.status, now)
      return true
    },

    releaseRun({ claim, now }) {
      const run = enteredRun(data, claim, now)
      if (run === undefined) return false
      giveRunBack(data, run)
      return true
    },

    reclaimRuns({ epoch, held, now }) {
      const known = new Set(held)
      const forgotten = [...(liveNode(data, epoch, now)?.runs ?? [])].filter(({ id }) => !known.has(id))
      for (const run of forgotten) giveRunBack(data, run)
      return forgotten.length
    },

    retryRun({ runId, now }) {
      const run = data.runs.get(runId)
      if (run?.status !== 'failed') return false
      data.endedRuns.delete(run)
      if (forgetFailuresOf(data, runId, run.blames)) run.cancellation = 'requested'
      run.failures = 0
      run.crashes = 0
      run.endedAt = undefined
      run.result = undefined
      run.blames = undefined
      data.runQueue.add(run, now)
      return true
    },

    cancelRun({ runId, reason, now }) {
      const run = data.runs.get(runId)
      if (run === undefined) return false
      const isFailed = run.status === 'failed'
      if (!isFailed && (run.endedAt !== undefined || run.cancellation !== 'none')) return false
      if (run.cancellation === 'none') run.cancellation = 'requested'
      run.cancelReason = reason ?? run.cancelReason
      run.blames = undefined
      data.endedRuns.delete(run)
      // Its fence says whether anybody ever claimed it: `attempt` is taken back with the claim.
      if (isFailed || run.fence === 0) finishRun(data, run, 'cancelled', now)
      else if (run.status !== 'running') data.runQueue.add(run, now)
      return true
    },
  }
}

/** A run has ended: whoever is parked for that is due. Failed, it keeps its scope. */
export function finishRun(
  data: Data,
  run: RunRow,
  status: 'done' | 'failed' | 'cancelled',
  now: number,
): void {
  data.runQueue.remove(run)
  run.status = status
  run.endedAt = now
  if (status !== 'failed') endScope(data, run.id, now)
  letRunExpire(data, run)
  data.runQueue.resume(run.id, now)
}

/** A run in hand goes back as it was. */
export function giveRunBack(data: Data, run: RunRow): void {
  run.attempt -= 1
  letGoOfRun(run)
  data.runQueue.add(run, run.dueAt ?? run.startedAt)
}

/** A run in hand is in nobody's hands any more. */
export function letGoOfRun(run: RunRow): void {
  run.node?.runs.delete(run)
  run.node = undefined
}
