import { UnscopedCallError } from '../errors.js'
import type { CallbackScope, CallbackScopes } from '../receiver/callback.js'
import { blameOf } from './blame.js'
import { currentContext, runIn } from './context.js'
import { ScopeEntry, stepBehind } from './scope-entry.js'
import type { ScopeParts } from './scope-parts.js'
import { ScopeVerbs } from './verbs.js'

/** The scopes of callbacks in hand: each is made for the first verb, so a callback without one costs nothing more. */
export function createCallbackScopes(toParts: () => ScopeParts): CallbackScopes {
  return {
    open: ({ claim, record, names, whenOver }): CallbackScope => {
      const parts = toParts()
      const entry = new ScopeEntry(parts, {
        entry: { type: 'callback', claim },
        names,
        startedAt: record.startedAt,
        attempt: record.attempt,
        memory: record.remembers ? 'unread' : 'none',
        whenOver,
      })
      return {
        verbs: new ScopeVerbs(entry, parts),
        dropped: new Promise(resolve => entry.onOver(() => resolve())),
        close: () => entry.close(),
        end: reason => entry.end(reason),
        blameOf,
        stepBehind: error => stepBehind(entry, error),
      }
    },
    run: (callbackId, handler) => runIn({ scopeId: callbackId, races: [], inStep: false }, handler),
  }
}

/** @throws UnscopedCallError within the code of a scope: it would be repeated on re-entry. */
export function checkUnscoped(what: string, instead: string): void {
  if (currentContext() === undefined) return
  throw new UnscopedCallError(
    `${what} inside a scope would be repeated when the scope is entered again; ${instead}`,
  )
}
