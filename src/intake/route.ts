import { isToken } from '../core/ids.js'

/** Where a request goes. What follows the receiver's URL is kept as it was sent. */
export interface Route {
  readonly token: string
  /** `''` or `/status`. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
}

/**
 * Finds `<anything>/r/<token>[/path][?query]` in the target of a request, for one prefix.
 *
 * The first place that fits counts: our own part of a URL stands before everything that a third party may append, so
 * nothing that is appended can lead to another receiver. Nothing is decoded, and `..` is not resolved. What has no
 * token of the right form is not ours.
 */
export function routeFinder(prefix: string): (target: string) => Route | undefined {
  const marker = `${prefix}/`
  return target => {
    const question = target.indexOf('?')
    const path = question < 0 ? target : target.slice(0, question)
    for (let at = path.indexOf(marker); at >= 0; at = path.indexOf(marker, at + 1)) {
      const start = at + marker.length
      const slash = path.indexOf('/', start)
      const end = slash < 0 ? path.length : slash
      const token = path.slice(start, end)
      if (isToken(token)) {
        return { token, path: path.slice(end), query: question < 0 ? '' : target.slice(question + 1) }
      }
    }
    return undefined
  }
}
