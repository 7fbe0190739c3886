import { expect, it } from 'vitest'
import { torture } from '../torture/run.mjs'

// The bug: a 2xx that was sent before the callback was on disk. It takes a process that dies at the wrong instant.

it('nothing is lost when the process is killed at any instant after the sender read 2xx', async () => {
  const report = await torture({ kills: 20, seed: 20_260_101 })

  expect(report.kills).toBe(20)
  expect(report.acknowledged).toBeGreaterThan(1_000)
  expect(report.unanswered, 'no request was under way when the server died').toBeGreaterThan(0)
  expect(report.lost).toEqual([])
  expect(report.doubled).toEqual([])
  expect(report.outOfOrder).toEqual([])
  expect(report.handled).toBeGreaterThanOrEqual(report.acknowledged)
}, 120_000)
