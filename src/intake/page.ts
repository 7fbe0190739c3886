import type { Page } from '../model/code.js'
import type { ReceiverRecord } from '../model/receiver.js'
import { toHeaders } from './raw-request.js'
import { isResponse, type Reply, toReply } from './reply.js'
import type { IntakeRequest } from './request.js'

/** What a person sees who opens the URL. */
export async function openPage(
  page: Page,
  receiver: ReceiverRecord,
  { request, url }: { readonly request: IntakeRequest; readonly url: string },
): Promise<Reply> {
  const visit = toVisit(url, request)
  const { key } = receiver
  const response = await page({
    request: visit,
    state: receiver.state,
    ...(key === undefined ? {} : { key }),
  })
  if (!isResponse(response)) throw new TypeError('page must return a Response')
  return toReply(response)
}

function toVisit(url: string, { method, rawHeaders }: IntakeRequest): Request {
  const headers = toHeaders(rawHeaders)
  try {
    return new Request(url, { method, headers })
  } catch {
    // The platform's own message quotes the URL, and the token with it.
    throw new TypeError('the request cannot be shown to a page: its URL is not valid')
  }
}
