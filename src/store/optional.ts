/** `{ [name]: value }`, or nothing where there is no value. */
export function optional<K extends string, V>(
  name: K,
  value: V | null | undefined,
): { readonly [N in K]?: V } {
  return (value === null || value === undefined ? {} : { [name]: value }) as { readonly [N in K]?: V }
}
