import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { toReceiverSettings } from '../../src/intake/receiver-settings.js'
import { Sources } from '../../src/intake/sources.js'
import type { ReceiverRecord, ReceiverSettings } from '../../src/model/receiver.js'
import { DEFAULTS, type ReceiverOptions, type SourceOptions } from '../../src/options.js'

const receiver = (settings: Partial<ReceiverSettings> = {}): ReceiverRecord => ({
  id: 'rcv_1',
  token: 't'.repeat(24),
  version: 1,
  state: 'open',
  openedAt: 0,
  settings: { inline: [], ...settings },
})

/** What JavaScript lets through. */
const untyped = <T>(options: unknown) => options as T

describe('declaring a source', () => {
  it('gives a handle with its name', () => {
    const sources = new Sources()
    expect(sources.has('stripe')).toBe(false)
    expect(sources.declare('stripe', { verify: () => true })).toEqual({ name: 'stripe' })
    expect(sources.has('stripe')).toBe(true)
  })

  const wrong: [string, unknown, string][] = [
    ['an option it does not have', { verfiy: () => true }, "has no option 'verfiy'"],
    ['no options at all', undefined, 'must be an object'],
    ['a verify that is no function', { verify: 'secret' }, 'verify must be a function'],
    ['a list with something else in it', { verify: [() => true, 'x'] }, 'verify must be a function'],
    ['an empty list of verifiers', { verify: [] }, 'write null for no check'],
    ['a dedupe that is no function', { dedupe: 'x-id' }, 'dedupe must be a function'],
    ['a page that is no function', { page: new Response('x') }, 'page must be a function'],
    ['a handshake that is no function', { handshake: 'slack' }, 'handshake must be a function'],
    [
      'a verify that is undefined: a check may be missing by accident',
      { verify: undefined },
      "The source 's': verify is undefined; leave it out, or write null for no check",
    ],
    ['a schema that is none', { schema: { parse: () => 1 } }, 'Standard Schema'],
    ['a schema that is null', { schema: null }, 'Standard Schema'],
    ['no methods', { methods: [] }, 'at least one of POST'],
    ['a method there is not', { methods: ['POST', 'get'] }, "methods has 'get'"],
    ['a method that is only looked with', { methods: ['HEAD'] }, "methods has 'HEAD'"],
    ['a body of no size', { maxBodyBytes: 0 }, 'maxBodyBytes must be a whole number'],
    ['a body of half a byte', { maxBodyBytes: 1.5 }, 'maxBodyBytes must be a whole number'],
    ['a size in words', { maxBodyBytes: '1mb' }, 'maxBodyBytes must be a whole number'],
    ['a window that is no duration', { dedupeWindow: '7 days' }, 'dedupeWindow is'],
    ['a negative time-out', { respondTimeout: -1 }, 'respondTimeout is'],
    ['an answer that is neither', { respond: 'later' }, "'manual'"],
    ['an answer that is null', { respond: null }, "'manual'"],
    ['an answer with a status out of range', { respond: { status: 100 } }, '200 to 599'],
    ['an answer with half a status', { respond: { status: 200.5 } }, '200 to 599'],
    ['an answer with a body where there is none', { respond: { status: 204, body: 'x' } }, 'has no body'],
    ['an answer with a part it does not have', { respond: { statusCode: 200 } }, "no 'statusCode'"],
    ['an answer with a header that cannot be', { respond: { headers: { 'a b': 'c' } } }, 'not valid in HTTP'],
    [
      'an answer with a header of control characters',
      { respond: { headers: { a: '\u0001' } } },
      'not valid in HTTP',
    ],
    ['an answer that JSON cannot hold', { respond: { body: { n: 1n } } }, 'cannot be written as JSON'],
    ['an answer that is an error', { respond: Response.error() }, '200 to 599'],
  ]

  it.each(wrong)('refuses %s, in words', (_, options, message) => {
    const sources = new Sources()
    const declare = () => sources.declare('s', untyped<SourceOptions<unknown>>(options))
    expect(declare).toThrow(expect.objectContaining({ code: 'invalid_options' }))
    expect(declare).toThrow(message)
    expect(sources.has('s')).toBe(false)
  })

  it('refuses a Response that somebody has read', async () => {
    const respond = new Response('x')
    await respond.text()
    expect(() => new Sources().declare('s', { respond })).toThrow('was read before')
  })

  it.each(['', 'a\0b', 'x'.repeat(256), '\ud800'])('refuses a name that no store could keep: %j', name => {
    expect(() => new Sources().declare(name, {})).toThrow(
      expect.objectContaining({ code: 'invalid_options' }),
    )
  })

  it('takes an option that is undefined for one that is left out, where no check hangs on it', () => {
    const { dedupe, respond, handshake, page, schema, methods } = {} as SourceOptions<unknown>
    const sources = new Sources()
    sources.declare('left out', {})
    const given = { dedupe, respond, handshake, page, schema, methods }
    sources.declare('undefined', untyped<SourceOptions<unknown>>(given))
    expect(sources.rulesFor(receiver({ source: 'undefined' }))).toStrictEqual(
      sources.rulesFor(receiver({ source: 'left out' })),
    )
  })

  it('takes every kind of schema, and null for no check', () => {
    const sources = new Sources()
    sources.declare('z', { schema: z.string(), verify: null })
    sources.declare('v', { schema: v.string() })
    expect(sources.rulesFor(receiver({ source: 'z' }))?.verify).toEqual([])
    expect(sources.schemaFor(receiver({ source: 'v' }))).toBeDefined()
  })
})

describe('the rules of a receiver', () => {
  it('are the defaults where nothing is said', () => {
    expect(new Sources().rulesFor(receiver())).toMatchObject({
      verify: [],
      methods: ['POST'],
      maxBodyBytes: 1024 * 1024,
      capacity: 10_000,
      dedupeWindowMs: 7 * 24 * 3_600_000,
      respondTimeoutMs: 10_000,
      answering: { type: 'fixed', reply: { status: 202 } },
    })
  })

  it('take numbers from its own settings, then from the source', () => {
    const sources = new Sources()
    sources.declare('s', { methods: ['PUT'], maxBodyBytes: 10, dedupeWindow: '1h', respondTimeout: '1s' })
    expect(sources.rulesFor(receiver({ source: 's', maxBodyBytes: 20, capacity: 7 }))).toMatchObject({
      methods: ['PUT'],
      maxBodyBytes: 20,
      capacity: 7,
      dedupeWindowMs: 3_600_000,
      respondTimeoutMs: 1_000,
    })
  })

  it('take inline code before the code of the source', () => {
    const sources = new Sources()
    const [schema, page, dedupe] = [z.string(), () => new Response(), () => 'inline']
    const handshake = () => ({ body: 'inline' })
    sources.declare('s', {
      schema: z.number(),
      page: () => new Response(),
      dedupe: () => 'source',
      respond: {},
      handshake: () => undefined,
    })
    sources.attach('rcv_1', { schema, page, dedupe, handshake, respond: 'manual' })
    const inline = ['dedupe', 'handshake', 'respond'] as const
    const rules = sources.rulesFor(receiver({ source: 's', inline }))
    expect(rules).toMatchObject({ schema, page, dedupe, handshake, answering: { type: 'manual' } })
  })

  it('take a check from where the settings say it is, whatever was attached once', () => {
    const sources = new Sources()
    const [own, source] = [() => true, () => false]
    sources.declare('s', { verify: source })
    sources.attach('rcv_1', { verify: [own] })
    expect(sources.rulesFor(receiver({ inline: ['verify'] }))?.verify).toEqual([own])
    expect(sources.rulesFor(receiver({ source: 's' }))?.verify).toEqual([source])
    expect(sources.rulesFor(receiver())?.verify).toEqual([])
  })

  it('are not known while code that the settings name is not loaded', () => {
    const sources = new Sources()
    expect(sources.rulesFor(receiver({ source: 's' }))).toBeUndefined()
    for (const name of ['verify', 'dedupe', 'respond', 'handshake'] as const) {
      expect(sources.rulesFor(receiver({ inline: [name] }))).toBeUndefined()
    }
    sources.attach('rcv_1', { verify: [() => true], dedupe: () => undefined })
    expect(sources.rulesFor(receiver({ inline: ['verify', 'dedupe'] }))).toBeDefined()
    expect(sources.rulesFor(receiver({ inline: ['verify', 'dedupe', 'respond'] }))).toBeUndefined()
    sources.detach('rcv_1')
    expect(sources.rulesFor(receiver({ inline: ['verify'] }))).toBeUndefined()
  })

  it('are known where only a schema or a page is missing: those are not waited for', () => {
    expect(new Sources().rulesFor(receiver())).toBeDefined()
    expect(new Sources().schemaFor(receiver({ source: 'not declared' }))).toBeUndefined()
  })

  it('keep what an earlier spawn attached, piece by piece; null drops the check', () => {
    const sources = new Sources()
    const [check, dedupe] = [() => true, () => undefined]
    sources.attach('rcv_1', { verify: [check] })
    sources.attach('rcv_1', { dedupe })
    sources.attach('rcv_1', {})
    const both = receiver({ inline: ['dedupe', 'verify'] })
    expect(sources.rulesFor(both)).toMatchObject({ verify: [check], dedupe })
    sources.attach('rcv_1', { verify: null })
    expect(sources.rulesFor(both)).toBeUndefined()
    expect(sources.rulesFor(receiver({ inline: ['dedupe'] }))).toMatchObject({ verify: [], dedupe })
  })
})

describe('the options of a spawn', () => {
  const sources = new Sources()
  const stripe = sources.declare('stripe', { verify: () => true })
  const settle = (options: unknown) => toReceiverSettings(untyped<ReceiverOptions<unknown>>(options), sources)

  it('become a patch of data, and code by name', () => {
    const [verify, dedupe, page] = [() => true, () => undefined, () => new Response()]
    const handshake = () => undefined
    const { patch, code } = settle({
      verify,
      dedupe,
      handshake,
      page,
      respond: 'manual',
      ttl: '1d',
      capacity: 5,
      maxBodyBytes: 7,
      methods: ['POST', 'PUT', 'POST'],
      respondTimeout: '2s',
      dedupeWindow: '1h',
    })
    expect(patch).toEqual({
      brings: ['verify', 'dedupe', 'respond', 'handshake'],
      ttlMs: 86_400_000,
      capacity: 5,
      maxBodyBytes: 7,
      methods: ['POST', 'PUT'],
      respondTimeoutMs: 2_000,
      dedupeWindowMs: 3_600_000,
    })
    expect(code).toEqual({ verify: [verify], dedupe, handshake, page, respond: 'manual' })
    expect(JSON.parse(JSON.stringify(patch))).toEqual(patch)
  })

  it('say nothing of what is left out or undefined', () => {
    expect(settle({})).toEqual({ patch: {}, code: {} })
    expect(settle({ ttl: undefined, schema: undefined, reopen: true })).toEqual({ patch: {}, code: {} })
  })

  it.each(['from', 'verify'])('refuse a %s that is undefined: a check may be missing by accident', check => {
    expect(() => settle({ [check]: undefined })).toThrow(`${check} is undefined`)
  })

  it('name a source, or take one away', () => {
    expect(settle({ from: stripe }).patch).toEqual({ source: 'stripe' })
    expect(settle({ from: null }).patch).toEqual({ source: null })
    expect(settle({ verify: null })).toEqual({ patch: { dropsVerify: true }, code: { verify: null } })
    expect(settle({ from: stripe, verify: null }).patch).toEqual({ source: 'stripe', dropsVerify: true })
  })

  it('may answer by a fixed Response more than once', () => {
    const options = { respond: new Response('x') }
    expect(settle(options).patch).toEqual({ brings: ['respond'] })
    expect(settle(options).patch).toEqual({ brings: ['respond'] })
  })

  it.each([
    [
      'a check beside a source',
      { from: stripe, verify: () => true },
      "from the source 'stripe' or brings its own",
    ],
    ['a source of another server', { from: { name: 'github' } }, "The source 'github' is not declared"],
    [
      'a source by its name alone',
      { from: 'stripe' },
      'from must be a source, and not its name: pass what server.source(name, options) has returned',
    ],
    ['what makes a verifier', { from: () => true }, 'from must be a source: pass what'],
    ['a source where its options belong', stripe, 'of a receiver: write { from: source }'],
    ['the name of something else', { name: 'github' }, "A receiver has no option 'name'"],
    ['a capacity of nothing', { capacity: 0 }, 'capacity must be a whole number'],
    ['a capacity without end', { capacity: Number.POSITIVE_INFINITY }, 'capacity must be a whole number'],
    ['a time to live that is none', { ttl: 'soon' }, 'ttl is'],
    ['an option there is not', { timeout: '5s' }, "A receiver has no option 'timeout'"],
    ['nothing', null, 'must be an object'],
  ])('refuse %s', (_, options, message) => {
    expect(() => settle(options)).toThrow(message)
    expect(() => settle(options)).toThrow(expect.objectContaining({ code: 'invalid_options' }))
  })

  it('leave the defaults to one place', () => {
    expect(DEFAULTS).toMatchObject({ bodyTimeoutMs: 30_000, answerBytes: 16_384 })
  })
})
