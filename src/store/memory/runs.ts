import { hasBegun } from '../../model/memory.js'
import type { RunRecord } from '../../model/run.js'
import type { ClaimedRun, RunCommands, RunSummary, StartRunInput } from '../running.js'
import { acknowledge } from './callbacks.js'
import { claimedCallback, type Data, liveNode } from './data.js'
import { frozenCopy } from './frozen.js'
import type { NodeRow, RunRow } from './rows.js'
import { enteredScope, memoryAt, openScope, recall, remember, withOwnBytes } from './scopes.js'
import { SortedList } from './sorted-list.js'
import { nextTurn, Turns, takeInTurns } from './turns.js'
import { toKnown } from './verbs.js'

/** How much of its memory comes with a run. */
const FIRST_PAGE = 16

/** How runs begin, and who has them. */
export function runCommands(
  data: Data,
): Pick<RunCommands, 'startRun' | 'claimRuns' | 'findRun' | 'listRuns'> {
  return {
    startRun(input) {
      const { in: place, acknowledges, now } = input
      const scope = place === undefined ? undefined : enteredScope(data, place.entry, now)
      const handled = acknowledges === undefined ? undefined : claimedCallback(data, acknowledges, now)
      const isLost =
        (place !== undefined && scope === undefined) || (acknowledges !== undefined && handled === undefined)
      if (isLost) return { type: 'lost' }
      const known = place === undefined || scope === undefined ? undefined : memoryAt(data, scope, place.at)
      if (known !== undefined && !(known.verb === 'start' && hasBegun(known)))
        return toKnown(data, known, now)
      const found = known === undefined ? data.runsByKey.get(nameOfRun(input)) : data.runs.get(known.runId)
      const run = found ?? addRun(data, input)
      if (place !== undefined && scope !== undefined && known === undefined) {
        const { id: runId, workflow, key } = run
        const row = remember(data, scope, place.at, { verb: 'start', runId, workflow, key })
        row.runs.add(run)
        run.rememberedBy.add(row)
        data.endedRuns.delete(run)
      }
      if (handled !== undefined) acknowledge(data, handled, now)
      return { type: 'started', run: toRun(run), created: run.id === input.runId }
    },

    claimRuns({ epoch, now, limit, workflows }) {
      const node = liveNode(data, epoch, now)
      if (node === undefined) return { claimed: [] }
      const turns = Object.entries(workflows).flatMap(([workflow, room]) => {
        const due = data.runQueue.of(workflow)
        return due === undefined ? [] : [new Turns(due, { room }, now, { dueAt: ({ dueAt = now }) => dueAt })]
      })
      const claimed = takeInTurns(turns, limit).map(run => handOut(data, run, node, now))
      return { claimed, ...nextTurn(turns) }
    },

    findRun(input) {
      const run = 'runId' in input ? data.runs.get(input.runId) : data.runsByKey.get(nameOfRun(input))
      return run === undefined ? undefined : toSummary(run)
    },

    listRuns({ workflow, status, startedBefore = Number.POSITIVE_INFINITY, after, limit }) {
      const page: RunSummary[] = []
      for (const run of data.runsByWorkflow.get(workflow)?.from(after) ?? []) {
        if (page.length >= limit) break
        if (status !== undefined && run.status !== status) continue
        if (run.startedAt >= startedBefore) continue
        page.push(toSummary(run))
      }
      return page
    },
  }
}

export function forgetRun(data: Data, run: RunRow): void {
  data.runs.delete(run.id)
  data.runsByKey.delete(nameOfRun(run))
  const runs = data.runsByWorkflow.get(run.workflow)
  runs?.delete(run)
  if (runs?.size === 0) data.runsByWorkflow.delete(run.workflow)
}

function addRun(data: Data, { runId: id, workflow, key, input, dueAt, now }: StartRunInput): RunRow {
  const run: RunRow = {
    id,
    workflow,
    key,
    input: frozenCopy(input),
    startedAt: Math.max(now, dueAt),
    status: 'due',
    dueAt,
    attempt: 0,
    failures: 0,
    crashes: 0,
    fence: 0,
    cancellation: 'none',
    cancelReason: undefined,
    endedAt: undefined,
    result: undefined,
    blames: undefined,
    node: undefined,
    waits: [],
    rememberedBy: new Set(),
  }
  const runs = data.runsByWorkflow.get(workflow) ?? new SortedList<RunRow, string>(row => row.id)
  data.runsByWorkflow.set(workflow, runs)
  runs.add(run)
  data.runs.set(id, run)
  data.runsByKey.set(nameOfRun(run), run)
  data.runQueue.add(run, dueAt)
  openScope(data, id)
  return run
}

function handOut(data: Data, run: RunRow, node: NodeRow, now: number): ClaimedRun {
  data.runQueue.remove(run)
  run.status = 'running'
  run.attempt += 1
  run.fence += 1
  run.node = node
  node.runs.add(run)
  return {
    run: toRun(run),
    fence: run.fence,
    memory: recall(data, { scopeId: run.id, limit: FIRST_PAGE, now }),
  }
}

function nameOfRun({ workflow, key }: { readonly workflow: string; readonly key: string }): string {
  return `${workflow}\0${key}`
}

function toSummary(run: RunRow): RunSummary {
  return { ...toRun(run), waitingFor: [...new Set(run.waits.map(({ at }) => at.key))] }
}

function toRun(run: RunRow): RunRecord {
  const { id, workflow, key, status, input, startedAt, attempt, failures, cancellation } = run
  const { dueAt, cancelReason, endedAt, result } = run
  const isWaiting = status === 'due' || status === 'parked'
  return {
    id,
    workflow,
    key,
    status,
    input: new Uint8Array(input),
    startedAt,
    ...(isWaiting && dueAt !== undefined ? { dueAt } : {}),
    attempt,
    failures,
    cancellation,
    ...(cancelReason === undefined ? {} : { cancelReason }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(result === undefined || status === 'running' ? {} : { result: withOwnBytes(result) }),
  }
}
