import type { AcceptInput } from '../receiving.js'
import { type Packer, unpack } from './codec.js'
import { StoreFault } from './fault.js'

// `accept`, by far the most frequent command, on its way to the engine's thread. Cloning a value costs by its members, so
// all accepts of a batch travel as two: their numbers in one array, and their texts behind one another in one string.

export interface AcceptColumns {
  readonly numbers: Float64Array
  readonly text: string
  /** Answers with more to them than a status. */
  readonly answers: readonly unknown[]
}

type Answer = AcceptInput['answer'] & object

const NONE = -1
/** The answer is the next of `answers`. */
const APART = 0

export class AcceptWriter {
  readonly #packer: Packer
  readonly #numbers: number[] = []
  readonly #answers: unknown[] = []
  #text = ''

  /** The bytes go into the packer. */
  constructor(packer: Packer) {
    this.#packer = packer
  }

  /** @throws StoreFault `refused` for what cannot cross to another thread; nothing of it is left behind then. */
  add(input: AcceptInput): void {
    const { callbackId, receiverId, method, path, query, headers, deliveryId, answer } = input
    const text = callbackId + receiverId + method + path + query + headers + (deliveryId ?? '')
    const length =
      callbackId.length +
      receiverId.length +
      method.length +
      path.length +
      query.length +
      headers.length +
      (deliveryId?.length ?? 0)
    // What is no text would shift the texts of all accepts behind it.
    if (text.length !== length) throw new StoreFault('refused', 'a store takes texts where it expects them')
    const answered = answer === undefined ? NONE : this.#toNumber(answer)
    const { $at, $length } = this.#packer.add(input.body)
    this.#text += text
    this.#numbers.push(
      callbackId.length,
      receiverId.length,
      method.length,
      path.length,
      query.length,
      headers.length,
      deliveryId?.length ?? NONE,
      $at,
      $length,
      input.version ?? NONE,
      input.now,
      input.dedupeUntil,
      input.content === 'good' ? 1 : 0,
      input.capacity,
      answered,
    )
  }

  toColumns(): AcceptColumns {
    return { numbers: new Float64Array(this.#numbers), text: this.#text, answers: this.#answers }
  }

  #toNumber(answer: Answer): number {
    const { status, headers, body } = answer
    if (headers.length === 0 && body.length === 0 && status > APART) return status
    this.#answers.push(this.#packer.pack(answer))
    return APART
  }
}

/** Reads them in the order in which they were added. */
export class AcceptReader {
  readonly #columns: AcceptColumns
  readonly #bytes: ArrayBuffer
  #number = 0
  #character = 0
  #answer = 0

  /** The bytes of what it returns look into the buffer. */
  constructor(columns: AcceptColumns, bytes: ArrayBuffer) {
    this.#columns = columns
    this.#bytes = bytes
  }

  next(): AcceptInput {
    const callbackId = this.#readText()
    const receiverId = this.#readText()
    const method = this.#readText()
    const path = this.#readText()
    const query = this.#readText()
    const headers = this.#readText()
    const deliveryId = this.#readOptionalText()
    const body = new Uint8Array(this.#bytes, this.#readNumber(), this.#readNumber())
    const version = this.#readNumber()
    const now = this.#readNumber()
    const dedupeUntil = this.#readNumber()
    const content = this.#readNumber() === 1 ? 'good' : 'refused'
    const capacity = this.#readNumber()
    const answer = this.#readAnswer()
    return {
      callbackId,
      receiverId,
      ...(version === NONE ? {} : { version }),
      now,
      method,
      path,
      query,
      headers,
      body,
      ...(deliveryId === undefined ? {} : { deliveryId }),
      dedupeUntil,
      ...(answer === undefined ? {} : { answer }),
      content,
      capacity,
    }
  }

  #readNumber(): number {
    return this.#columns.numbers[this.#number++] ?? NONE
  }

  #readText(): string {
    const start = this.#character
    this.#character += this.#readNumber()
    return this.#columns.text.slice(start, this.#character)
  }

  #readOptionalText(): string | undefined {
    if (this.#columns.numbers[this.#number] !== NONE) return this.#readText()
    this.#number++
    return undefined
  }

  #readAnswer(): Answer | undefined {
    const status = this.#readNumber()
    if (status === NONE) return undefined
    if (status !== APART) return { status, headers: [], body: new Uint8Array() }
    return unpack(this.#columns.answers[this.#answer++], this.#bytes, 'window') as Answer
  }
}
