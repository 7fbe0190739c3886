import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as errors from '../src/errors.js'
import { LonglineError } from '../src/errors.js'

const answer = {
  status: 500,
  headers: new Headers({ 'set-cookie': 'session=hush' }),
  truncated: false,
  bytes: () => new Uint8Array(),
  text: () => 'hush',
  json: () => 'hush',
}

/** One of each, with its code, and whether the same call may succeed later. */
const examples: [LonglineError, code: string, retryable: boolean][] = [
  [new errors.TimeoutError('Timed out'), 'timeout', true],
  [new errors.CancelledError(), 'cancelled', false],
  [new errors.ReceiverClosedError({ receiver: 'orders/berlin', reason: 'closed' }), 'receiver_closed', false],
  [new errors.MailboxFullError({ receiver: 'orders/berlin', capacity: 10 }), 'mailbox_full', true],
  [
    new errors.DeliveryFailedError({ delivery: 'dl_1', reason: 'HTTP 500', answer }),
    'delivery_failed',
    false,
  ],
  [new errors.KeyConflictError({ key: 'offer', message: "'offer' was used twice" }), 'key_conflict', false],
  [new errors.UnscopedCallError('server.spawn() without a key'), 'unscoped_call', false],
  [new errors.ScopeEndedError('The scope has ended'), 'scope_ended', false],
  [new errors.RunFailedError('order/7', new Error('no money')), 'run_failed', false],
  [new errors.RunCancelledError('changed my mind'), 'run_cancelled', false],
  [new errors.UnstorableValueError('items[3] is a function'), 'unstorable_value', false],
  [new errors.InvalidInputError('Not an order', [{ message: 'id is missing' }]), 'invalid_input', false],
  [new errors.MalformedContentError('the body is not valid JSON'), 'malformed_content', false],
  [new errors.InvalidOptionsError('port is not a number'), 'invalid_options', false],
  [new errors.EndpointRefusedError('10.0.0.1 is a private address'), 'endpoint_refused', false],
  [new errors.LeaseLostError(), 'lease_lost', false],
  [new errors.ServerClosedError(), 'server_closed', false],
  [new errors.StoreInUseError('longline.db is open elsewhere'), 'store_in_use', true],
  [new errors.VerificationError('acme: it has no signature'), 'not_verified', false],
  [new errors.VerificationUnavailableError('No keys'), 'verification_unavailable', true],
  [new errors.StoreUnavailableError('The database does not answer'), 'store_unavailable', true],
  [
    new errors.StoreUnusableError({ reason: 'corrupt', message: 'The file is damaged' }),
    'store_unusable',
    false,
  ],
  [new errors.StoreUnusableError({ reason: 'full', message: 'The disk is full' }), 'store_unusable', true],
  [new errors.NonRetryableError('The card is stolen'), 'final', false],
]

describe('the errors', () => {
  it('are one family, told apart by class and by code', () => {
    for (const [error, code, retryable] of examples) {
      expect(error).toBeInstanceOf(Error)
      expect(error).toBeInstanceOf(LonglineError)
      expect(error).toBeInstanceOf(error.constructor)
      expect([error.code, error.retryable]).toEqual([code, retryable])
    }
  })

  it('are all covered here', () => {
    const seen = new Set(examples.map(([error]) => error.constructor.name))
    expect([...seen, 'LonglineError'].sort()).toEqual(Object.keys(errors).sort())
  })

  it('carry the name under which they are exported, whatever a bundler calls the class', () => {
    for (const [name, { prototype }] of Object.entries(errors)) {
      expect(Object.getOwnPropertyDescriptor(prototype, 'name')).toMatchObject({
        value: name,
        enumerable: false,
      })
    }
  })

  it('read as a name and a sentence, in the stack, too', () => {
    for (const [error] of examples) {
      expect(String(error)).toBe(`${error.name}: ${error.message}`)
      expect(error.stack?.split('\n')[0]).toBe(String(error))
    }
    expect(String(new errors.ReceiverClosedError({ receiver: 'orders/berlin', reason: 'expired' }))).toBe(
      'ReceiverClosedError: Receiver orders/berlin has expired; no more callbacks will arrive',
    )
  })

  it('keep their facts in fields', () => {
    const closed = new errors.ReceiverClosedError({ receiver: 'orders/berlin', reason: 'closed' })
    expect([closed.receiver, closed.reason]).toEqual(['orders/berlin', 'closed'])
    const full = new errors.MailboxFullError({ receiver: 'orders/berlin', capacity: 10 })
    expect([full.receiver, full.capacity]).toEqual(['orders/berlin', 10])
    const failed = new errors.DeliveryFailedError({ delivery: 'dl_1', reason: 'HTTP 500', answer })
    expect([failed.delivery, failed.reason, failed.answer]).toEqual(['dl_1', 'HTTP 500', answer])
    expect(new errors.KeyConflictError({ key: 'offer', message: 'twice' }).key).toBe('offer')
    const run = new errors.RunFailedError('order/7', 'no money')
    expect([run.run, run.cause]).toEqual(['order/7', 'no money'])
    expect(new errors.RunCancelledError('changed my mind').reason).toBe('changed my mind')
    expect(new errors.RunCancelledError().reason).toBeUndefined()
    const issues = [{ message: 'id is missing', path: ['id'] }]
    expect(new errors.InvalidInputError('Not an order', issues).issues).toBe(issues)
    expect(
      new errors.StoreUnusableError({ reason: 'newer', message: 'written by a newer version' }).reason,
    ).toBe('newer')
  })

  it('keep their cause, and have none when there is none', () => {
    const cause = new Error('ECONNREFUSED')
    for (const error of [
      new errors.StoreUnavailableError('no answer', { cause }),
      new errors.StoreUnusableError({ reason: 'read_only', message: 'read-only', cause }),
      new errors.InvalidOptionsError('bad url', { cause }),
      new errors.UnstorableValueError('it could not be read', { cause }),
      new errors.NonRetryableError('final', { cause }),
    ]) {
      expect(error.cause).toBe(cause)
    }
    for (const [error] of examples) {
      expect(Object.hasOwn(error, 'cause')).toBe(error instanceof errors.RunFailedError)
    }
    expect(
      Object.hasOwn(new errors.DeliveryFailedError({ delivery: 'dl_1', reason: 'HTTP 500' }), 'answer'),
    ).toBe(false)
  })

  it('show nothing of an answer when they are logged', () => {
    const error = new errors.DeliveryFailedError({ delivery: 'dl_1', reason: 'HTTP 500', answer })
    expect(inspect(error)).toContain('delivery_failed')
    expect(inspect(error)).not.toContain('hush')
    expect(JSON.stringify(error)).not.toContain('answer')
  })

  it('may be extended', () => {
    class CardStolenError extends errors.NonRetryableError {}
    const error = new CardStolenError('stolen')
    expect(error).toBeInstanceOf(errors.NonRetryableError)
    expect(error.code).toBe('final')
  })
})
