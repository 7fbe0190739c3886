import { VerificationError } from '../../../src/errors.js'
import type { Verify } from '../../../src/model/code.js'
import type { RawRequest } from '../../../src/model/received.js'

/** Why a request does not pass. */
export async function refusalOf(verify: Verify, request: RawRequest): Promise<string> {
  try {
    await verify(request)
  } catch (error) {
    if (error instanceof VerificationError) return error.message
    throw error
  }
  throw new Error('The request passed')
}
