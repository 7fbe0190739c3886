import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import type { AfterAttempt, ClaimedDelivery, Lane } from '../../model/delivery.js'
import type { LaneNews, PauseReason } from '../../model/lane.js'
import type { Input, Outcome } from '../../store/store.js'
import { HOUR, type Trial } from './trial.js'

export type Failed = Extract<LaneNews, { readonly type: 'failed' }>

export const ANSWERED: LaneNews = { type: 'answered' }

/** A failure, no closer than an hour to another strike. */
export function failed(changes: Partial<Failed> = {}): LaneNews {
  return { type: 'failed', strikeMs: HOUR, ...changes }
}

/** Room enough for anything: what is not handed out is held back by its lane. */
export function claimAll(
  trial: Trial,
  lane: Lane,
  changes: Partial<Input<'claimDeliveries'>> = {},
): Promise<Outcome<'claimDeliveries'>> {
  const lanes = lane.startsWith('endpoint:') ? { [lane]: 100 } : {}
  return trial.claimDeliveries({ lanes, originRoom: 100, ...changes })
}

/** The oldest of a lane. What other lanes gave is given back. */
export async function takeFrom(trial: Trial, lane: Lane): Promise<ClaimedDelivery> {
  const { claimed } = await claimAll(trial, lane)
  const [one, ...rest] = claimed.filter(({ delivery }) => delivery.lane === lane)
  assert.ok(one !== undefined, 'nothing was handed out')
  for (const other of claimed.filter(({ delivery }) => delivery.lane !== lane).concat(rest)) {
    await trial.session.releaseDelivery({ claim: trial.toDeliveryClaim(other) })
  }
  return one
}

/** Ends an attempt, with what it has shown. */
export function hear(
  trial: Trial,
  claimed: ClaimedDelivery,
  news: LaneNews,
  next: AfterAttempt = news.type === 'answered'
    ? { status: 'delivered' }
    : { status: 'due', dueAt: trial.now },
): Promise<Outcome<'recordAttempt'>> {
  const { now } = trial
  const attempt = { at: now, durationMs: 5 }
  return trial.session.recordAttempt({ claim: trial.toDeliveryClaim(claimed), now, attempt, next, news })
}

/** Fails the oldest of a lane, which is due again at once. */
export async function failIn(trial: Trial, lane: Lane, changes: Partial<Failed> = {}): Promise<void> {
  assert.equal(await hear(trial, await takeFrom(trial, lane), failed(changes)), 'recorded')
}

export async function pauseOf(trial: Trial, lane: Lane): Promise<PauseReason | undefined> {
  return (await trial.session.findLane({ lane }))?.pause
}

/** Fills a lane: so many deliveries that are due. */
export async function fillLane(trial: Trial, lane: Lane, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let index = 0; index < count; index++) ids.push(await trial.queue(lane))
  return ids
}

/** A subscription that needs no proof, by its lane. */
export async function subscribe(
  trial: Trial,
  changes: Partial<Input<'putSubscription'>['subscription']> = {},
): Promise<`subscription:${string}`> {
  const { now } = trial
  const id = createId('sub', now)
  const fresh = { id, topic: 'book.lent', url: `https://${id}.example/hook`, options: '{}', createdAt: now }
  const outcome = await trial.session.putSubscription({ subscription: { ...fresh, ...changes }, now })
  assert.equal(outcome.type, 'put')
  return `subscription:${id}`
}

export function idsOf({ claimed }: Outcome<'claimDeliveries'>): readonly string[] {
  return claimed.map(({ delivery }) => delivery.id)
}
