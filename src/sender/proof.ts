import { constantTimeEqual, toText, utf8 } from '../core/bytes.js'
import { createToken } from '../core/ids.js'
import { readJson } from '../model/content.js'
import type { MessageRecord } from '../model/delivery.js'
import type { Proof } from '../model/endpoint-options.js'
import type { Rate } from '../model/lane.js'
import type { CarriedAnswer } from './carrier.js'

// How an endpoint shows that it wants what a subscription sends to it, before anything else is sent there.
//
//   echo         POST { type: 'subscription.proof', token }    answered 2xx with the token, alone or as { "token": … }
//   visit        POST { type: 'subscription.proof', url }      somebody opens the URL, a receiver of ours, and says yes
//   cloudevents  OPTIONS with WebHook-Request-Origin           WebHook-Allowed-Origin names it, or is a star; a
//                                                              WebHook-Allowed-Rate holds from then on
//
// The last is the handshake of the CloudEvents webhook specification:
// https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md

const MINUTE_MS = 60_000

const PROOF_TYPE = 'subscription.proof'

export type ProofRequest = Pick<MessageRecord, 'method' | 'headers' | 'body'>

export interface ProofFacts {
  readonly subscriptionId: string
  readonly topic: string
  /** Who asks, by the name of its host. */
  readonly origin: string
  /** What is to be opened, for a visit. */
  readonly url?: string
}

export function toProofRequest(
  proof: Proof,
  { subscriptionId, topic, origin, url }: ProofFacts,
): ProofRequest {
  if (proof === 'cloudevents') {
    return { method: 'OPTIONS', headers: [['webhook-request-origin', origin]], body: new Uint8Array() }
  }
  const asks = proof === 'echo' ? { token: createToken() } : { url }
  return {
    method: 'POST',
    headers: [['content-type', 'application/json']],
    body: utf8(JSON.stringify({ type: PROOF_TYPE, subscriptionId, topic, ...asks })),
  }
}

/** Why an answer proves nothing, in words; `undefined` when it does, or when it is not for the answer to prove it. */
export function objectionToProof(
  proof: Proof | undefined,
  { headers, body }: ProofRequest,
  answer: CarriedAnswer,
): string | undefined {
  switch (proof) {
    case 'echo':
      return isEchoOf(tokenOf(body), answer.body) ? undefined : 'answered without the token that it was sent'
    case 'cloudevents': {
      const origin = headers.find(([name]) => name === 'webhook-request-origin')?.[1]
      const allowed = answer.headers
        .find(([name]) => name.toLowerCase() === 'webhook-allowed-origin')?.[1]
        .trim()
      // Names of hosts know no capitals.
      return allowed === '*' || (allowed !== undefined && allowed.toLowerCase() === origin)
        ? undefined
        : 'answered without allowing us to send: webhook-allowed-origin does not name us'
    }
    case 'visit':
      return undefined
    default:
      return 'answered, but no proof is asked for any more'
  }
}

/** How fast it allows us to send, by the header `WebHook-Allowed-Rate`: requests a minute, or a star. */
export function allowedRateOf({ headers }: CarriedAnswer): Rate | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === 'webhook-allowed-rate')?.[1].trim() ?? ''
  return /^[1-9]\d{0,8}$/.test(value) ? { count: Number(value), perMs: MINUTE_MS } : undefined
}

function tokenOf(body: Uint8Array): string {
  const { token } = readJson(body) as { token?: unknown }
  return typeof token === 'string' ? token : ''
}

function isEchoOf(token: string, body: Uint8Array): boolean {
  const text = toText(body).trim()
  return token !== '' && [text, textIn(text)].some(given => constantTimeEqual(utf8(given), utf8(token)))
}

/** The token in `{ "token": … }` or in a JSON text. */
function textIn(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    const token = typeof value === 'object' && value !== null && 'token' in value ? value.token : value
    return typeof token === 'string' ? token : ''
  } catch {
    return ''
  }
}
