import type { Page } from '../model/code.js'
import type { ReceiverRecord } from '../model/receiver.js'
import { toHeaders } from './raw-request.js'
import { type Reply, toReply } from './reply.js'
import type { IntakeRequest } from './request.js'

/** What a person sees who opens the URL. */
export async function openPage(
  page: Page,
  receiver: ReceiverRecord,
  { request, url }: { readonly request: IntakeRequest; readonly url: string },
): Promise<Reply> {
  const visit = new Request(url, { method: request.method, headers: toHeaders(request.rawHeaders) })
  const { key } = receiver
  const response = await page({
    request: visit,
    state: receiver.state,
    ...(key === undefined ? {} : { key }),
  })
  if (!(response instanceof Response)) throw new TypeError('page must return a Response')
  return toReply(response)
}
