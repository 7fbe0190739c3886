const PAGE = 100

/** Everything that a list of the store has, a page at a time. `cursorOf` is where the page behind an item begins. */
export async function* eachPage<T>(
  list: (from: { readonly after?: string; readonly limit: number }) => Promise<readonly T[]>,
  cursorOf: (item: T) => string,
  first?: string,
): AsyncGenerator<T, void, undefined> {
  let after = first
  for (;;) {
    const page = await list({ ...(after === undefined ? {} : { after }), limit: PAGE })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = cursorOf(last)
  }
}

/**
 * What a list gives of its records. The list itself is no generator, whose first line would wait until somebody reads: so it
 * checks its options where it is called.
 */
export async function* eachOf<R, T>(
  records: AsyncIterable<R>,
  toItem: (record: R) => T,
): AsyncGenerator<T, void, undefined> {
  for await (const record of records) yield toItem(record)
}
