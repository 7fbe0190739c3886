/** One element of a header: its values by their names in lower case. `undefined` is what stands there twice. */
export type Element = ReadonlyMap<string, string | undefined>

/**
 * What the headers `Forwarded` and `X-Forwarded-Client-Cert` hold: elements with commas between, of `name=value` with semicolons
 * between; a value may be quoted. `undefined` where a part of it is anything else, because those on the left are the
 * sender's own: an opened quote of his must not swallow what a proxy has put behind it.
 */
export function parseElements(header: string): readonly Element[] | undefined {
  const pair = /[ \t]*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*))[ \t]*([;,]|$)/y
  let element = new Map<string, string | undefined>()
  const elements = [element]
  for (;;) {
    const match = pair.exec(header)
    if (match?.[1] === undefined) return undefined
    const name = match[1].toLowerCase()
    const [, , quoted, plain, end] = match
    element.set(name, element.has(name) ? undefined : (quoted?.replace(/\\(.)/g, '$1') ?? plain))
    if (end === '') return elements
    if (end === ';') continue
    element = new Map()
    elements.push(element)
  }
}

/** The value under a name, where there is one and no second. */
export function onlyValue(element: Element | undefined, name: string): string | undefined {
  return element?.get(name)
}
