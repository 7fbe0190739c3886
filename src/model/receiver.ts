export type ReceiverState = 'open' | 'closed' | 'expired'

/** Code that a `spawn` brought along itself, and without which no request to that receiver can be judged (P9). */
export type InlineCode = 'verify' | 'dedupe' | 'respond' | 'handshake'

export type CallbackMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET'

/** What is remembered of a receiver's options: data only. Functions stay in the process; `inline` names those it needs. */
export interface ReceiverSettings {
  readonly source?: string
  readonly inline: readonly InlineCode[]
  readonly methods?: readonly CallbackMethod[]
  readonly capacity?: number
  readonly maxBodyBytes?: number
  readonly ttlMs?: number
  readonly respondTimeoutMs?: number
  readonly dedupeWindowMs?: number
}

/**
 * What one `spawn` changes: a value replaces the stored one, what is left out keeps it, and `null` takes away
 * (only `source` and `verify` can be taken away).
 */
export interface SettingsPatch extends Partial<Omit<ReceiverSettings, 'source' | 'inline'>> {
  readonly source?: string | null
  /** Code that this spawn brings. */
  readonly brings?: readonly InlineCode[]
  readonly dropsVerify?: boolean
}

/**
 * A receiver as the store knows it.
 *
 *   open ──close──▶ closed ──reopen──▶ open
 *    └──expiresAt──▶ expired ──reopen──▶ open
 *
 * A keyless one names the epoch of the node it is bound to, and is closed when that epoch is over.
 */
export interface ReceiverRecord {
  readonly id: string
  readonly key?: string
  readonly token: string
  readonly epoch?: number
  /** One higher with every change of settings; an accept is judged by one version and refused by another. */
  readonly version: number
  readonly state: ReceiverState
  readonly openedAt: number
  readonly expiresAt?: number
  readonly settings: ReceiverSettings
}

/** One row of the registry. `oldest` is when the oldest unread callback was accepted. */
export interface ReceiverSummary extends ReceiverRecord {
  readonly unread: number
  readonly failed: number
  readonly oldest?: number
}

/** A receiver that came to its end with callbacks nobody has read. */
export interface Leftover {
  readonly receiverId: string
  readonly key?: string
  readonly unread: number
}

/** What an operator knows a receiver by: facts of a log line. */
export function namesOf({ id: receiverId, key }: Pick<ReceiverRecord, 'id' | 'key'>): {
  readonly receiverId: string
  readonly key?: string
} {
  return key === undefined ? { receiverId } : { receiverId, key }
}

/** Why a patch cannot be applied, in words for the one who called `spawn`; `undefined` when it can. */
export function patchConflict(stored: ReceiverSettings, patch: SettingsPatch): string | undefined {
  const source = patch.source === undefined ? stored.source : patch.source
  if (source === null || source === undefined) return undefined
  if (patch.brings?.includes('verify') !== true) return undefined
  return (
    `This receiver takes its checks from the source '${source}', so it cannot have a verify of its own beside it; ` +
    'leave verify out, or take the source away with from: null'
  )
}

/** The settings after a patch. A source that is given takes the place of a verifier that an earlier spawn brought. */
export function applyPatch(stored: ReceiverSettings, patch: SettingsPatch): ReceiverSettings {
  const { source: sourcePatch, brings = [], dropsVerify = false, ...data } = patch
  const takesSource = typeof sourcePatch === 'string'
  const source = sourcePatch === undefined ? stored.source : (sourcePatch ?? undefined)
  const kept = stored.inline.filter(code => !(code === 'verify' && (dropsVerify || takesSource)))
  const inline = [...new Set([...kept, ...brings])].sort()
  const { source: _replaced, ...rest } = stored
  return { ...rest, ...definedOnly(data), inline, ...(source === undefined ? {} : { source }) }
}

/**
 * When a receiver expires that got its settings, or was opened, at `now`. Its time to live counts from when it was
 * opened; one that would be over already is over now, so that what was accepted until now is kept from now.
 */
export function expiryOf(openedAt: number, { ttlMs }: ReceiverSettings, now: number): number | undefined {
  return ttlMs === undefined ? undefined : Math.max(openedAt + ttlMs, now)
}

/** The state at an instant: expiry is a fact of the clock, whether or not anybody has written it down. */
export function stateAt(receiver: Pick<ReceiverRecord, 'state' | 'expiresAt'>, now: number): ReceiverState {
  if (receiver.state !== 'open') return receiver.state
  return receiver.expiresAt !== undefined && receiver.expiresAt <= now ? 'expired' : 'open'
}

function definedOnly<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>
}
