import { ServerClosedError, StoreUnavailableError } from '../errors.js'
import type { StoreSession } from './store.js'

/**
 * The commands of a session, for who is to be told that the server is closed, and not that its store is gone: before a
 * command is begun, and of one that was under way.
 */
export function untilClosed(session: StoreSession, isClosed: () => boolean): StoreSession {
  return new Proxy(session, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || notCommands.has(name)) return value
      return async (input: unknown): Promise<unknown> => {
        if (isClosed()) throw new ServerClosedError()
        try {
          return (await Reflect.apply(value, target, [input])) as unknown
        } catch (error) {
          throw isClosed() && error instanceof StoreUnavailableError ? new ServerClosedError() : error
        }
      }
    },
  })
}

const notCommands = new Set<PropertyKey>(['subscribe', 'within', 'close'] satisfies (keyof StoreSession)[])
