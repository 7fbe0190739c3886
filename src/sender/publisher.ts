import { checkKey } from '../core/bytes.js'
import type { Clock } from '../core/clock.js'
import { toInstant } from '../core/duration.js'
import { createId } from '../core/ids.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { Publication, Targets } from '../model/message.js'
import { encodePayload } from '../model/payload.js'
import { checkTopic, patternsOf } from '../model/topic.js'
import { DEFAULTS } from '../options.js'
import type { ListedDelivery, PublishInput } from '../store/publishing.js'
import { mergeHeaders, toHeaderList } from './headers.js'
import type { Addresses } from './message.js'
import type { ResolvedTarget } from './target.js'
import { fillUrl } from './url-template.js'

const optionNames = ['topic', 'to', 'body', 'headers', 'type', 'after']
const MOST_TARGETS = 10_000

export interface PublisherParts {
  readonly clock: Clock
  readonly endpoints: Addresses
}

/**
 * A message to many, as it goes into the store: its bytes and headers are decided here, and the targets of a list.
 *
 * @throws InvalidOptionsError that says which part of it cannot be sent, and why.
 * @throws EndpointRefusedError for a URL in the list that nothing is sent to.
 */
export async function toPublish(
  key: string | undefined,
  publication: Publication,
  { clock, endpoints }: PublisherParts,
): Promise<PublishInput> {
  checkPublication(publication)
  const { body, headers, after } = publication
  const listed = publication.to === undefined ? undefined : await targetsOf(publication.to)
  const targets = listed?.map(target => endpoints.resolve(target))
  const now = clock.now()
  const payload = encodePayload(body, 'the body of a publication')
  const contentType: [string, string][] =
    payload.contentType === undefined ? [] : [['content-type', payload.contentType]]
  const times = {
    dueAt: after === undefined ? now : Math.max(now, toInstant(after, now, 'after')),
    deadlineAt: now + DEFAULTS.deliveryDeadlineMs,
  }
  const { topic } = publication
  const type = publication.type ?? topic
  const content = {
    headers: mergeHeaders(contentType, toHeaderList(headers, 'headers of the publication')),
    body: payload.bytes,
  }
  for (const target of targets ?? []) {
    const settings = endpoints.settingsFor(target)
    if (settings !== undefined) fillUrl(settings, content)
  }
  return {
    ...(key === undefined ? {} : { key }),
    message: {
      id: createId('msg', now),
      lane: topic === undefined ? 'list:' : `topic:${topic}`,
      method: 'POST',
      path: '',
      query: '',
      ...content,
      ...(type === undefined ? {} : { type }),
      createdAt: now,
    },
    to:
      targets === undefined
        ? { type: 'topic', patterns: patternsOf(topic ?? ''), ...times }
        : { type: 'list', deliveries: toDeliveries(targets, now, times) },
  }
}

function checkPublication(publication: unknown): asserts publication is Publication {
  if (typeof publication !== 'object' || publication === null || Array.isArray(publication)) {
    throw new InvalidOptionsError(
      "A publication must be an object such as { topic: 'book.created', body: { … } }, behind its key if it has one",
    )
  }
  checkOptionNames(publication, optionNames, 'A publication')
  const { topic, to, type } = publication as { topic?: unknown; to?: unknown; type?: unknown }
  if ((topic === undefined) === (to === undefined)) {
    throw new InvalidOptionsError(
      'A publication has either a topic, whose subscribers get it, or a list of targets in to',
    )
  }
  if (topic !== undefined) checkTopic(topic as string, 'The topic of a publication')
  if (type !== undefined) checkKey(type as string, 'The type of a publication')
}

async function targetsOf(to: Targets | (() => Targets | Promise<Targets>)): Promise<Targets> {
  const targets = typeof to === 'function' ? await to() : to
  if (!Array.isArray(targets)) {
    throw new InvalidOptionsError(
      'to of a publication must be a list of targets, or a function that returns one; for a single target there is send',
    )
  }
  if (targets.length > MOST_TARGETS) {
    throw new InvalidOptionsError(
      `to has ${targets.length} targets, and a list may have ${MOST_TARGETS}; more than that subscribe to a topic`,
    )
  }
  return targets
}

/** Whoever is in the list twice gets it once. */
function toDeliveries(
  targets: readonly ResolvedTarget[],
  now: number,
  times: Pick<ListedDelivery, 'dueAt' | 'deadlineAt'>,
): readonly ListedDelivery[] {
  const byName = new Map(targets.map(target => [target.url ?? target.lane, target]))
  return [...byName.values()].map(({ lane, url }) => ({
    deliveryId: createId('dlv', now),
    lane,
    ...(url === undefined ? {} : { url }),
    ...times,
  }))
}
