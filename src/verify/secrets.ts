import { InvalidOptionsError } from '../errors.js'

/**
 * One secret or several, each of which lets a request in.
 *
 * @throws InvalidOptionsError for one that is missing, empty, what a variable that is not set becomes as a text, or was read from a file
 * with its line break or its quotes. No message quotes it.
 */
export function toSecrets(given: unknown, what: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0) {
    throw new InvalidOptionsError(
      `${what} is an empty list, so that nothing could ever pass; give at least one`,
    )
  }
  return list.map((secret, index) => checkSecret(secret, Array.isArray(given) ? `${what}[${index}]` : what))
}

/** Secrets that are recognised and let nothing in: there may be none. */
export function toRetired(given: unknown, what: string): readonly string[] {
  const none = given === undefined || (Array.isArray(given) && given.length === 0)
  return none ? [] : toSecrets(given, what)
}

function checkSecret(secret: unknown, what: string): string {
  if (typeof secret !== 'string') {
    const got = secret === undefined ? 'undefined: is the environment variable set?' : 'no text'
    throw new InvalidOptionsError(`${what} is ${got}`)
  }
  if (secret === '') throw new InvalidOptionsError(`${what} is empty: is the environment variable set?`)
  if (secret.trim() !== secret) {
    throw new InvalidOptionsError(`${what} begins or ends with white space, such as the line break of a file`)
  }
  if (/^(?:undefined|null|\[object \w+\]|\$\{\w+\})$/.test(secret)) {
    throw new InvalidOptionsError(
      `${what} is no secret, but what is left of one that was not there yet: a variable that is not set or was not put in, or a promise that was not awaited`,
    )
  }
  if (/^(["'`]).*\1$/s.test(secret)) {
    throw new InvalidOptionsError(
      `${what} is in quotes, which would be a part of it: leave them out, also where the environment is read from a file`,
    )
  }
  return secret
}
