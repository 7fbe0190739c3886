import { InvalidOptionsError } from '../errors.js'

/**
 * A misspelt option would be an option left out, so it is refused by name. `what` says whose options they are.
 *
 * @throws InvalidOptionsError for what is no object, and for a name that is not among `names`.
 */
export function checkOptionNames(options: unknown, names: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null) {
    const whose = what.replace(/^(A|An|The) /, article => article.toLowerCase())
    throw new InvalidOptionsError(`The options of ${whose} must be an object`)
  }
  const unknown = Object.keys(options).find(name => !names.includes(name))
  if (unknown === undefined) return
  throw new InvalidOptionsError(`${what} has no option '${unknown}'; there are ${names.join(', ')}`)
}
