import { toMs } from '../core/duration.js'
import { InvalidOptionsError } from '../errors.js'
import type { SourceCode, Verify } from '../model/code.js'
import type { CallbackMethod, ReceiverSettings } from '../model/receiver.js'
import type { SourceOptions } from '../options.js'
import { toAnswering } from './answering.js'

/** The options of a source that are data. */
export type SourceNumbers = Pick<
  ReceiverSettings,
  'methods' | 'maxBodyBytes' | 'respondTimeoutMs' | 'dedupeWindowMs'
>

export const sourceOptionNames: readonly string[] = [
  'schema',
  'verify',
  'dedupe',
  'dedupeWindow',
  'methods',
  'maxBodyBytes',
  'respond',
  'respondTimeout',
  'handshake',
  'page',
] satisfies (keyof SourceOptions<unknown>)[]

const methods: readonly CallbackMethod[] = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET']

/** What of the options is code. `verify` is `null` where it was given as that. */
export type GivenCode = Partial<Omit<SourceCode<unknown>, 'verify'>> & {
  readonly verify?: readonly Verify[] | null
}

export function toGivenCode<T>(options: SourceOptions<T>): GivenCode {
  // What these functions are handed went through the schema, so it is a T.
  const { schema, verify, dedupe, respond, handshake, page } = options as SourceOptions<unknown>
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new InvalidOptionsError(
      'schema must be a Standard Schema, such as those of zod, valibot or arktype',
    )
  }
  checkFunction(dedupe, 'dedupe')
  checkFunction(handshake, 'handshake')
  checkFunction(page, 'page')
  toAnswering(respond)
  return {
    ...(schema === undefined ? {} : { schema }),
    ...(verify === undefined ? {} : { verify: toVerifyList(verify) }),
    ...(dedupe === undefined ? {} : { dedupe }),
    ...(respond === undefined ? {} : { respond }),
    ...(handshake === undefined ? {} : { handshake }),
    ...(page === undefined ? {} : { page }),
  }
}

export function toSourceNumbers(
  options: Pick<SourceOptions<unknown>, 'methods' | 'maxBodyBytes' | 'respondTimeout' | 'dedupeWindow'>,
): SourceNumbers {
  const { maxBodyBytes, respondTimeout, dedupeWindow } = options
  return {
    ...(options.methods === undefined ? {} : { methods: toMethods(options.methods) }),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes: toCount(maxBodyBytes, 'maxBodyBytes') }),
    ...(respondTimeout === undefined ? {} : { respondTimeoutMs: toMs(respondTimeout, 'respondTimeout') }),
    ...(dedupeWindow === undefined ? {} : { dedupeWindowMs: toMs(dedupeWindow, 'dedupeWindow') }),
  }
}

export function toCount(count: number, what: string): number {
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw new InvalidOptionsError(`${what} must be a whole number of at least 1; got ${String(count)}`)
}

function toVerifyList(verify: Verify | readonly Verify[] | null): readonly Verify[] | null {
  if (verify === null) return null
  const list = typeof verify === 'function' ? [verify] : verify
  if (!Array.isArray(list) || list.some(one => typeof one !== 'function')) {
    throw new InvalidOptionsError('verify must be a function, a list of functions, or null for no check')
  }
  if (list.length === 0) {
    throw new InvalidOptionsError('verify is an empty list, which nothing can pass; write null for no check')
  }
  return [...list]
}

function toMethods(given: readonly CallbackMethod[]): readonly CallbackMethod[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new InvalidOptionsError(`methods must list at least one of ${methods.join(', ')}`)
  }
  const unknown = given.find(method => !methods.includes(method))
  if (unknown === undefined) return [...new Set(given)]
  throw new InvalidOptionsError(`methods has '${String(unknown)}'; there are ${methods.join(', ')}`)
}

function checkFunction(value: unknown, what: string): void {
  if (value === undefined || typeof value === 'function') return
  throw new InvalidOptionsError(`${what} must be a function`)
}
