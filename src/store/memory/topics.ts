import type { TopicRecord } from '../../model/subscription.js'
import { isPattern } from '../../model/topic.js'
import type { SubscriptionCommands } from '../subscribing.js'
import type { Data } from './data.js'
import type { SubscriptionRow, TopicRow } from './rows.js'
import { SortedList } from './sorted-list.js'

/** Topics: those that somebody declared, and those that somebody wants. */
export function topicCommands(
  data: Data,
): Pick<SubscriptionCommands, 'putTopic' | 'listTopics' | 'deleteTopic'> {
  return {
    putTopic({ id, name }) {
      const topic = ensureTopic(data, id)
      topic.declared = true
      topic.name = name
    },

    listTopics({ after, limit }) {
      const page: TopicRecord[] = []
      for (const topic of data.topicList.from(after)) {
        if (page.length >= limit) break
        if (topic.declared || !isPattern(topic.id)) page.push(toTopic(topic))
      }
      return page
    },

    deleteTopic({ id }) {
      const topic = data.topics.get(id)
      if (topic === undefined) return { type: 'unknown' }
      const { size } = topic.subscriptions
      if (size > 0) return { type: 'subscribed', subscriptions: size }
      topic.declared = false
      forgetIfUnwanted(data, topic)
      return { type: 'deleted' }
    },
  }
}

export function joinTopic(data: Data, subscription: SubscriptionRow): void {
  ensureTopic(data, subscription.record.topic).subscriptions.add(subscription)
}

export function leaveTopic(data: Data, subscription: SubscriptionRow): void {
  const topic = data.topics.get(subscription.record.topic)
  if (topic === undefined) return
  topic.subscriptions.delete(subscription)
  forgetIfUnwanted(data, topic)
}

function ensureTopic(data: Data, id: string): TopicRow {
  const known = data.topics.get(id)
  if (known !== undefined) return known
  const subscriptions = new SortedList<SubscriptionRow, number>(({ no }) => no)
  const topic: TopicRow = { id, name: undefined, declared: false, subscriptions }
  data.topics.set(id, topic)
  data.topicList.add(topic)
  return topic
}

function forgetIfUnwanted(data: Data, topic: TopicRow): void {
  if (topic.declared || topic.subscriptions.size > 0) return
  data.topics.delete(topic.id)
  data.topicList.delete(topic)
}

function toTopic({ id, name, declared, subscriptions }: TopicRow): TopicRecord {
  return { id, ...(name === undefined ? {} : { name }), declared, subscriptions: subscriptions.size }
}
