import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import { checkKey } from '../core/bytes.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { Rules, Source, SourceCode } from '../model/code.js'
import type { ReceiverRecord } from '../model/receiver.js'
import { DEFAULTS, type SourceOptions } from '../options.js'
import { type IntakeRules, toAnswering } from './answering.js'
import {
  type GivenCode,
  type SourceNumbers,
  sourceOptionNames,
  toGivenCode,
  toSourceNumbers,
} from './source-options.js'

type AttachedCode = Partial<SourceCode<unknown>>

/** The numbers by which requests are judged. */
export type Limits = Omit<Rules, keyof SourceCode<unknown>>

interface DeclaredSource {
  readonly code: SourceCode<unknown>
  readonly numbers: SourceNumbers
}

interface KnownRules {
  readonly rules: IntakeRules
  readonly source: DeclaredSource | undefined
  readonly attached: AttachedCode | undefined
}

const nothing: SourceCode<unknown> = { verify: [] }

// The code by which requests are judged: sources, by name, and what a `spawn` brought itself, by receiver.
//
// Owns:   functions. They never enter the store, which keeps only their names.
// Leaves: the settings that name them to the receiver's row.
//
//   R1. Code that the settings name and this process does not have is never guessed: there are no rules then.
//   R2. What is declared or attached holds from the next request on.
export class Sources {
  readonly #declared = new Map<string, DeclaredSource>()
  readonly #attached = new Map<string, AttachedCode>()
  readonly #retired = new WeakMap<ReceiverRecord, Schema>()
  /** By the record itself, so that what is remembered goes when the record does. */
  readonly #known = new WeakMap<ReceiverRecord, KnownRules>()

  /** Declaring a name again replaces the earlier declaration. */
  declare<T = unknown>(name: string, options: SourceOptions<T>): Source<T> {
    checkKey(name, 'The name of a source')
    checkOptionNames(options, sourceOptionNames, `The source '${name}'`)
    // A check that is missing by accident must not leave the door open.
    if (Object.hasOwn(options, 'verify') && options.verify === undefined) {
      throw new InvalidOptionsError(
        `The source '${name}': verify is undefined; leave it out, or write null for no check`,
      )
    }
    const { verify, ...code } = toGivenCode(options)
    this.#declared.set(name, { code: { ...code, verify: verify ?? [] }, numbers: toSourceNumbers(options) })
    return Object.freeze({ name })
  }

  has(name: string): boolean {
    return this.#declared.has(name)
  }

  /** Code that a `spawn` brought: what is left out stays as it was, `verify: null` drops it. */
  attach(receiverId: string, given: GivenCode): void {
    if (Object.keys(given).length === 0) return
    const { verify: before, ...kept } = this.#attached.get(receiverId) ?? {}
    const { verify = before, ...code } = given
    const attached = { ...kept, ...code, ...(verify == null ? {} : { verify }) }
    if (Object.keys(attached).length === 0) this.#attached.delete(receiverId)
    else this.#attached.set(receiverId, attached)
  }

  /** Its requests are judged no more; what is unread is still read through its schema. */
  retire(receiver: ReceiverRecord): void {
    const schema = this.schemaFor(receiver)
    if (schema !== undefined) this.#retired.set(receiver, schema)
    this.detach(receiver.id)
  }

  detach(receiverId: string): void {
    this.#attached.delete(receiverId)
  }

  /** How its requests are judged; `undefined` when code for that is not loaded here. */
  rulesFor(receiver: ReceiverRecord): IntakeRules | undefined {
    const { source: name } = receiver.settings
    const source = name === undefined ? undefined : this.#declared.get(name)
    const attached = this.#attached.get(receiver.id)
    const known = this.#known.get(receiver)
    if (known !== undefined && known.source === source && known.attached === attached) return known.rules

    if (name !== undefined && source === undefined) return undefined
    if (receiver.settings.inline.some(code => attached?.[code] === undefined)) return undefined
    const rules = toRules(receiver, source, attached)
    this.#known.set(receiver, { rules, source, attached })
    return rules
  }

  /** What the data of its callbacks have to fit; `undefined` also when that is not loaded here. */
  schemaFor(receiver: ReceiverRecord): Schema | undefined {
    const { source } = receiver.settings
    const attached = this.#attached.get(receiver.id)
    return (
      this.#retired.get(receiver) ??
      attached?.schema ??
      (source === undefined ? undefined : this.#declared.get(source)?.code.schema)
    )
  }

  /** The numbers alone, which are known also where code is missing. */
  limitsFor(receiver: ReceiverRecord): Limits {
    const { source } = receiver.settings
    return toLimits(receiver, source === undefined ? undefined : this.#declared.get(source))
  }
}

function toRules(
  receiver: ReceiverRecord,
  source: DeclaredSource | undefined,
  attached: AttachedCode = {},
): IntakeRules {
  const declared = source?.code ?? nothing
  const { inline } = receiver.settings
  // A source that was given later takes the place of an inline verifier: what counts is what the settings say.
  const dedupe = inline.includes('dedupe') ? attached.dedupe : declared.dedupe
  const respond = inline.includes('respond') ? attached.respond : declared.respond
  const handshake = inline.includes('handshake') ? attached.handshake : declared.handshake
  const schema = attached.schema ?? declared.schema
  const page = attached.page ?? declared.page
  return {
    ...toLimits(receiver, source),
    verify: (inline.includes('verify') ? attached.verify : undefined) ?? declared.verify,
    answering: toAnswering(respond),
    ...(schema === undefined ? {} : { schema }),
    ...(dedupe === undefined ? {} : { dedupe }),
    ...(respond === undefined ? {} : { respond }),
    ...(handshake === undefined ? {} : { handshake }),
    ...(page === undefined ? {} : { page }),
  }
}

function toLimits({ settings }: ReceiverRecord, source: DeclaredSource | undefined): Limits {
  const numbers = source?.numbers ?? {}
  return {
    methods: settings.methods ?? numbers.methods ?? DEFAULTS.methods,
    maxBodyBytes: settings.maxBodyBytes ?? numbers.maxBodyBytes ?? DEFAULTS.maxBodyBytes,
    capacity: settings.capacity ?? DEFAULTS.capacity,
    dedupeWindowMs: settings.dedupeWindowMs ?? numbers.dedupeWindowMs ?? DEFAULTS.dedupeWindowMs,
    respondTimeoutMs: settings.respondTimeoutMs ?? numbers.respondTimeoutMs ?? DEFAULTS.respondTimeoutMs,
  }
}
