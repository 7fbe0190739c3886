import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/errors.js'
import { checkPattern, checkTopic, isPattern, patternsOf } from '../../src/model/topic.js'

const WHAT = 'topic'
const segment = fc.stringMatching(/^[\w~:@+-]{1,8}$/)
const topic = fc.array(segment, { minLength: 1, maxLength: 16 }).map(segments => segments.join('.'))

/** Whether a pattern matches, as one would say it: all before the star is the same. */
function matches(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  return pattern.endsWith('.*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}

describe('the name of a topic', () => {
  it('is words with dots between them', () => {
    fc.assert(fc.property(topic, name => void expect(checkTopic(name, WHAT)).toBe(name)))
  })

  it.each(['.', 'a.', '.a', 'a..b', 'a b', 'a/b', 'a.*', '*', 'ä', Array(17).fill('a').join('.')])(
    "is not '%s', and the error says what it has to be",
    name => {
      expect(() => checkTopic(name, WHAT)).toThrow(InvalidOptionsError)
      expect(() => checkTopic(name, WHAT)).toThrow(/^topic must be/)
    },
  )
})

describe('a topic without a name', () => {
  it('is none', () => {
    expect(() => checkTopic('', WHAT)).toThrow(InvalidOptionsError)
    expect(() => checkPattern('', WHAT)).toThrow(InvalidOptionsError)
  })
})

describe('a pattern', () => {
  it('is a topic, a topic with a star behind it, or a star', () => {
    fc.assert(fc.property(topic, name => void expect(checkPattern(name, WHAT)).toBe(name)))
    for (const pattern of ['*', 'book.*', 'book.copy.*']) {
      expect(checkPattern(pattern, WHAT)).toBe(pattern)
      expect(isPattern(pattern)).toBe(true)
    }
    expect(isPattern('book.created')).toBe(false)
  })

  it.each(['*.created', 'book.*.lent', 'bo*', 'book.c*', '**', 'book.**', '*.*', 'book*'])(
    "is not '%s': a star is the last word",
    pattern => {
      expect(() => checkPattern(pattern, WHAT)).toThrow(InvalidOptionsError)
    },
  )

  it('is among those of a topic when it matches, and only then', () => {
    const pattern = fc.oneof(
      topic,
      topic.map(name => `${name}.*`),
      fc.constant('*'),
    )
    const names = fc.tuple(pattern, topic)
    const near = topic.chain(name => {
      const segments = name.split('.')
      return fc.nat({ max: segments.length }).map(depth => {
        const stem = segments.slice(0, depth)
        return [[...stem, '*'].join('.'), name] as [string, string]
      })
    })
    fc.assert(
      fc.property(fc.oneof(names, near), ([one, name]) => {
        expect(patternsOf(name).includes(one)).toBe(matches(one, name))
      }),
    )
  })

  it('of a topic is one that may be subscribed to, and each stands there once', () => {
    expect(patternsOf('book.copy.lent')).toEqual(['book.copy.lent', '*', 'book.*', 'book.copy.*'])
    fc.assert(
      fc.property(topic, name => {
        const patterns = patternsOf(name)
        expect(new Set(patterns).size).toBe(patterns.length)
        expect(patterns).toHaveLength(name.split('.').length + 1)
        for (const one of patterns) expect(checkPattern(one, WHAT)).toBe(one)
      }),
    )
  })
})
