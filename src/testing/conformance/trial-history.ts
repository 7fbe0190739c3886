import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { createId } from '../../core/ids.js'
import type { AttemptRecord, DeliveryRecord, Lane } from '../../model/delivery.js'
import type { ListDeliveriesInput, RedeliverOutcome } from '../../store/history.js'
import type { ListedDelivery } from '../../store/publishing.js'
import type { Input } from '../../store/store.js'
import { DAY, type Trial } from './trial.js'
import { takeFrom } from './trial-lanes.js'

export async function list(
  trial: Trial,
  filter: Partial<ListDeliveriesInput> = {},
): Promise<readonly string[]> {
  return (await trial.session.listDeliveries({ limit: 100, ...filter })).map(({ id }) => id)
}

/** Every page, by the last id of the one before. */
export async function listInPages(
  trial: Trial,
  filter: Partial<ListDeliveriesInput>,
): Promise<readonly string[]> {
  const all: string[] = []
  for (;;) {
    const after = all.at(-1)
    const page = await list(trial, { ...filter, limit: 2, ...(after === undefined ? {} : { after }) })
    all.push(...page)
    if (page.length < 2) return all
    assert.ok(all.length < 1_000, 'the pages do not end')
  }
}

/** Attempts the oldest delivery of a lane, and that is the end of it. */
export async function end(
  trial: Trial,
  lane: Lane,
  status: 'delivered' | 'dead' = 'delivered',
  attempt: Partial<AttemptRecord> = {},
): Promise<string> {
  const one = await takeFrom(trial, lane)
  const next = status === 'dead' ? ({ status, reason: 'rejected' } as const) : { status }
  assert.equal(await trial.record(one, next, attempt), 'recorded')
  return one.delivery.id
}

/** What one attempt leaves that is large. */
export function answered(text: string): Partial<AttemptRecord> {
  return { status: 200, answer: { headers: [['x-a', '1']], body: utf8(text), truncated: false } }
}

export function redeliver(
  trial: Trial,
  deliveryId: string,
  changes: Partial<Input<'redeliver'>['again']> = {},
): Promise<RedeliverOutcome> {
  const { now } = trial
  const again = { deliveryId: createId('dlv', now), dueAt: now, deadlineAt: now + 30 * DAY, ...changes }
  return trial.session.redeliver({ deliveryId, again, now })
}

/** A message to a topic, and its id. Nobody has a delivery of it yet. */
export async function publish(trial: Trial, topic: string): Promise<string> {
  const { now } = trial
  const message = { ...trial.message('endpoint:none'), lane: `topic:${topic}` as const }
  const to = { type: 'topic', patterns: [topic, '*'], dueAt: now, deadlineAt: now + 30 * DAY } as const
  const outcome = await trial.session.publish({ message, to })
  assert.equal(outcome.type, 'published')
  return outcome.messageId
}

/** Gives everybody theirs of the message whose turn it is: ids of deliveries. */
export async function fanOut(trial: Trial): Promise<readonly string[]> {
  const { now } = trial
  const { fanOut: turn } = await trial.session.claimFanOut({ now, holdMs: 1_000, limit: 1_000 })
  assert.ok(turn !== undefined, 'there is nothing to fan out')
  const { message, from, dueAt, deadlineAt, page } = turn
  const deliveries = page.map(({ subscription }) => ({
    ...{ deliveryId: createId('dlv', now), dueAt, deadlineAt },
    subscriptionId: subscription.id,
  }))
  const to = page.at(-1)?.no ?? from
  const written = { messageId: message.id, from, to, done: true, deliveries, now }
  assert.equal(await trial.session.fanOut(written), true)
  return deliveries.map(({ deliveryId }) => deliveryId)
}

/** A message to a list, and its id. */
export async function publishTo(
  trial: Trial,
  targets: readonly Pick<ListedDelivery, 'lane' | 'url'>[],
): Promise<{ readonly messageId: string; readonly deliveryIds: readonly string[] }> {
  const { now } = trial
  const message = { ...trial.message('endpoint:none'), lane: 'list:' as const }
  const times = { dueAt: now, deadlineAt: now + 30 * DAY }
  const deliveries = targets.map(target => ({ deliveryId: createId('dlv', now), ...target, ...times }))
  const outcome = await trial.session.publish({ message, to: { type: 'list', deliveries } })
  assert.equal(outcome.type, 'published')
  return { messageId: message.id, deliveryIds: deliveries.map(({ deliveryId }) => deliveryId) }
}

export async function found(trial: Trial, deliveryId: string): Promise<DeliveryRecord> {
  const delivery = await trial.session.findDelivery({ deliveryId })
  assert.ok(delivery !== undefined, 'the delivery is not there')
  return delivery
}
