import { describe, expect, it } from 'vitest'
import { runExample } from './run-example.js'

describe('the demo', () => {
  it('shows that three crashes lose nothing', { timeout: 90_000 }, async () => {
    const { code, stdout, stderr } = await runExample('demo/main.mjs', { patienceMs: 80_000 })

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.match(/kill -9 +\d+ orders are done, [1-9]\d* were in its hands/g)).toHaveLength(3)
    const row = (name: string) => Number(new RegExp(`^ +${name} +(\\d+)`, 'm').exec(stdout)?.[1])
    expect(row('orders sent')).toBe(200)
    expect(row('answered with 202')).toBe(200)
    expect(row('received by the broker')).toBe(200)
    expect(stdout).toMatch(/received by the broker +200\n +of these more than once +\d+/)
    expect(row('lost')).toBe(0)
    expect(row('acceptances delivered')).toBe(200)
    expect(stdout).toContain('Nothing was lost.')
    expect(stdout).not.toContain('\u001b') // no colours where nobody sees them
  })
})
