import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { LonglineError } from '../../src/errors.js'
import * as errors from '../../src/errors.js'
import { readGuide, root } from './blocks.js'

const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => readFileSync(`${root}src/${file}`, 'utf8'))

const classes = sources.flatMap(source => [...source.matchAll(/class (\w+) extends LonglineError<'(\w+)'>/g)])
const plain = sources.flatMap(source => [...source.matchAll(/new LonglineError\(\s*'(\w+)'/g)])
const codes = classes.map(([, , code = '']) => code)

const instances: LonglineError[] = [
  new errors.TimeoutError(''),
  new errors.CancelledError(),
  new errors.ReceiverClosedError({ receiver: 'orders', reason: 'closed' }),
  new errors.MailboxFullError({ receiver: 'orders', capacity: 10 }),
  new errors.DeliveryFailedError({ delivery: 'dlv_1', reason: 'rejected' }),
  new errors.KeyConflictError({ key: 'accept/7', message: '' }),
  new errors.UnscopedCallError(''),
  new errors.ScopeEndedError(''),
  new errors.RunFailedError('order/7', new Error('')),
  new errors.RunCancelledError(),
  new errors.UnstorableValueError(''),
  new errors.InvalidInputError('', []),
  new errors.MalformedContentError(''),
  new errors.VerificationError(''),
  new errors.VerificationUnavailableError(''),
  new errors.InvalidOptionsError(''),
  new errors.EndpointRefusedError(''),
  new errors.LeaseLostError(),
  new errors.ServerClosedError(),
  new errors.StoreInUseError(''),
  new errors.StoreUnavailableError(''),
  new errors.NonRetryableError(''),
]

const sections = readGuide('docs/errors.md').split(/^## /m).slice(1)
const section = (code: string) => sections.find(text => text.startsWith(`${code}\n`))

describe('docs/errors.md', () => {
  it('tells of classes alone: no code is thrown without one', () => {
    expect(plain.map(([, code]) => code)).toEqual([])
  })

  it.each(codes)('has a section for %s', code => {
    expect(section(code)).toBeDefined()
  })

  it.each(classes.map(([, name = '', code = '']) => [name, code]))(
    'tells of %s under its code',
    (name, code) => {
      expect(section(code)).toContain(`\`${name}\``)
    },
  )

  it('has no section for a code that nothing throws', () => {
    expect(sections.map(text => text.split('\n', 1)[0]).filter(code => !codes.includes(code ?? ''))).toEqual(
      [],
    )
  })

  it.each(instances.map(error => [error.code, error]))(
    'says of %s whether it is retryable',
    (code, error) => {
      const [, said] = /^\w+\n\n.*?`\w+`(, retryable)?[.;,]/.exec(section(code) ?? '') ?? []

      expect(said !== undefined).toBe(error.retryable)
    },
  )
})
