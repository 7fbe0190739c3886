import { ServerClosedError, StoreUnavailableError } from '../errors.js'
import type { StoreSession } from './store.js'

// The session of a server, which ends with it: whoever still holds a handle then is told that the server is closed, and not
// that its store is away, which would be a reason to ask again.
//
//   U1. Until `close` is called, commands are those of the session, and begin in the same tick.
//   U2. From then on each rejects with `ServerClosedError`, and so does one that was under way and that the store gave up.

type Call = (input: unknown) => Promise<unknown>

/** Every command of the library and of its handles goes through it. */
export function untilClosed(session: StoreSession): StoreSession {
  let closed = false
  const close = () => {
    closed = true
    return session.close()
  }
  const fail = (error: unknown): never => {
    throw closed && error instanceof StoreUnavailableError ? new ServerClosedError() : error
  }
  const toCommand =
    (carry: Call): Call =>
    input =>
      closed ? Promise.reject(new ServerClosedError()) : carry(input).catch(fail)

  const commands = new Map<PropertyKey, Call>()
  return new Proxy(session, {
    get(target, name): unknown {
      if (name === 'close') return close
      const known = commands.get(name)
      if (known !== undefined) return known
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = (input: unknown): unknown => Reflect.apply(value, target, [input])
      if (notCommands.has(name)) return call
      const command = toCommand(input => Promise.resolve(call(input)))
      commands.set(name, command)
      return command
    },
  })
}

const notCommands = new Set<PropertyKey>(['subscribe', 'within'] satisfies (keyof StoreSession)[])
