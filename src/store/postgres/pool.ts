/** As much of `pg` as the store needs: a pool of one's own fits, whatever else it does. */
export interface Pool {
  connect(): Promise<Client>
  on?(event: 'error', listener: Listener): unknown
}

/** A connection of the pool, taken out of it. */
export interface Client {
  query(text: string, values?: unknown[]): Promise<Answer>
  /** `true`: the connection is not to be used again. */
  release(destroy?: boolean): void
  on(event: 'notification' | 'error' | 'end', listener: Listener): unknown
}

/** Of `notification` it is given a `Notification`. */
type Listener = (...facts: never[]) => void

export interface Notification {
  readonly channel: string
  readonly payload?: string
}

export interface Answer {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}
