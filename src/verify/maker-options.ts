import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import { isRawRequest } from '../model/received.js'

/**
 * The options of a function that makes a verifier or a handshake. Where the function was given in the place of what it makes, it
 * is the request that it is called with.
 *
 * @throws InvalidOptionsError for a request; for what is no object, and for a name that is not among `names`.
 */
export function checkMakerOptions(options: unknown, names: readonly string[], what: string): void {
  if (isRawRequest(options)) {
    const maker = what.replace('The verifier ', '').replace('The handshake ', 'handshakes.')
    throw new InvalidOptionsError(
      `${maker} itself was given where what it returns belongs: write ${maker}({ … }) where you declare it`,
    )
  }
  checkOptionNames(options, names, what)
}
