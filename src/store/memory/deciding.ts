import { InvalidOptionsError } from '../../errors.js'
import {
  decideRaces,
  type Memory,
  type MemoryKey,
  type Race,
  type WaitEnd,
  type WaitTarget,
} from '../../model/memory.js'
import { cancelledAt, endOf, type WaitMemory, waitOf } from '../../model/wait-memory.js'
import type { DecideInput, DecideOutcome, ScopeCommands } from '../scoping.js'
import { type Data, stateOf } from './data.js'
import { callOff } from './deliveries.js'
import { closeQuietly } from './receivers.js'
import type { ReceiverRow, RunRow } from './rows.js'
import { type EnteredScope, enteredRun, enteredScope, forget, memoryAt, remember, toEnd } from './scopes.js'

/** How waits end, and the races with them. */
export function decidingCommands(data: Data): Pick<ScopeCommands, 'decide' | 'throwCancel'> {
  return {
    decide(input) {
      const { entry, at, target, decides, now } = input
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      const remembered = endOf(known)
      if (remembered !== undefined) return { type: 'ended', end: toEnd(remembered) }
      if (isRaced(data, scope, decides)) return { type: 'raced' }
      const wait = waitOf(input, known)
      if (wait === undefined) {
        throw new InvalidOptionsError(
          `no ${input.verb} can end there: ${known?.verb ?? 'nothing'} is remembered`,
        )
      }
      const isLate = wait.deadlineAt !== undefined && wait.deadlineAt <= now
      const end = look(data, scope.id, target, now) ?? (isLate ? { type: 'timed_out' as const } : undefined)
      if (end === undefined) return goOn(data, scope, { input, known, wait })
      take(data, scope.id, target, end, now)
      conclude(data, scope, { at, memory: { ...wait, end }, end, decides })
      return { type: 'ended', end: toEnd(end) }
    },

    throwCancel({ entry, at, verb, decides, now }) {
      const scope = enteredScope(data, entry, now)
      const run = entry.type === 'run' ? enteredRun(data, entry.claim, now) : undefined
      if (scope === undefined || run?.cancellation !== 'requested') return false
      if (isRaced(data, scope, decides)) return false
      const end = {
        type: 'cancel',
        ...(run.cancelReason === undefined ? {} : { reason: run.cancelReason }),
      } as const
      const memory = cancelledAt(memoryAt(data, scope, at), verb, end)
      if (memory === undefined) return false
      conclude(data, scope, { at, memory, end, decides })
      run.cancellation = 'thrown'
      return true
    },
  }
}

/** What a target has for whoever waits for it in a scope, before any deadline. Nothing is taken. */
export function look(data: Data, scopeId: string, target: WaitTarget, now: number): WaitEnd | undefined {
  switch (target.type) {
    case 'time':
      return undefined
    case 'receiver':
      return lookAtReceiver(data, scopeId, target.receiverId, now)
    case 'delivery':
      return lookAtDelivery(data, target.deliveryId)
    case 'run':
      return lookAtRun(data.runs.get(target.runId))
    case 'exchange': {
      const received = lookAtReceiver(data, scopeId, target.receiverId, now)
      const sent = lookAtDelivery(data, target.deliveryId)
      return received?.type !== 'callback' && sent?.type === 'dead' ? sent : received
    }
  }
}

/** When a wait for a target has to be looked at again, whatever happens. */
export function nextLook(
  data: Data,
  target: WaitTarget,
  deadlineAt: number | undefined,
  now: number,
): number | undefined {
  const receiver = 'receiverId' in target ? data.receivers.get(target.receiverId) : undefined
  const isOpen = receiver !== undefined && stateOf(data, receiver, now) === 'open'
  const instants = [deadlineAt, isOpen ? receiver.expiresAt : undefined].filter(at => at !== undefined)
  return instants.length === 0 ? undefined : Math.min(...instants)
}

function lookAtReceiver(data: Data, scopeId: string, receiverId: string, now: number): WaitEnd | undefined {
  const receiver = ownReceiver(data, scopeId, receiverId)
  if (receiver === undefined) return { type: 'closed' }
  const { oldest } = receiver.unread
  if (oldest !== undefined) return { type: 'callback', callback: oldest.record }
  const state = stateOf(data, receiver, now)
  return state === 'open' ? undefined : { type: state }
}

function lookAtDelivery(data: Data, deliveryId: string): WaitEnd | undefined {
  const status = data.deliveries.get(deliveryId)?.record.status ?? 'dead'
  return status === 'delivered' || status === 'dead' ? { type: status } : undefined
}

function lookAtRun(run: RunRow | undefined): WaitEnd | undefined {
  if (run?.status === 'cancelled') {
    return { type: 'run_cancelled', ...(run.cancelReason === undefined ? {} : { reason: run.cancelReason }) }
  }
  if (run?.result === undefined) return undefined
  if (run.status === 'done') return { type: 'run_done', result: run.result }
  return run.status === 'failed' ? { type: 'run_failed', result: run.result } : undefined
}

/** Does to the target what the end of the wait means for it. */
function take(data: Data, scopeId: string, target: WaitTarget, end: WaitEnd, now: number): void {
  const callback = end.type === 'callback' ? data.callbacks.get(end.callback.id) : undefined
  if (callback !== undefined) {
    callback.receiver.unread.remove(callback)
    callback.receiver.scope?.taken.add(callback)
    callback.state = 'taken'
  }
  if (target.type !== 'exchange') return
  const receiver = ownReceiver(data, scopeId, target.receiverId)
  const delivery = data.deliveries.get(target.deliveryId)
  const isAnswered = end.type === 'callback'
  if (receiver !== undefined && (isAnswered || end.type === 'dead')) closeQuietly(data, receiver, now)
  if (delivery !== undefined && (isAnswered || end.type === 'timed_out')) callOff(data, delivery, now)
}

function ownReceiver(data: Data, scopeId: string, receiverId: string): ReceiverRow | undefined {
  const receiver = data.receivers.get(receiverId)
  return receiver?.scope?.id === scopeId ? receiver : undefined
}

function isRaced(data: Data, scope: EnteredScope, races: readonly Race[]): boolean {
  return races.some(({ at }) => memoryAt(data, scope, at) !== undefined)
}

/** Writes down what has changed of a wait that has not ended: its deadline. */
function goOn(
  data: Data,
  scope: EnteredScope,
  {
    input: { at, target, now },
    known,
    wait,
  }: { readonly input: DecideInput; readonly known: Memory | undefined; readonly wait: WaitMemory },
): DecideOutcome {
  const { deadlineAt } = wait
  const before = known !== undefined && 'deadlineAt' in known ? known.deadlineAt : undefined
  if (deadlineAt !== before) remember(data, scope, at, wait)
  if (deadlineAt === undefined && wait.verb !== 'exchange') forget(data, scope.id, at)
  const lookAgainAt = nextLook(data, target, deadlineAt, now)
  return {
    type: 'waiting',
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(lookAgainAt === undefined ? {} : { lookAgainAt }),
  }
}

function conclude(
  data: Data,
  scope: EnteredScope,
  {
    at,
    memory,
    end,
    decides,
  }: {
    readonly at: MemoryKey
    readonly memory: Memory
    readonly end: WaitEnd
    readonly decides: readonly Race[]
  },
): void {
  remember(data, scope, at, memory)
  for (const race of decideRaces(at, end.type, decides)) remember(data, scope, race.at, race.memory)
}
