import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import type { ClaimedDelivery, Lane, MessageRecord } from '../../model/delivery.js'
import type { SubscriptionRecord } from '../../model/subscription.js'
import { patternsOf } from '../../model/topic.js'
import type { ClaimFanOutOutcome, PublishInput } from '../../store/publishing.js'
import type { SendInput } from '../../store/sending.js'
import type { Input, Outcome } from '../../store/store.js'
import type { PutSubscriptionInput } from '../../store/subscribing.js'
import { DAY, type Trial } from './trial.js'

// Topics, subscriptions and publications in few words.

export const URL_A = 'https://a.example/hook'
export const URL_B = 'https://b.example/hook'

type Given = PutSubscriptionInput['subscription']

export function laneOf({ id }: { readonly id: string }): Lane {
  return `subscription:${id}`
}

/** A subscription with an id and a URL of its own. */
export function given(trial: Trial, topic: string, changes: Partial<Given> = {}): Given {
  const id = createId('sub', trial.now)
  return { id, topic, url: `https://${id}.example/hook`, options: '{}', createdAt: trial.now, ...changes }
}

export function put(
  trial: Trial,
  subscription: Given,
  changes: Omit<Partial<PutSubscriptionInput>, 'subscription'> = {},
): Promise<Outcome<'putSubscription'>> {
  return trial.session.putSubscription({ subscription, now: trial.now, ...changes })
}

export async function subscribe(
  trial: Trial,
  topic: string,
  changes: Partial<Given> = {},
): Promise<SubscriptionRecord> {
  const outcome = await put(trial, given(trial, topic, changes))
  assert.equal(outcome.type, 'put')
  assert.equal(outcome.created, true)
  return outcome.subscription
}

/** What a subscription with that id has to show that it wants. */
export function proofFor(trial: Trial, id: string): SendInput {
  const message = trial.message(`proof:${id}`, { method: 'GET' })
  return { message, ...newDelivery(trial) }
}

/** A new subscription that is not proven yet, and the delivery of its proof. */
export async function subscribeUnproven(
  trial: Trial,
  changes: Partial<Given> = {},
): Promise<{ readonly subscription: SubscriptionRecord; readonly proofDeliveryId: string }> {
  const subscription = given(trial, 'book.created', changes)
  const outcome = await put(trial, subscription, { proof: proofFor(trial, subscription.id) })
  assert.equal(outcome.type, 'put')
  const { proofDeliveryId } = outcome
  assert.ok(proofDeliveryId !== undefined, 'no proof was sent')
  return { subscription: outcome.subscription, proofDeliveryId }
}

export async function pauseOf(
  trial: Trial,
  { id }: { readonly id: string },
): Promise<SubscriptionRecord['pause']> {
  return (await trial.session.findSubscription({ id }))?.pause
}

export function newDelivery(trial: Trial): Omit<SendInput, 'message'> {
  return { deliveryId: createId('dlv', trial.now), dueAt: trial.now, deadlineAt: trial.now + 30 * DAY }
}

export function toMany(
  trial: Trial,
  lane: PublishInput['message']['lane'],
  changes: Partial<MessageRecord> = {},
): PublishInput['message'] {
  return { ...trial.message('endpoint:any'), ...changes, lane }
}

export function toTopic(trial: Trial, topic: string, changes: Partial<PublishInput> = {}): PublishInput {
  const { now } = trial
  const to = { type: 'topic', patterns: patternsOf(topic), dueAt: now, deadlineAt: now + 30 * DAY } as const
  return { message: toMany(trial, `topic:${topic}`), to, ...changes }
}

export function toList(
  trial: Trial,
  targets: readonly { readonly lane: Lane; readonly url?: string }[],
  changes: Partial<PublishInput> = {},
): PublishInput {
  const deliveries = targets.map(target => ({ ...newDelivery(trial), ...target }))
  return { message: toMany(trial, 'list:'), to: { type: 'list', deliveries }, ...changes }
}

/** Publishes to the topic. The id of the message. */
export async function publish(trial: Trial, topic: string): Promise<string> {
  const outcome = await trial.session.publish(toTopic(trial, topic))
  assert.equal(outcome.type, 'published')
  return outcome.messageId
}

export function claimFanOut(
  trial: Trial,
  changes: Partial<Input<'claimFanOut'>> = {},
): Promise<ClaimFanOutOutcome> {
  return trial.session.claimFanOut({ now: trial.now, holdMs: 30_000, limit: 100, ...changes })
}

export type Page = NonNullable<ClaimFanOutOutcome['fanOut']>

export async function nextPage(trial: Trial, changes: Partial<Input<'claimFanOut'>> = {}): Promise<Page> {
  const { fanOut } = await claimFanOut(trial, changes)
  assert.ok(fanOut !== undefined, 'no fan-out has its turn')
  return fanOut
}

/** What has to be written for a page: a delivery for each subscription. */
export function batchOf(trial: Trial, { message, from, page, last }: Page): Input<'fanOut'> {
  return {
    messageId: message.id,
    from,
    to: page.at(-1)?.no ?? from,
    done: last,
    deliveries: page.map(({ subscription }) => ({ ...newDelivery(trial), subscriptionId: subscription.id })),
    now: trial.now,
  }
}

/** Fans out until nothing is left to be. */
export async function fanOutAll(trial: Trial, limit = 100): Promise<void> {
  for (let rounds = 0; rounds < 1_000; rounds += 1) {
    const { fanOut } = await claimFanOut(trial, { limit })
    if (fanOut === undefined) return
    assert.equal(await trial.session.fanOut(batchOf(trial, fanOut)), true)
  }
  assert.fail('there is always more to fan out')
}

/** Everything that may be sent now in lanes that are not those of endpoints. */
export async function takeAll(
  trial: Trial,
  changes: Partial<Input<'claimDeliveries'>> = {},
): Promise<readonly ClaimedDelivery[]> {
  return (await trial.claimDeliveries({ limit: 1_000, originRoom: 1_000, ...changes })).claimed
}

/** In which lanes there is something to be sent now. */
export async function takenLanes(trial: Trial): Promise<readonly Lane[]> {
  return (await takeAll(trial)).map(({ delivery }) => delivery.lane).sort()
}
