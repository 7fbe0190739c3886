import type { DeliveryClaim, Lane } from '../../../src/model/delivery.js'
import type { StoreSession } from '../../../src/store/store.js'
import { about, type Held, notBefore, pick } from './held.js'
import { byText, epochOf, type Stage } from './stage.js'
import { DAY, HOUR, SECOND, type Step, type StepNamed } from './steps.js'

const lanes: readonly Lane[] = [
  'endpoint:a',
  'endpoint:b',
  'origin:https://c.example',
  'origin:https://d.example',
]

/** The part of a story that is about messages. */
export class MessagePlay {
  readonly #stage: Stage
  readonly #sending: Held<DeliveryClaim>[] = []
  readonly #deliveryIds: string[] = []
  #ids = 0

  constructor(stage: Stage) {
    this.#stage = stage
  }

  async take(step: Step): Promise<unknown> {
    const stage = this.#stage
    const { now } = stage
    switch (step.name) {
      case 'send':
        return await this.#send(step)
      case 'claim deliveries':
        return await this.#claimDeliveries(step)
      case 'record attempt': {
        const attempt = { at: now, durationMs: 3, status: 500 }
        const next = (
          [
            { status: 'delivered' },
            { status: 'dead', reason: 'exhausted' },
            { status: 'due', dueAt: now + SECOND },
            { status: 'due', dueAt: now + HOUR },
          ] as const
        )[step.next] ?? { status: 'delivered' }
        return await about(stage, this.#sending, step.pick, (session, claim) =>
          session.recordAttempt({ claim, now, attempt, next }),
        )
      }
      case 'release delivery':
        return await about(stage, this.#sending, step.pick, async (session, claim) => {
          await lookUnder(session, claim.epoch, now)
          return await session.releaseDelivery({ claim })
        })
      case 'reclaim deliveries': {
        const held = step.isForgetful ? [] : this.#sending.map(({ id }) => id)
        return await stage.ask(async actor => {
          const epoch = epochOf(actor, step.node)
          return await actor.session.reclaimDeliveries({ epoch, held, now })
        })
      }
      case 'cancel delivery': {
        const deliveryId = pick(this.#deliveryIds, step.pick)
        if (deliveryId === undefined) return
        return await stage.ask(({ session }) => session.cancelDelivery({ deliveryId, now }))
      }
      default:
        throw new Error(`nobody takes the step '${step.name}'`)
    }
  }

  async look(): Promise<void> {
    for (const deliveryId of this.#deliveryIds) {
      await this.#stage.ask(({ session }) => session.findDelivery({ deliveryId }))
      await this.#stage.ask(({ session }) => session.listAttempts({ deliveryId }))
    }
  }

  async #send({ key, lane, delay, deadline }: StepNamed<'send'>): Promise<void> {
    const { now } = this.#stage
    const [id, deliveryId] = [this.#id('msg'), this.#id('dlv')]
    const message = {
      id,
      ...(key === 0 ? {} : { key: `key ${key}` }),
      lane: lanes[lane] ?? 'endpoint:a',
      method: 'POST',
      path: '',
      query: '',
      headers: [['x-id', id]] as const,
      body: Buffer.from(id),
      createdAt: now,
    }
    const dueAt = now + ([0, 0, SECOND, HOUR][delay] ?? 0)
    const deadlineAt = now + ([2 * HOUR, DAY, 30 * DAY, 30 * DAY][deadline] ?? DAY)
    const outcome = await this.#stage.ask(({ session }) =>
      session.send({ message, deliveryId, dueAt, deadlineAt }),
    )
    if (outcome.type === 'sent' && outcome.created) this.#deliveryIds.push(outcome.deliveryId)
  }

  async #claimDeliveries({ node, room, busy }: StepNamed<'claim deliveries'>): Promise<void> {
    const { now } = this.#stage
    const claims: Map<string, DeliveryClaim>[] = []
    const { claimed } = await this.#stage.ask(
      async (actor, index) => {
        const epoch = epochOf(actor, node)
        const limits = {
          limit: 1_000,
          originRoom: room,
          lanes: { 'endpoint:a': room, [lanes[2] ?? '']: busy },
        }
        const outcome = await actor.session.claimDeliveries({ epoch, now, ...limits })
        claims[index] = new Map(
          outcome.claimed.map(({ delivery: { id }, fence }) => [id, { deliveryId: id, epoch, fence }]),
        )
        return outcome
      },
      outcome => ({
        claimed: [...outcome.claimed].sort(byText(({ delivery }) => delivery.id)),
        nextDueAt: notBefore(now, outcome.nextDueAt),
      }),
    )
    for (const { delivery } of claimed) {
      this.#sending.push({ id: delivery.id, claims: claims.flatMap(one => one.get(delivery.id) ?? []) })
    }
  }

  #id(prefix: string): string {
    this.#ids += 1
    return `${prefix}_${String(this.#ids).padStart(6, '0')}`
  }
}

/** For a command that has no clock: shows the store whether the epoch is over by now. */
async function lookUnder(session: StoreSession, epoch: number, now: number): Promise<void> {
  await session.claimDeliveries({ epoch, now, limit: 0, lanes: {}, originRoom: 0 })
}
