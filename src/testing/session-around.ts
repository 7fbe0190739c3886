import type { StoreSession } from '../store/store.js'

/** Carries a command out, in its own way. */
export type Carry = <T>(command: () => Promise<T>) => Promise<T>

/** A session of which some things are done otherwise. `carry` is what every command goes through that is not named here. */
export function around(
  session: StoreSession,
  { carry, ...otherwise }: Partial<StoreSession> & { readonly carry?: Carry },
): StoreSession {
  const others = new Map<PropertyKey, unknown>([
    ['close', () => session.close()],
    ['subscribe', (listener: Parameters<StoreSession['subscribe']>[0]) => session.subscribe(listener)],
    ...Object.entries(otherwise),
  ])
  return new Proxy(session, {
    get(target, name): unknown {
      if (others.has(name)) return others.get(name)
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const command = (input: unknown): Promise<unknown> => Reflect.apply(value, target, [input])
      return (input: unknown) => (carry === undefined ? command(input) : carry(() => command(input)))
    },
  })
}
