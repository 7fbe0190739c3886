import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Command } from '../../../src/store/group-commit.js'
import type { AcceptInput } from '../../../src/store/receiving.js'
import { packBatch, unpackBatch } from '../../../src/store/sqlite/protocol.js'

// What would be wrong without it: a body under the headers of another request, a delivery id that is half of a query, or
// one odd request that shifts the texts of all that crossed with it.

const units = fc.array(fc.integer({ max: 0xffff, min: 0 })).map(codes => String.fromCharCode(...codes))
const text = fc.oneof(
  fc.constantFrom('', '\0', '\ud83d', '\ude00', 'ü', '😀', '-1'),
  fc.string({ unit: 'grapheme' }),
  units,
)
const bytes = fc.oneof(
  fc.uint8Array(),
  // A window into something larger, as small Buffers are.
  fc.uint8Array({ minLength: 4 }).map(pool => pool.subarray(1, 3)),
)
const instant = fc.oneof(fc.integer(), fc.maxSafeNat(), fc.constant(Number.POSITIVE_INFINITY))

const answer = fc.record(
  {
    status: fc.oneof(fc.integer({ min: 200, max: 599 }), fc.constantFrom(-1, 0, 1)),
    headers: fc.oneof(fc.constant([]), fc.array(fc.tuple(text, text))),
    body: fc.oneof(fc.constant(new Uint8Array()), bytes),
  },
  { noNullPrototype: true },
)

const accept: fc.Arbitrary<AcceptInput> = fc.record(
  {
    callbackId: text,
    receiverId: text,
    version: fc.nat(),
    now: instant,
    method: text,
    path: text,
    query: text,
    headers: text,
    body: bytes,
    deliveryId: text,
    dedupeUntil: instant,
    answer,
    content: fc.constantFrom('good', 'refused'),
    capacity: fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY)),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      'callbackId',
      'receiverId',
      'now',
      'method',
      'path',
      'query',
      'headers',
      'body',
      'dedupeUntil',
      'content',
      'capacity',
    ],
  },
)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: accept.map((input): Command => ({ name: 'accept', input })) },
  fc
    .record({ token: text, now: instant }, { noNullPrototype: true })
    .map((input): Command => ({ name: 'findReceiver', input })),
  fc
    .record({ callbackId: text, answer, until: instant }, { noNullPrototype: true })
    .map((input): Command => ({ name: 'answer', input })),
  fc.constant<Command>({ name: 'acknowledge', input: { claims: [], now: 0 } }),
)

/** What no thread can be sent. */
const odd: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(accept, answer, text).map(
    ([input, given, name]): Command => ({
      name: 'accept',
      input: { ...input, answer: { ...given, headers: [[name, (() => 1) as never]] } },
    }),
  ),
  fc
    .tuple(
      accept,
      fc.constantFrom('callbackId', 'receiverId', 'method', 'path', 'query', 'headers', 'deliveryId'),
      fc.constantFrom(() => 'no text', 7, true, { length: 2 }),
    )
    .map(([input, name, value]): Command => ({ name: 'accept', input: { ...input, [name]: value } })),
  accept.map(
    (input): Command => ({ name: 'answer', input: { ...input, until: (() => 1) as never } as never }),
  ),
)

/** As it arrives on the other thread. */
function cross(batch: readonly Command[]) {
  const { request, refused } = packBatch(batch)
  return {
    commands: unpackBatch(structuredClone(request, { transfer: [request.bytes] })),
    refused: [...refused],
  }
}

it('every command arrives as it was sent, in its place', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 20 }), batch => {
      expect(cross(batch)).toStrictEqual({ commands: batch, refused: [] })
    }),
    { numRuns: 500 },
  )
})

it('what cannot cross is refused alone: all that stand around it arrive as they were', () => {
  const mixed = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: command.map(each => ({ each, isOdd: false })) },
      odd.map(each => ({ each, isOdd: true })),
    ),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(mixed, batch => {
      const { commands, refused } = cross(batch.map(({ each }) => each))
      expect(commands).toStrictEqual(batch.filter(({ isOdd }) => !isOdd).map(({ each }) => each))
      const places = [...batch.entries()].filter(([, { isOdd }]) => isOdd).map(([place]) => place)
      expect(refused).toEqual(places.map(place => [place, expect.objectContaining({ fault: 'refused' })]))
    }),
    { numRuns: 500 },
  )
})

it('tells an empty delivery id from none, and a bare answer from one with more to it', () => {
  const base: AcceptInput = {
    callbackId: 'cb_1',
    receiverId: 'rcv_1',
    now: 0,
    method: 'POST',
    path: '',
    query: '',
    headers: '[]',
    body: new Uint8Array([1]),
    dedupeUntil: 0,
    content: 'good',
    capacity: 1,
  }
  const bare = { status: 202, headers: [], body: new Uint8Array() }
  const inputs: AcceptInput[] = [
    base,
    { ...base, deliveryId: '' },
    { ...base, deliveryId: 'd', version: 0, answer: bare },
    { ...base, answer: { ...bare, headers: [['retry-after', '5']] } },
    { ...base, answer: { ...bare, body: new Uint8Array([2, 3]) } },
    { ...base, callbackId: '', receiverId: '', method: '', headers: '', body: new Uint8Array() },
  ]
  const batch = inputs.map((input): Command => ({ name: 'accept', input }))
  expect(cross(batch).commands).toStrictEqual(batch)
})
