import { checkKey } from './core/bytes.js'
import { createId, createToken } from './core/ids.js'
import { checkOptionNames } from './core/option-names.js'
import { InvalidOptionsError } from './errors.js'
import { toReceiverSettings } from './intake/receiver-settings.js'
import { toReceiverUrl } from './model/public-url.js'
import type { ReceiverRecord, ReceiverState, ReceiverSummary } from './model/receiver.js'
import type { ReceiverOptions, ServerSettings } from './options.js'
import type { Parts } from './parts.js'
import { checkUnscoped } from './scope/callback-scopes.js'
import { eachOf, eachPage } from './store/pages.js'

// Receivers of the server: making one, or finding it again, and the registry of all.

/** A receiver in the registry, open or ended. */
export interface ReceiverInfo {
  readonly id: string
  readonly key?: string
  readonly url: string
  readonly state: ReceiverState
  /** Callbacks not acknowledged: waiting, delayed, or in somebody's hands. */
  readonly unread: number
  readonly failed: number
  /** When the oldest unread one was accepted. */
  readonly oldest?: Date
}

type KeyedOptions<T> = ReceiverOptions<T> & { reopen?: boolean }
export type SpawnArguments<T> = [first?: string | ReceiverOptions<T>, options?: KeyedOptions<T>]

/** It is durable when this resolves, and its code is attached to it in this process. */
export async function spawnReceiver<T>(
  { session, settings, sources, node }: Pick<Parts, 'session' | 'settings' | 'sources' | 'node'>,
  given: SpawnArguments<T>,
): Promise<ReceiverRecord> {
  const [key, options] = toSpawnArguments(given)
  if (key === undefined) {
    checkUnscoped('server.spawn() without a key', 'give it a key, or use spawn of the scope')
  }
  const { patch, code } = toReceiverSettings(options, sources)
  const now = settings.clock.now()
  const outcome = await session.spawn({
    id: createId('rcv', now),
    token: createToken(),
    now,
    patch,
    reopen: options.reopen ?? false,
    ...(key === undefined ? { epoch: node.epoch } : { key }),
  })
  if (outcome.type === 'conflict') throw new InvalidOptionsError(outcome.message)
  sources.attach(outcome.receiver.id, code)
  return outcome.receiver
}

const states: Readonly<Record<ReceiverState, true>> = { open: true, closed: true, expired: true }

export function listReceivers(
  { session, settings }: Pick<Parts, 'session' | 'settings'>,
  filter: { key?: string; state?: ReceiverState },
): AsyncGenerator<ReceiverInfo> {
  checkOptionNames(filter, ['key', 'state'], 'The filter')
  const { key, state } = filter
  if (key !== undefined) checkKey(key, 'The key of a receiver')
  if (state !== undefined && !Object.hasOwn(states, state)) {
    throw new InvalidOptionsError(`state must be one of ${Object.keys(states).join(', ')}`)
  }
  return eachOf(
    eachPage(
      from => session.listReceivers({ now: settings.clock.now(), ...filter, ...from }),
      ({ id }) => id,
    ),
    summary => toInfo(settings, summary),
  )
}

/** A key that is missing by accident must not cost the receiver its key, nor its checks. */
function toSpawnArguments<T>(given: SpawnArguments<T>): [key: string | undefined, options: KeyedOptions<T>] {
  const [first, options = {}] = given
  if (first !== undefined && typeof first !== 'string' && typeof first !== 'object') {
    throw new InvalidOptionsError(
      `The key of a receiver must be a text, such as spawn('orders/7'); got a ${typeof first}`,
    )
  }
  if (typeof first === 'string') return [checkKey(first, 'The key of a receiver'), options]
  if (given.length <= 1) return [undefined, first ?? {}]
  throw new InvalidOptionsError(
    'The key of a receiver must be a text; leave it out for a receiver without a key',
  )
}

function toInfo(
  settings: ServerSettings,
  { id, key, token, state, unread, failed, oldest }: ReceiverSummary,
): ReceiverInfo {
  return {
    id,
    ...(key === undefined ? {} : { key }),
    url: toReceiverUrl(settings, token),
    state,
    unread,
    failed,
    ...(oldest === undefined ? {} : { oldest: new Date(oldest) }),
  }
}
