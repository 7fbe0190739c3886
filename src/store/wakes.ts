import type { CommandName, Input, Outcome, Wake } from './store.js'

/** Whom to wake after a command: a pure function of what was asked and what came of it, the same for every store. */
export const wakesAfter: {
  readonly [N in CommandName]?: (input: Input<N>, outcome: Outcome<N>) => readonly Wake[]
} = {
  spawn: (_, outcome) =>
    outcome.type === 'spawned' && !outcome.created ? [receiver(outcome.receiver.id)] : [],
  accept: (input, outcome) => {
    if (outcome.type !== 'accepted') return []
    return outcome.resumes === true ? [receiver(input.receiverId), RUNS] : [receiver(input.receiverId)]
  },
  closeReceiver: input => [receiver(input.receiverId), RUNS],
  answer: (input, recorded) => (recorded ? [{ kind: 'answer', callbackId: input.callbackId }] : []),
  acknowledge: (_, outcome) => outcome.receiverIds.map(receiver),
  release: ({ claim }, done) => (done ? [receiver(claim.receiverId)] : []),
  reclaim: (input, count) => (count > 0 ? [receiver(input.receiverId)] : []),
  giveUp: ({ claim }, done) => (done ? [receiver(claim.receiverId)] : []),
  retryFailed: (input, done) => (done ? [receiver(input.receiverId)] : []),
  takeOver: (_, outcome) => [
    ...outcome.receiverIds.map(receiver),
    ...(outcome.deliveries > 0 ? [OUTBOX] : []),
    ...(outcome.runs > 0 ? [RUNS] : []),
  ],
  join: ({ moves }) => (moves === undefined ? [] : [OUTBOX, RUNS]),
  leave: (_, leftovers) => [...leftovers.map(leftover => receiver(leftover.receiverId)), OUTBOX, RUNS],
  sweep: (_, { ended, expiredDeliveryIds, unsubscribedDeliveryIds }) => {
    const dead = [...expiredDeliveryIds, ...unsubscribedDeliveryIds]
    return [
      ...ended.map(leftover => receiver(leftover.receiverId)),
      ...dead.flatMap(died),
      ...(ended.length + dead.length > 0 ? [RUNS] : []),
      ...(dead.length > 0 ? [ENDS] : []),
    ]
  },
  send: (_, outcome) => (outcome.type === 'sent' && outcome.created ? [OUTBOX] : []),
  recordAttempt: ({ claim, next, tells, proves }, outcome) => {
    if (outcome === 'lost') return []
    if (outcome !== 'recorded') return [...died(claim.deliveryId), RUNS]
    if (next.status === 'due') return [OUTBOX]
    const ended = next.status === 'dead' ? died(claim.deliveryId) : [delivery(claim.deliveryId)]
    return [...ended, RUNS, ...(tells === true ? [ENDS] : []), ...(proves === true ? [OUTBOX] : [])]
  },
  releaseDelivery: () => [OUTBOX],
  reclaimDeliveries: (_, count) => (count > 0 ? [OUTBOX] : []),
  cancelDelivery: (input, done) => (done ? [...died(input.deliveryId), RUNS] : []),
  beginExchange: (_, outcome) => (outcome.type === 'begun' && outcome.created ? [OUTBOX] : []),
  takeAnswer: (input, outcome) => {
    if (outcome.type === 'taken') return [delivery(input.deliveryId)]
    return outcome.type === 'dead' ? [receiver(input.receiverId)] : []
  },
  sendInScope: (_, outcome) => (outcome.type === 'sent' ? [OUTBOX] : []),
  publishInScope: ({ publish }, outcome) => {
    if (outcome.type !== 'published') return []
    return publish.to.type === 'list' ? [OUTBOX] : [FAN_OUTS]
  },
  exchangeInScope: (_, outcome) => (outcome.type === 'begun' ? [OUTBOX] : []),
  resendInScope: (_, outcome) => (outcome.type === 'begun' ? [OUTBOX] : []),
  publish: ({ to }, outcome) => {
    if (outcome.type !== 'published' || !outcome.created) return []
    return to.type === 'list' ? [OUTBOX] : [FAN_OUTS]
  },
  fanOut: ({ deliveries, done }, written) => {
    if (!written) return []
    return [...(deliveries.length > 0 ? [OUTBOX] : []), ...(done ? [] : [FAN_OUTS])]
  },
  putSubscription: (_, outcome) =>
    outcome.type === 'put' && (outcome.proofDeliveryId !== undefined || !outcome.created) ? [OUTBOX] : [],
  proveSubscription: (_, done) => (done ? [OUTBOX] : []),
  resumeLane: (_, done) => (done ? [OUTBOX] : []),
  redeliver: (_, outcome) => (outcome.type === 'redelivered' ? [OUTBOX] : []),
  settleEnd: ({ send }, done) => (done && send !== undefined ? [OUTBOX] : []),
  startRun: ({ acknowledges }, outcome) => {
    if (outcome.type !== 'started') return []
    // The next of its group may be ready, or the receiver have nothing unread any more.
    const handled = acknowledges === undefined ? [] : [receiver(acknowledges.receiverId)]
    return outcome.created ? [...handled, RUNS] : handled
  },
  endRun: ({ claim, end }, done) => {
    if (!done) return []
    return end.status === 'due' ? [RUNS] : [run(claim.runId), RUNS]
  },
  releaseRun: (_, done) => (done ? [RUNS] : []),
  reclaimRuns: (_, count) => (count > 0 ? [RUNS] : []),
  retryRun: (_, done) => (done ? [RUNS] : []),
  cancelRun: (input, done) => (done ? [run(input.runId), RUNS] : []),
}

/**
 * Whom to wake when a command has been sent but not carried out. Whoever looks now has his look carried out after it, in
 * the same commit: what takes two commits after the fact, storing and claiming, takes one.
 */
export const wakesBefore: {
  readonly [N in CommandName]?: (input: Input<N>) => readonly Wake[]
} = {
  accept: input => [receiver(input.receiverId)],
  send: () => [OUTBOX],
  beginExchange: () => [OUTBOX],
  sendInScope: () => [OUTBOX],
  exchangeInScope: () => [OUTBOX],
  resendInScope: () => [OUTBOX],
  startRun: () => [RUNS],
  endRun: ({ claim, end }) => (end.status === 'due' ? [] : [run(claim.runId)]),
}

const OUTBOX: Wake = { kind: 'outbox' }
const RUNS: Wake = { kind: 'runs' }
const FAN_OUTS: Wake = { kind: 'fanOuts' }
const ENDS: Wake = { kind: 'ends' }

function receiver(receiverId: string): Wake {
  return { kind: 'receiver', receiverId }
}

function run(runId: string): Wake {
  return { kind: 'run', runId }
}

function died(deliveryId: string): readonly Wake[] {
  return [delivery(deliveryId), { kind: 'dead', deliveryId }]
}

function delivery(deliveryId: string): Wake {
  return { kind: 'delivery', deliveryId }
}
