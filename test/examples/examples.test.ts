import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runExample } from './run-example.js'

const printed: Record<string, string[]> = {
  'await-one-callback.mjs': ["called back: { status: 'done', video: 'cat.mp4' }"],
  'race.mjs': ['ada: 12 paid', 'ben: cancelled', 'cem: nobody paid in time'],
  'consume.mjs': [
    '0: pizza, attempt 1',
    '1: the stew is not done yet (attempt 1)',
    '1: the stew is not done yet (attempt 2)',
    '1: stew, attempt 3',
    'set aside: {"id":2,"dish":"unicorn"}, because there are none',
  ],
  'manual-answer.mjs': [
    'first: 200 {"cents":750}',
    'again: 200 {"cents":750}, the same answer, nothing handled twice',
  ],
  'send.mjs': [
    'partner: POST /api/orders/a%2Fb/accept {"minutes":25}, but not now',
    'partner: POST /api/orders/a%2Fb/accept {"minutes":25}',
    'it was delivered',
    'attempt: 503',
    'attempt: 200',
  ],
}

const folder = new URL('../../examples/', import.meta.url)

describe.concurrent('an example', () => {
  it.each(readdirSync(folder).filter(name => name.endsWith('.mjs')))(
    '%s prints what it should, and ends by itself',
    async file => {
      const { code, stdout, stderr } = await runExample(file)

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout.split('\n').slice(0, -1).sort()).toEqual([...(printed[file] ?? [])].sort())
      expect(readFileSync(new URL(file, folder), 'utf8').split('\n').length).toBeLessThan(60)
    },
  )
})
