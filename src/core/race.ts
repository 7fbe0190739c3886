import { InvalidOptionsError } from '../errors.js'
import { systemClock } from './clock.js'
import { createWait, onEnd, type Wait } from './wait.js'

export type Branches = Readonly<Record<string, () => Wait<unknown>>>

/** `{ name: 'paid', value: Callback<Payment> } | { name: 'late', value: void }`: narrow it by `name`. */
export type Winner<B extends Branches> = {
  [Name in keyof B & string]: { readonly name: Name; readonly value: Awaited<ReturnType<B[Name]>> }
}[keyof B & string]

/**
 * The first branch to settle, whichever way; the others are cancelled.
 *
 * They are cancelled in the very tick in which the first settles, so that of two callbacks that are stored together
 * only one is taken. For the same reason no branch is called any more once one has settled.
 *
 * ```ts
 * const first = await race({ paid: () => payments.next(), cancelled: () => cancellations.next() })
 * if (first.name === 'paid') await ship(first.value.data)
 * ```
 *
 * Throws `InvalidOptionsError` when there is no branch, or one that is no function. Rejects with what the winner
 * rejected with, with what a branch threw, with the signal's reason, or with `CancelledError`.
 */
export function race<B extends Branches>(
  branches: B,
  options: { signal?: AbortSignal } = {},
): Wait<Winner<B>> {
  checkBranches(branches)
  const entries = Object.entries(branches)
  const waits: Wait<unknown>[] = []
  const cancelAll = () => {
    for (const wait of waits) wait.cancel()
  }
  const first = createWait<Winner<B>>({
    clock: systemClock,
    what: 'a race',
    onGiveUp: cancelAll,
    ...(options.signal && { signal: options.signal }),
  })

  for (const [name, branch] of entries) {
    if (!first.pending) break
    let wait: Wait<unknown>
    try {
      wait = call(name, branch)
    } catch (error) {
      first.fail(error)
      break
    }
    waits.push(wait)
    onEnd(wait, result => {
      const won =
        result.status === 'fulfilled'
          ? first.fulfil({ name, value: result.value } as Winner<B>)
          : first.fail(result.reason)
      if (won) cancelAll()
    })
  }
  // A branch may have thrown, or ended the race from inside before its own wait was in the list.
  if (!first.pending) cancelAll()
  return first.wait
}

/** @throws InvalidOptionsError when there is no branch, or one that is no function. */
export function checkBranches(branches: Branches): void {
  const entries = Object.entries(branches)
  if (entries.length === 0) throw new InvalidOptionsError('A race needs at least one branch')
  for (const [name, branch] of entries) {
    if (typeof branch !== 'function') {
      throw new InvalidOptionsError(`Branch '${name}' of the race is not a function: write ${name}: () => …`)
    }
  }
}

/** @throws InvalidOptionsError when it returns no wait, and whatever the branch throws. */
export function call(name: string, branch: () => Wait<unknown>): Wait<unknown> {
  const wait = branch()
  if (typeof wait?.then === 'function' && typeof wait.cancel === 'function') return wait

  // It is under way all the same, and nobody will ever look at it.
  if (typeof wait?.then === 'function') wait.then(undefined, () => {})
  throw new InvalidOptionsError(
    `Branch '${name}' of the race cannot be cancelled: return the wait itself, not an async function or a 'then' of it`,
  )
}
