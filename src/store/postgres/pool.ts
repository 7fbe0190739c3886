/** As much of `pg` as the store needs: a pool of one's own fits, whatever else it does. */
export interface Pool {
  connect(): Promise<Client>
  query(text: string, values?: unknown[]): Promise<Answer>
  end(): Promise<void>
}

export interface Client {
  query(text: string, values?: unknown[]): Promise<Answer>
  /** `true`: the connection is not to be used again. */
  release(destroy?: boolean): void
}

interface Answer {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}
