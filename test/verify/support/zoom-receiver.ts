import { AwsLambdaReceiver } from '@zoom/rivet/chatbot'
import { vi } from 'vitest'
import type { Headers } from './counterparts.js'

/** Its types for this are those of a package that we have not. */
type Handler = (
  event: { readonly body: string; readonly headers: Headers; readonly isBase64Encoded: false },
  context: object,
) => Promise<{ readonly statusCode: number; readonly body: string }>

/**
 * What Zoom's own receiver answers: `200` to what it passes. This is the one for AWS Lambda, because the other listens on every
 * address of the machine.
 */
export async function askZoomReceiver(secret: string, request: { body: string; headers: Headers }) {
  const handler: Handler = new AwsLambdaReceiver({ webhooksSecretToken: secret }).start()
  const printed = vi.spyOn(console, 'debug').mockImplementation(() => {})
  try {
    return await handler({ ...request, isBase64Encoded: false }, {})
  } finally {
    printed.mockRestore()
  }
}
