import { InvalidOptionsError, VerificationError } from '../../errors.js'
import { checkMakerOptions } from '../maker-options.js'
import { checkEcho, echo, type ProviderHandshake } from './answer.js'

/** What a hub was asked to do. */
export type WebSubMode = 'subscribe' | 'unsubscribe'

export interface WebSubOptions {
  /**
   * Which topics this receiver has to do with, by their URLs, or found out by a function. Without it, all: then whoever knows the
   * URL of the receiver can subscribe it, and end a subscription of it, at any hub.
   */
  topics?: string | readonly string[] | IsWanted
}

type IsWanted = (topic: string, mode: WebSubMode) => boolean | Promise<boolean>

/**
 * A hub of WebSub asks whether it was you who subscribed, or unsubscribed: `GET ?hub.mode=…&hub.topic=…&hub.challenge=…`. It
 * reads `hub.challenge` for a topic that is among yours, and else `404`, as which the specification has it that you did not. A
 * hub that tells that it will not let you subscribe (`hub.mode=denied`) reads `200`; to hear of it, look at the request
 * before you pass it on.
 *
 * ```ts
 * server.source('blog', { handshake: handshakes.webSub({ topics: 'https://blog.example/feed' }) })
 * ```
 *
 * @throws InvalidOptionsError for topics that are none.
 * @see https://www.w3.org/TR/websub/#hub-verifies-intent
 */
export function webSub(options: WebSubOptions = {}): ProviderHandshake {
  const isWanted = toWanted(options)
  return ({ method, query }) => {
    if (method !== 'GET') return undefined
    const mode = query.get('hub.mode')
    if (mode === 'denied') return new Response()
    return mode === 'subscribe' || mode === 'unsubscribe' ? answer(query, mode, isWanted) : undefined
  }
}

async function answer(query: URLSearchParams, mode: WebSubMode, isWanted: IsWanted): Promise<Response> {
  const topic = query.get('hub.topic')
  if (topic === null) throw new VerificationError('webSub: it asks, but its hub.topic is missing')
  // Whatever else a function returns is no word for it.
  if ((await isWanted(topic, mode)) !== true) return new Response(null, { status: 404 })
  return echo(checkEcho(query.get('hub.challenge'), 'webSub: it asks, but its hub.challenge'))
}

function toWanted(options: WebSubOptions): IsWanted {
  checkMakerOptions(options, ['topics'], 'The handshake webSub')
  const { topics } = options
  if (topics === undefined) {
    // A topic that is missing by accident must not mean all of them.
    if (!Object.hasOwn(options, 'topics')) return () => true
    throw new InvalidOptionsError(
      'The handshake webSub: topics is undefined; leave it out, if every topic is wanted',
    )
  }
  if (typeof topics === 'function') return topics
  const list: readonly unknown[] = [topics].flat()
  if (list.length === 0 || list.some(topic => typeof topic !== 'string' || topic === '')) {
    throw new InvalidOptionsError(
      'The handshake webSub: topics must be the URL of a topic, a list of at least one, or a function that knows them',
    )
  }
  return topic => list.includes(topic)
}
