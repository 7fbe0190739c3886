import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Heap } from '../../../src/store/memory/heap.js'

interface Item {
  readonly rank: number
}

const byRank = (a: Item, b: Item) => a.rank < b.rank

/** Puts in, takes the first out, or takes any out, by its place among those inside. */
const moves = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add'), rank: fc.nat({ max: 20 }) }),
    fc.record({ do: fc.constant('shift') }),
    fc.record({ do: fc.constant('delete'), place: fc.nat() }),
  ),
  { maxLength: 200 },
)

describe('a heap', () => {
  it('has the lowest first, whatever was put in and taken out before', () => {
    fc.assert(
      fc.property(moves, list => {
        const heap = new Heap<Item>(byRank)
        const inside: Item[] = []
        for (const move of list) {
          if (move.do === 'add') {
            const item = { rank: move.rank }
            heap.add(item)
            inside.push(item)
          } else {
            const item = move.do === 'shift' ? heap.first : inside[move.place % inside.length]
            if (item === undefined) continue
            expect(heap.delete(item)).toBe(true)
            inside.splice(inside.indexOf(item), 1)
          }
          expect(heap.size).toBe(inside.length)
          expect(heap.first?.rank).toBe(inside.map(({ rank }) => rank).sort((a, b) => a - b)[0])
          expect(new Set(heap.values())).toEqual(new Set(inside))
        }
      }),
    )
  })

  it('gives everything back in order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), ranks => {
        const heap = new Heap<Item>(byRank)
        for (const rank of ranks) heap.add({ rank })
        const out: number[] = []
        for (let item = heap.shiftIf(() => true); item !== undefined; item = heap.shiftIf(() => true))
          out.push(item.rank)
        expect(out).toEqual([...ranks].sort((a, b) => a - b))
      }),
    )
  })

  it('holds an item once, and says when it never had one', () => {
    const heap = new Heap<Item>(byRank)
    const item = { rank: 1 }
    expect(heap.delete(item)).toBe(false)
    heap.add(item)
    heap.add(item)
    expect(heap.size).toBe(1)
    expect(heap.delete(item)).toBe(true)
    expect(heap.delete(item)).toBe(false)
    expect(heap.first).toBeUndefined()
  })

  it('takes the first out only if it passes', () => {
    const heap = new Heap<Item>(byRank)
    expect(heap.shiftIf(() => true)).toBeUndefined()
    heap.add({ rank: 5 })
    heap.add({ rank: 3 })
    expect(heap.shiftIf(({ rank }) => rank > 3)).toBeUndefined()
    expect(heap.shiftIf(({ rank }) => rank <= 3)).toEqual({ rank: 3 })
    expect(heap.size).toBe(1)
  })
})
