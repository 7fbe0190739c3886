import { within } from '../core/within.js'
import { LonglineError, TimeoutError } from '../errors.js'
import { namesOf, type ReceiverRecord } from '../model/receiver.js'
import { DEFAULTS, type ServerSettings } from '../options.js'
import type { IntakeRules } from './answering.js'
import type { Inspection } from './inspection.js'
import { openPage } from './page.js'
import { problem, retryLater } from './problem.js'
import { toPublicUrl } from './raw-request.js'
import type { Reply } from './reply.js'
import type { Body, IntakeRequest } from './request.js'

/** What a sender reads whose request is not accepted, and what the operator is told instead. */
export class Refusals {
  readonly #settings: ServerSettings

  constructor(settings: ServerSettings) {
    this.#settings = settings
  }

  notLoaded(receiver: ReceiverRecord): Reply {
    if (receiver.state !== 'open') return problem('receiver-ended')
    this.#settings.logger.warn(
      { ...namesOf(receiver), source: receiver.settings.source, inline: receiver.settings.inline },
      'a request cannot be judged here: declare the source of its receiver, or spawn it again with its functions',
    )
    return retryLater('unavailable')
  }

  async visit(
    request: IntakeRequest,
    { methods, page }: IntakeRules,
    receiver: ReceiverRecord,
  ): Promise<Reply> {
    if (page === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      const allow = page === undefined ? methods : new Set([...methods, 'GET', 'HEAD'])
      return problem('method-not-allowed', { headers: { allow: [...allow].join(', ') } })
    }
    try {
      const opening = openPage(page, receiver, { request, url: toPublicUrl(this.#settings, request) })
      return await within(this.#settings.clock, DEFAULTS.codeTimeoutMs, 'page', opening)
    } catch (error) {
      return this.broken('page', receiver, error)
    }
  }

  withoutBody(why: Exclude<Body, Uint8Array>): Reply {
    switch (why) {
      case 'too_large':
        return problem('body-too-large')
      case 'too_slow':
        return problem('body-too-slow')
      case 'incomplete':
        return problem('body-incomplete')
      case 'already_read':
        this.#settings.logger.error(
          {},
          'the body of a request was read before it came here: mount the handler before any body parser',
        )
        return problem('internal-error', {
          detail:
            'The body was read before the request came here: mount this handler before any body parser.',
        })
    }
  }

  notVerified(receiver: ReceiverRecord, reason: string): Reply {
    this.#settings.logger.warn({ ...namesOf(receiver), reason }, 'a request did not pass verification')
    return problem('signature-refused')
  }

  contentRefused(receiver: ReceiverRecord, content: Inspection): Reply {
    if (content.ok) throw new Error('The store refused content that was found to be good')
    if (content.fault !== undefined) return this.broken('schema', receiver, content.fault.error)
    return content.reply
  }

  /** Code of the user's that threw, took too long, or lacks something for now: not the sender's doing, so it may come again. */
  broken(
    what: 'publicUrl' | 'verify' | 'handshake' | 'dedupe' | 'schema' | 'page',
    receiver: ReceiverRecord,
    err: unknown,
  ): Reply {
    const passing = err instanceof LonglineError && err.retryable
    const reply = passing ? retryLater('unavailable') : problem('internal-error')
    const happened = err instanceof TimeoutError ? 'took too long' : passing ? 'cannot judge now' : 'threw'
    this.#settings.logger.error(
      { ...namesOf(receiver), err },
      `${what} ${happened}; the sender reads ${reply.status}`,
    )
    return reply
  }
}
