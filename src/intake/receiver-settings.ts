import { toMs } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { Source } from '../model/code.js'
import type { InlineCode, SettingsPatch } from '../model/receiver.js'
import type { ReceiverOptions } from '../options.js'
import { type GivenCode, sourceOptionNames, toCount, toGivenCode, toSourceNumbers } from './source-options.js'

const receiverOptionNames = ['from', 'ttl', 'capacity', 'reopen', ...sourceOptionNames]

const inlineNames: readonly InlineCode[] = ['verify', 'dedupe', 'respond', 'handshake']

/**
 * What a `spawn` changes in the store, and the code that stays in the process.
 *
 * @throws InvalidOptionsError that says which option, and what to write instead.
 */
export function toReceiverSettings<T>(
  options: ReceiverOptions<T>,
  sources: { has(source: string): boolean },
): { readonly patch: SettingsPatch; readonly code: GivenCode } {
  checkPlace(options, sources)
  checkOptionNames(options, receiverOptionNames, 'A receiver')
  for (const check of ['from', 'verify'] as const) {
    // A check that is missing by accident must not leave the door open.
    if (Object.hasOwn(options, check) && options[check] === undefined) {
      throw new InvalidOptionsError(
        `${check} is undefined; leave it out to keep what is stored, or take the check away with ${check}: null`,
      )
    }
  }
  const source = toSourceName(options.from, sources)
  const code = toGivenCode(options)
  if (typeof source === 'string' && code.verify != null) {
    throw new InvalidOptionsError(
      `A receiver takes its checks from the source '${source}' or brings its own verify; leave one of the two out`,
    )
  }
  const brings = inlineNames.filter(name => code[name] != null)
  const patch: SettingsPatch = {
    ...toSourceNumbers(options),
    ...(options.capacity === undefined ? {} : { capacity: toCount(options.capacity, 'capacity') }),
    ...(options.ttl === undefined ? {} : { ttlMs: toMs(options.ttl, 'ttl') }),
    ...(source === undefined ? {} : { source }),
    ...(brings.length === 0 ? {} : { brings }),
    ...(code.verify === null ? { dropsVerify: true } : {}),
  }
  return { patch, code }
}

/** A source has one property, its name, which is no option of a receiver. */
function checkPlace(options: unknown, sources: { has(source: string): boolean }): void {
  if (typeof options !== 'object' || options === null || !('name' in options)) return
  if (typeof options.name !== 'string' || !sources.has(options.name)) return
  throw new InvalidOptionsError('A source is one of the options of a receiver: write { from: source }')
}

function toSourceName(
  from: Source<unknown> | null | undefined,
  sources: { has(source: string): boolean },
): string | null | undefined {
  if (from === undefined || from === null) return from
  if (typeof from !== 'object' || typeof from.name !== 'string') {
    const given = typeof from === 'string' ? ', and not its name' : ''
    throw new InvalidOptionsError(
      `from must be a source${given}: pass what server.source(name, options) has returned`,
    )
  }
  if (sources.has(from.name)) return from.name
  throw new InvalidOptionsError(
    `The source '${from.name}' is not declared on this server; declare it with server.source('${from.name}', …) first`,
  )
}
