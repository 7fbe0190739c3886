import { expect, it } from 'vitest'
import { tortureScopes } from '../torture/scopes.mjs'

// The bug: what only a real death shows. A result that was handed on before it was on the disk, a message that was sent
// before it was, a scope that nobody enters again.

it('a scope whose process is killed at any instant ends as if nothing had been, and each message keeps its bytes', async () => {
  const names = Array.from({ length: 10 }, (_, n) => `story ${n}`)
  const report = await tortureScopes({ kills: 10, seed: 20_260_101, names })

  // The turns, and their answers twice.
  const expected = new Set([String((0 + 1 + 2 + 3 + 4 + 5) * 3)])
  expect(report.kills).toBe(10)
  expect(report.results).toEqual(
    new Map(names.flatMap(name => [name, `order ${name}`]).map(name => [name, expected])),
  )
  expect(report.repeated).toEqual([])
  expect(report.effects.size).toBe(2 * names.length * 6 * 2)
  for (const bodies of report.messages.values()) expect(bodies.size).toBe(1)
  const bodies = [...report.messages.values()].flatMap(each => [...each])
  const told = bodies.map(body => body.replace(/"url":"[^"]*"/, ''))
  expect(new Set(told).size).toBe(told.length)
  expect(told).toHaveLength(2 * names.length * 6 * 2)
}, 120_000)
