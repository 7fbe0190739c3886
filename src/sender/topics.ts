import type { Clock } from '../core/clock.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import { checkTopic } from '../model/topic.js'
import { eachPage } from '../store/pages.js'
import type { StoreSession } from '../store/store.js'

export interface TopicInfo {
  readonly id: string
  readonly name?: string
  /** `false`: it is there because somebody subscribes to it. */
  readonly declared: boolean
  /** Those that name it; patterns such as `book.*` are not counted. */
  readonly subscriptions: number
}

/**
 * Named streams of messages. Declaring one is not needed before something is published to it or somebody subscribes:
 * it is for those who show a list of them.
 *
 * ```ts
 * await server.topics.put({ id: 'book.created', name: 'A book was added' })
 * await server.publish({ topic: 'book.created', body: { id: 7 } })
 * ```
 */
export interface Topics {
  /** Declares a topic: words with dots between them. Doing so again gives it the new name. */
  put(topic: { id: string; name?: string }): Promise<void>
  /** Declared ones, and those that somebody subscribes to by name, in order of their ids. */
  list(): AsyncIterable<TopicInfo>
  /**
   * `false` when nobody had declared it.
   *
   * @throws InvalidOptionsError while somebody subscribes to it.
   */
  delete(id: string): Promise<boolean>
}

export function createTopics({ session, clock }: { session: StoreSession; clock: Clock }): Topics {
  return {
    async put(topic) {
      checkOptionNames(topic, ['id', 'name'], 'A topic')
      const { id, name } = topic
      checkTopic(id, 'The id of a topic')
      if (name !== undefined && (typeof name !== 'string' || name.length > 1_000)) {
        throw new InvalidOptionsError('The name of a topic must be a text of up to 1000 characters')
      }
      await session.putTopic({ id, ...(name === undefined ? {} : { name }), now: clock.now() })
    },
    list: () =>
      eachPage(
        after => session.listTopics(after),
        topic => topic.id,
      ),
    async delete(id) {
      checkTopic(id, 'The id of a topic')
      const outcome = await session.deleteTopic({ id })
      if (outcome.type === 'subscribed') {
        const { subscriptions } = outcome
        throw new InvalidOptionsError(
          `Topic '${id}' has ${subscriptions} ${subscriptions === 1 ? 'subscription' : 'subscriptions'}: delete those first, server.subscriptions.list({ topic: '${id}' }) names them`,
        )
      }
      return outcome.type === 'deleted'
    },
  }
}
