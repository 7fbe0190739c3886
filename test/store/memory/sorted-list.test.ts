import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SortedList } from '../../../src/store/memory/sorted-list.js'

interface Item {
  readonly id: string
}

function listOf(ids: Iterable<string>): SortedList<Item, string> {
  const list = new SortedList<Item, string>(({ id }) => id)
  for (const id of ids) list.add({ id })
  return list
}

const ids = fc.uniqueArray(fc.string({ unit: 'binary-ascii' }))

describe('a sorted list', () => {
  it('is read in order, from after any value, whatever order it was filled in', () => {
    fc.assert(
      fc.property(ids, fc.option(fc.string({ unit: 'binary-ascii' }), { nil: undefined }), (given, after) => {
        const expected = [...given].sort().filter(id => after === undefined || id > after)
        expect([...listOf(given).from(after)].map(({ id }) => id)).toEqual(expected)
      }),
    )
  })

  it('forgets what is taken out, and nothing else', () => {
    fc.assert(
      fc.property(ids, fc.func(fc.boolean()), (given, isGone) => {
        const list = listOf(given)
        const all = [...list.from(undefined)]
        for (const item of all) if (isGone(item.id)) list.delete(item)
        list.delete({ id: given[0] ?? '' })
        const kept = all.filter(item => !isGone(item.id))
        expect([...list.from(undefined)]).toEqual(kept)
        expect(list.size).toBe(kept.length)
      }),
    )
  })
})
