import type { Clock } from '../core/clock.js'
import { type Duration, toMs } from '../core/duration.js'
import { createId } from '../core/ids.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { Lane } from '../model/delivery.js'
import type { Proof, SubscriptionOptions } from '../model/endpoint-options.js'
import { isUnproven, slower } from '../model/lane.js'
import type { SubscriptionRecord } from '../model/subscription.js'
import { checkPattern } from '../model/topic.js'
import { DEFAULTS } from '../options.js'
import { eachOf, eachPage } from '../store/pages.js'
import type { SendInput } from '../store/sending.js'
import type { StoreSession } from '../store/store.js'
import type { Endpoints } from './endpoints.js'
import { toDelivery } from './outbox.js'
import { toProofRequest } from './proof.js'
import { createSecret } from './signing.js'
import { fromStored, type StoredOptions, type StoredSecret, toStored } from './stored-subscription.js'
import { type SubscriptionInfo, toSubscriptionInfo } from './subscription-info.js'
import { checkId, checkSubscription } from './subscription-options.js'

/**
 * Endpoints that want a topic, stored. Whoever has a page on which others enter their URL puts them here.
 *
 * ```ts
 * const { id, secret } = await server.subscriptions.put({ topic: 'book.*', url: 'https://shop.example/hooks' })
 * ```
 */
export interface Subscriptions {
  /**
   * Makes a subscription, or gives the one with that id, or with that topic and URL, the options that are given here, and no
   * others: doing so again changes nothing, and what it has now is in `options` of `get`. The secret by which its messages are signed is made where none is given, and stays until
   * another is. With `proof` nothing is sent to it until its endpoint has proven itself; until then each `put` asks it again,
   * also one that leaves `proof` out.
   *
   * @throws InvalidOptionsError for an option that makes no sense, and for an id and a topic with URL of two different ones.
   * @throws EndpointRefusedError for an address that would not be called.
   */
  put(subscription: SubscriptionOptions): Promise<{ id: string; secret: string; created: boolean }>
  get(id: string): Promise<SubscriptionInfo | undefined>
  /** In order of their ids. `topic` is a topic or a pattern, as it was given to `put`. */
  list(filter?: { topic?: string; url?: string }): AsyncIterable<SubscriptionInfo>
  /** What is published waits until `resume`, up to its deadline. `false` when it is paused already, or unproven, or retired. */
  pause(id: string): Promise<boolean>
  /**
   * What has gathered is sent, ten a second, then everything at once. One that has retired is open again, for what is published
   * from then on, and for what waited and has not died yet. One that was paused and then got a URL that is not proven yet waits
   * for the proof alone from then on. `false` when it was not paused.
   */
  resume(id: string): Promise<boolean>
  /** Signs by a new secret, and by the old one too for as long as `keepOldFor` says. Default 24 h. */
  rotateSecret(id: string, options?: { keepOldFor?: Duration }): Promise<{ secret: string }>
  /** By URL: from every topic. What waits for it is not sent any more. Returns how many there were. */
  delete(which: { id: string } | { url: string }): Promise<number>
}

export interface SubscriptionsParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly endpoints: Endpoints
  /** Our name, for whom we ask whether we may send. */
  readonly origin: () => string
  /** A receiver of ours, which proves the subscription when its URL is opened. */
  readonly toVisitUrl: (subscription: Pick<SubscriptionRecord, 'id' | 'url'>) => Promise<string>
}

const KEEP_OLD_MS = 24 * 60 * 60 * 1_000

export class StoredSubscriptions implements Subscriptions {
  readonly #parts: SubscriptionsParts

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts
  }

  async put(given: SubscriptionOptions): Promise<{ id: string; secret: string; created: boolean }> {
    const { session, clock } = this.#parts
    const checked = checkSubscription(given, this.#parts.endpoints)
    const { topic, url, policy } = checked
    for (;;) {
      const known = await this.#find(given.id, topic, url)
      const id = known?.id ?? given.id ?? createId('sub', clock.now())
      const secrets = secretsOf(given, known)
      const before = known && fromStored(known)
      const wasUnproven = known !== undefined && isUnproven(known)
      const proofKind = given.proof ?? (wasUnproven ? before?.proof : undefined)
      const allowedRate = known?.url === url ? before?.allowedRate : undefined
      const rate = slower(policy.rateLimit, allowedRate)
      const stored: StoredOptions = {
        ...checked.stored,
        secrets,
        ...(proofKind === undefined ? {} : { proof: proofKind }),
        ...(allowedRate === undefined ? {} : { allowedRate }),
      }
      if (known !== undefined && wasUnproven) await this.#callOffProofs(known.id)
      const proof = proofKind === undefined ? undefined : await this.#toProof(proofKind, { id, topic, url })
      const outcome = await session.putSubscription({
        subscription: {
          id,
          topic,
          url,
          options: toStored(stored),
          concurrency: policy.concurrency,
          ...(rate === undefined ? {} : { rate }),
          createdAt: clock.now(),
        },
        ifVersion: known?.version ?? 0,
        ...(proof === undefined ? {} : { proof }),
        now: clock.now(),
      })
      if (outcome.type === 'put') {
        return { id, secret: secrets[0]?.secret ?? '', created: outcome.created }
      }
      if (outcome.type === 'elsewhere') throw elsewhere(id)
      if (outcome.type === 'leaving') {
        throw new InvalidOptionsError(
          `Subscription '${id}' was deleted, and what waited for it is still being let go of: put it in a minute, or under another id`,
        )
      }
    }
  }

  async get(id: string): Promise<SubscriptionInfo | undefined> {
    const found = await this.#parts.session.findSubscription({ id: checkId(id) })
    return found && toSubscriptionInfo(found)
  }

  list(filter: { topic?: string; url?: string } = {}): AsyncGenerator<SubscriptionInfo> {
    checkOptionNames(filter, ['topic', 'url'], 'list of subscriptions')
    return eachOf(this.#records(filter), toSubscriptionInfo)
  }

  async pause(id: string): Promise<boolean> {
    const { session, clock } = this.#parts
    await this.#required(id)
    return session.pauseLane({ lane: laneOf(id), now: clock.now() })
  }

  async resume(id: string): Promise<boolean> {
    const { session, clock } = this.#parts
    await this.#required(id)
    return session.resumeLane({ lane: laneOf(id), catchUp: DEFAULTS.catchUp, now: clock.now() })
  }

  async rotateSecret(id: string, options: { keepOldFor?: Duration } = {}): Promise<{ secret: string }> {
    checkOptionNames(options, ['keepOldFor'], 'rotateSecret')
    const keepMs = toMs(options.keepOldFor ?? KEEP_OLD_MS, 'keepOldFor')
    const { session, clock } = this.#parts
    const secret = createSecret()
    for (;;) {
      const { version, pause: _, ...subscription } = await this.#required(id)
      const stored = fromStored(subscription)
      const now = clock.now()
      const old = stored.secrets
        .map(({ secret: each, until = Number.POSITIVE_INFINITY }) => ({
          secret: each,
          until: Math.min(until, now + keepMs),
        }))
        .filter(({ until }) => until > now)
      const outcome = await session.putSubscription({
        subscription: { ...subscription, options: toStored({ ...stored, secrets: [{ secret }, ...old] }) },
        ifVersion: version,
        keepsRetired: true,
        now,
      })
      if (outcome.type === 'put') return { secret }
    }
  }

  async delete(which: { id: string } | { url: string }): Promise<number> {
    const { session, clock } = this.#parts
    checkOptionNames(which, ['id', 'url'], 'delete of subscriptions')
    if ('id' in which === 'url' in which) {
      throw new InvalidOptionsError(
        "Name a subscription by its id, or all of a URL: delete({ url: 'https://…' })",
      )
    }
    const ids = 'id' in which ? [checkId(which.id)] : []
    if ('url' in which) for await (const { id } of this.#records({ url: which.url })) ids.push(id)
    let deleted = 0
    for (const id of ids) if (await session.deleteSubscription({ id, now: clock.now() })) deleted++
    return deleted
  }

  #records({ topic, url }: { topic?: string; url?: string }): AsyncGenerator<SubscriptionRecord> {
    const wanted = {
      ...(topic === undefined ? {} : { topic: checkPattern(topic, 'topic') }),
      // As it is stored: in normal form.
      ...(url === undefined ? {} : { url: URL.canParse(url) ? new URL(url).href : url }),
    }
    const { session } = this.#parts
    return eachPage(
      from => session.listSubscriptions({ ...wanted, ...from }),
      ({ id }) => id,
    )
  }

  async #find(id: string | undefined, topic: string, url: string): Promise<SubscriptionRecord | undefined> {
    const { session } = this.#parts
    const known = id === undefined ? undefined : await session.findSubscription({ id })
    if (known !== undefined) return known
    const [found] = await session.listSubscriptions({ topic, url, limit: 1 })
    if (found !== undefined && id !== undefined) throw elsewhere(id)
    return found
  }

  /** What was asked before counts no more, so nobody has to be asked for it again and again. */
  async #callOffProofs(id: string): Promise<void> {
    const { session, clock } = this.#parts
    const pending = await session.listDeliveries({ lane: `proof:${id}`, status: 'due', limit: 10 })
    for (const { id: deliveryId } of pending) await session.cancelDelivery({ deliveryId, now: clock.now() })
  }

  async #required(id: string): Promise<SubscriptionRecord> {
    const found = await this.#parts.session.findSubscription({ id: checkId(id) })
    if (found === undefined) throw new InvalidOptionsError(`There is no subscription '${id}'`)
    return found
  }

  async #toProof(
    proof: Proof,
    { id: subscriptionId, topic, url: hook }: Pick<SubscriptionRecord, 'id' | 'topic' | 'url'>,
  ): Promise<SendInput> {
    const { clock, origin, toVisitUrl } = this.#parts
    const url = proof === 'visit' ? await toVisitUrl({ id: subscriptionId, url: hook }) : undefined
    const now = clock.now()
    return {
      ...toDelivery(now),
      message: {
        id: createId('msg', now),
        lane: `proof:${subscriptionId}`,
        path: '',
        query: '',
        createdAt: now,
        ...toProofRequest(proof, {
          subscriptionId,
          topic,
          origin: origin(),
          ...(url === undefined ? {} : { url }),
        }),
      },
    }
  }
}

/** Given ones replace what is there; else what is there stays; else there is a new one. */
function secretsOf(
  given: SubscriptionOptions,
  known: SubscriptionRecord | undefined,
): readonly StoredSecret[] {
  const { secret } = given
  if (secret !== undefined) return [secret].flat().map(each => ({ secret: each }))
  return known === undefined ? [{ secret: createSecret() }] : fromStored(known).secrets
}

function elsewhere(id: string): Error {
  return new InvalidOptionsError(
    `Subscription '${id}' cannot have this topic and URL: another one has them already; delete that first`,
  )
}

function laneOf(id: string): Lane {
  return `subscription:${id}`
}
