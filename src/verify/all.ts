import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verdict, Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'
import { judge } from './verdict.js'

/**
 * Passes what every one of its verifiers passes, where a list lets in what one of them does. They are asked in order, and
 * none after one that refuses, so the cheapest comes first:
 *
 * ```ts
 * server.source('shop', { verify: all(ip({ ranges: ['203.0.113.0/24'] }), github({ secret })) })
 * ```
 *
 * The delivery id is the first that one of them gives. Without a promise where none of them needs one.
 *
 * @throws InvalidOptionsError without verifiers, because nothing would be checked.
 */
export function all(...verifiers: readonly Verify[]): Verify {
  if (verifiers.length === 0) {
    throw new InvalidOptionsError('all() has no verifiers, so that anybody could pass; give at least one')
  }
  if (verifiers.some(verify => typeof verify !== 'function')) {
    throw new InvalidOptionsError('all() takes verifiers one by one, such as all(ip(…), hmac(…))')
  }
  return request => askNext(verifiers, request, undefined)
}

function askNext(
  [verify, ...others]: readonly Verify[],
  request: RawRequest,
  deliveryId: string | undefined,
): Verdict | Promise<Verdict> {
  if (verify === undefined) return deliveryId === undefined ? true : { deliveryId }
  const judging = judge([verify], request)
  const goOn = (judgement: Awaited<typeof judging>) => {
    if (!judgement.ok) throw new VerificationError(judgement.reason)
    // An empty id says that there is none; the next may know one.
    return askNext(others, request, deliveryId || (judgement.deliveryId ?? deliveryId))
  }
  return judging instanceof Promise ? judging.then(goOn) : goOn(judging)
}
