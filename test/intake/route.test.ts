import { describe, expect, it } from 'vitest'
import { routeFinder } from '../../src/intake/route.js'

const token = 'AbCdEfGhIjKlMnOpQrSt-_12'
const other = 'ZZZZZZZZZZZZZZZZZZZZZZZZ'
const find = routeFinder('/r')

describe('the place of a receiver in a path', () => {
  it.each([
    [`/r/${token}`, '', ''],
    [`/r/${token}/`, '/', ''],
    [`/r/${token}/status`, '/status', ''],
    [`/r/${token}?x=1&y=%20`, '', 'x=1&y=%20'],
    [`/r/${token}/a?b?c`, '/a', 'b?c'],
    [`/any/thing/r/${token}`, '', ''],
    [`https://hooks.example.com/base/r/${token}/a`, '/a', ''],
    [`/r/v1/r/${token}`, '', ''],
  ])('is found in %s', (target, path, query) => {
    expect(find(target)).toEqual({ token, path, query })
  })

  it.each([
    '',
    '/',
    '*',
    '/r',
    '/r/',
    '/r/short',
    `/r/${token}x`,
    `/r/${token.slice(1)}`,
    `/r/${token};v=1`,
    `/r/${token.slice(0, 23)}%`,
    `/R/${token}`,
    `/x${token}`,
    `/xr/${token}`,
    `/health?next=/r/${token}`,
  ])('is not found in %s', target => {
    expect(find(target)).toBeUndefined()
  })

  it('is the first that fits, so that nothing appended leads to another receiver', () => {
    expect(find(`/r/${token}/r/${other}`)).toEqual({ token, path: `/r/${other}`, query: '' })
  })

  it('is never resolved or decoded: what follows is kept as it was sent', () => {
    expect(find(`/r/${token}/../../${other}/%2e%2e//x`)?.path).toBe(`/../../${other}/%2e%2e//x`)
    expect(find(`/r/../r/${token}`)?.token).toBe(token)
  })

  it('follows the prefix that was chosen', () => {
    expect(routeFinder('/hooks/in')(`/app/hooks/in/${token}`)?.token).toBe(token)
    expect(routeFinder('/hooks/in')(`/r/${token}`)).toBeUndefined()
  })
})
