import type { MessageRecord } from '../model/delivery.js'
import { toAddress } from './address.js'
import type { CarriedRequest } from './carrier.js'
import { toCredentialHeaders } from './credentials.js'
import { mergeHeaders, ourHeaders } from './headers.js'
import type { Policy } from './policy.js'
import { toSignatureHeaders } from './signing.js'
import { fillUrl, type UrlTemplate } from './url-template.js'

/**
 * A message as it leaves with one attempt. `at` is the instant of the attempt, which it is signed with. A token is not in
 * it yet.
 *
 * @throws InvalidOptionsError where the message lacks what the URL of its endpoint takes from it.
 */
export function toRequest(
  message: Pick<MessageRecord, 'id' | 'method' | 'path' | 'query' | 'headers' | 'type' | 'body'>,
  settings: Policy & UrlTemplate,
  { at }: { readonly at: number },
): CarriedRequest {
  const { id, method, type, body } = message
  const { tls, signingKeys } = settings
  return {
    method,
    url: toAddress(fillUrl(settings, message), message),
    headers: mergeHeaders(
      ourHeaders,
      // A name is any text, and a header is not.
      type === undefined ? [] : [['longline-type', encodeURI(type)]],
      settings.headers,
      toCredentialHeaders(settings.credentials),
      message.headers,
      [['webhook-id', id]],
      toSignatureHeaders(message, { keys: signingKeys, at }),
    ),
    body,
    ...(tls === undefined ? {} : { tls }),
  }
}
