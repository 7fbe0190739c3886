// What callers say of a transaction of theirs.

/** As much of a transaction as is needed: a client of `pg` between its `begin` and its `commit` fits. */
export interface Transaction {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

export interface JoinOptions {
  /**
   * A transaction of yours, in the database that the store is in (Postgres): committed with it or not at all. What the
   * call returns is to be waited for after the commit.
   */
  within?: Transaction
}
