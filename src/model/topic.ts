import { checkKey } from '../core/bytes.js'
import { InvalidOptionsError } from '../errors.js'

// Names of topics, and the patterns that subscriptions have.
//
//   book.created, book.copy.lent     a topic: segments, with a dot between them
//   book.*                           every topic below `book`, however deep; a star is the last segment
//   *                                every topic
//
// With the star at the end alone, a topic has as many patterns as it has segments: who wants it is found by looking for
// those, and nobody goes through all subscriptions.

const SEGMENT = /^[\w~:@+-]+$/
const MOST_SEGMENTS = 16

/** @throws InvalidOptionsError for what is no name of a topic. */
export function checkTopic(name: string, what: string): string {
  const topic = checkKey(name, what)
  if (topic.includes('*')) {
    throw new InvalidOptionsError(
      `${what} must be a topic such as 'book.created', without a star: patterns such as 'book.*' are for subscriptions`,
    )
  }
  const segments = topic.split('.')
  if (segments.length > MOST_SEGMENTS || !segments.every(segment => SEGMENT.test(segment))) {
    throw new InvalidOptionsError(
      `${what} must be up to ${MOST_SEGMENTS} words with a dot between them, such as 'book.created'; a word has letters, digits and _ ~ : @ + -`,
    )
  }
  return topic
}

/** @throws InvalidOptionsError for what is neither a topic nor a pattern of topics. */
export function checkPattern(text: string, what: string): string {
  const pattern = checkKey(text, what)
  if (pattern === '*') return pattern
  const topic = pattern.replace(/\.\*$/, '')
  if (topic.includes('*')) {
    throw new InvalidOptionsError(
      `${what} may have a star as its last word only, and one: 'book.*', or '*' for every topic`,
    )
  }
  checkTopic(topic, what)
  return pattern
}

/** Whether a text that passed `checkPattern` is no topic. */
export function isPattern(text: string): boolean {
  return text.endsWith('*')
}

/** Every pattern that matches a topic: its own name, and one for each place at which a star may stand. */
export function patternsOf(topic: string): readonly string[] {
  const segments = topic.split('.')
  const stars = segments.map((_, depth) => [...segments.slice(0, depth), '*'].join('.'))
  return [topic, ...stars]
}
