/** What has no order, in one that does not depend on the order of members either. */
export function sorted(list: unknown): unknown {
  if (!Array.isArray(list)) return list
  return list
    .map(item => ({ item, text: JSON.stringify(item, inOrder) }))
    .sort((x, y) => (x.text < y.text ? -1 : 1))
    .map(({ item }) => item)
}

function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
}
