import { InvalidOptionsError } from '../errors.js'
import type { Respond, Rules } from '../model/code.js'
import type { Received } from '../model/received.js'
import { ACCEPTED, type Reply, toReply } from './reply.js'

/** How the sender of an accepted callback is answered. */
type Answering =
  | { readonly type: 'fixed'; readonly reply: Reply | Promise<Reply> }
  | { readonly type: 'computed'; readonly respond: (callback: Received<unknown>) => Reply | Promise<Reply> }
  | { readonly type: 'manual' }

/** What the intake needs to know to judge a request: the rules, and how to answer. */
export interface IntakeRules extends Rules {
  readonly answering: Answering
}

const accepted: Answering = { type: 'fixed', reply: ACCEPTED }

/**
 * A `respond` option, checked. A fixed `Response` begins to be read here, once.
 *
 * @throws InvalidOptionsError for an answer that cannot be sent.
 */
export function toAnswering(respond: Respond<unknown> | undefined): Answering {
  if (respond === undefined) return accepted
  if (respond === 'manual') return { type: 'manual' }
  if (typeof respond === 'function') {
    return { type: 'computed', respond: async callback => toReply(await respond(callback)) }
  }
  if (typeof respond !== 'object' || respond === null) {
    throw new InvalidOptionsError("respond is an answer, a function that returns one, or 'manual'")
  }
  return { type: 'fixed', reply: toReply(respond) }
}
