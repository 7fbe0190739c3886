import { VerificationError } from '../../../src/errors.js'
import type { Verify } from '../../../src/model/code.js'
import { type Given, toRequest } from './request.js'

/** Why a request is refused. */
export async function reasonFor(verify: Verify, given: Given): Promise<string> {
  const request = await toRequest(given)
  try {
    await verify(request)
  } catch (error) {
    if (error instanceof VerificationError) return error.message
    throw error
  }
  throw new Error('the request passed')
}
