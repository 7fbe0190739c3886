import type { Store } from '../../src/index.js'
import type { StoreSession } from '../../src/store/store.js'

/** A store that behaves as given in some commands, and as itself in all others. */
export function withCommands(store: Store, change: (session: StoreSession) => Partial<StoreSession>): Store {
  return {
    name: store.name,
    exclusive: store.exclusive,
    async open() {
      const session = await store.open()
      const changed = change(session)
      return new Proxy(session, {
        get(target, name) {
          const value: unknown = Reflect.get(name in changed ? changed : target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
  }
}
