import { describe, expect, it } from 'vitest'
import { runExample } from './run-example.js'

describe('the demo', () => {
  it('shows that three crashes lose nothing and grant nothing twice', { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await runExample('demo/main.mjs', { patienceMs: 110_000 })

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.match(/kill -9 +\d+ orders have ended, [1-9]\d* were in its hands/g)).toHaveLength(3)
    const row = (name: string) => Number(new RegExp(`^ +${name} +(\\d+)`, 'm').exec(stdout)?.[1])
    expect(row('orders in')).toBe(120)
    const ends = ['granted', 'refused by the partner', 'refused by the app', 'unanswered'].map(row)
    expect(ends.reduce((sum, count) => sum + count)).toBe(120)
    expect(ends.every(count => count > 0)).toBe(true)
    expect(row('seen more than once')).toBeGreaterThan(0) // a kill with no request under way shows little
    expect(row('bookings in the ledger')).toBe(120)
    expect(row('callbacks to the broker')).toBe(row('taken') + row('too late'))
    expect(row('lost')).toBe(0)
    expect(row('granted twice')).toBe(0)
    expect(stdout).toContain('Nothing was lost, nothing granted twice.')
    expect(stdout).not.toContain('\u001b') // no colours where nobody sees them
  })

  it('shows the same of three brokers on one Postgres, killed in turn', { timeout: 150_000 }, async () => {
    const given = ['--postgres']
    const { code, stdout, stderr } = await runExample('demo/main.mjs', { patienceMs: 140_000, given })

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.match(/kill -9 +\d+ orders have ended, [1-9]\d* were in their hands/g)).toHaveLength(3)
    expect(stdout).toMatch(/orders in +120\n/)
    expect(stdout).toContain('Nothing was lost, nothing granted twice.')
  })

  it.each(['the app begins to post to it', 'were in its hands'])(
    'left by Ctrl-C (at: %s) says so in one line, and goes no further',
    { timeout: 60_000 },
    async interruptAt => {
      const { code, stdout, stderr } = await runExample('demo/main.mjs', { patienceMs: 50_000, interruptAt })
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
      const [, after = ''] = stdout.split(interruptAt)
      expect(after.trim()).toBe(
        'Stopped before its end: all of its processes are gone, and nothing was left behind.',
      )
    },
  )
})
