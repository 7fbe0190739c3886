import fc from 'fast-check'

// What random stories are made of. Small numbers say which of the few receivers, nodes and keys is meant, so that
// stories keep coming back to the same ones.

export const SECOND = 1_000
export const HOUR = 3_600 * SECOND
export const DAY = 24 * HOUR
export const LEASE = 15 * SECOND

const few = fc.nat({ max: 3 })
const any = fc.nat({ max: 1_000 })
const flag = fc.boolean()

function step<const Name extends string, Parts extends object>(
  weight: number,
  name: Name,
  parts: { [Part in keyof Parts]: fc.Arbitrary<Parts[Part]> },
): fc.WeightedArbitrary<{ readonly name: Name } & Parts> {
  return { weight, arbitrary: fc.record(parts).map(given => ({ name, ...given })) }
}

const durations = fc.constantFrom(0, 1, SECOND, LEASE - 1, LEASE, HOUR, DAY, 8 * DAY)

export const steps = fc.oneof(
  step(3, 'spawn', { key: few, ttl: few, capacity: few, reopen: flag, node: few }),
  step(12, 'accept', {
    receiver: few,
    deliveryId: few,
    capacity: fc.constantFrom(1, 3, 100, 100),
    isRefused: fc.constantFrom(false, false, false, true),
    version: few,
    window: few,
    isAnswered: flag,
  }),
  step(1, 'accept again', { pick: any }),
  step(1, 'close', { receiver: few }),
  step(10, 'claim', { receiver: few, node: few, limit: few, ordered: flag, isNaming: flag }),
  step(5, 'acknowledge', { pick: any }),
  step(5, 'release', { pick: any, delay: few, as: fc.constantFrom('counted', 'uncounted', 'failure') }),
  step(1, 'reclaim', { receiver: few, node: few, isForgetful: flag }),
  step(3, 'give up', { pick: any }),
  step(3, 'retry', { pick: any }),
  step(1, 'discard', { pick: any }),
  step(2, 'answer', { pick: any }),
  step(2, 'join', { isLong: flag }),
  step(1, 'leave', { node: few }),
  step(1, 'renew', { node: few }),
  step(3, 'take over', { maxCrashes: fc.constantFrom(1, 2, 20) }),
  step(3, 'sweep', {}),
  step(1, 'restart', {}),
  step(6, 'pass', { ms: durations }),
  step(4, 'send', { key: few, lane: few, delay: few, deadline: few }),
  step(4, 'claim deliveries', { node: few, room: few, busy: few }),
  step(4, 'record attempt', { pick: any, next: few }),
  step(1, 'release delivery', { pick: any }),
  step(1, 'reclaim deliveries', { node: few, isForgetful: flag }),
  step(1, 'cancel delivery', { pick: any }),
)

export type Step = typeof steps extends fc.Arbitrary<infer S> ? S : never
export type StepNamed<Name extends Step['name']> = Extract<Step, { readonly name: Name }>
