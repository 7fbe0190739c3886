import type { Page } from '../model/code.js'
import { type ReceiverRecord, stateAt } from '../model/receiver.js'
import { toHeaders } from './raw-request.js'
import { type Reply, toReply } from './reply.js'
import type { IntakeRequest } from './request.js'

/** What a person sees who opens the URL. */
export async function openPage(
  page: Page,
  receiver: ReceiverRecord,
  { request, url, now }: { readonly request: IntakeRequest; readonly url: string; readonly now: number },
): Promise<Reply> {
  const visit = new Request(url, { method: request.method, headers: toHeaders(request.rawHeaders) })
  const { key } = receiver
  const response = await page({
    request: visit,
    state: stateAt(receiver, now),
    ...(key === undefined ? {} : { key }),
  })
  if (!(response instanceof Response)) throw new TypeError('page must return a Response')
  return toReply(response)
}
