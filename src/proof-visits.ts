import { createHash } from 'node:crypto'
import { createId, createToken } from './core/ids.js'
import { InvalidOptionsError } from './errors.js'
import { toReceiverSettings } from './intake/receiver-settings.js'
import type { Sources } from './intake/sources.js'
import { toReceiverUrl } from './model/public-url.js'
import type { SubscriptionRecord } from './model/subscription.js'
import type { ServerSettings } from './options.js'
import type { StoreSession } from './store/store.js'

// Subscriptions that are proven by opening a URL: one receiver for each, with a page that does it. Every node declares
// the page when it starts, so any of them may be visited.
//
//   V1. A link proves the URL to which it was sent: whoever has an old one proves nothing of the next.
//   V2. A visit consumes nothing. Once it is proven, the page says so to whoever comes again.

const SOURCE = 'longline/proof'
const PREFIX = `${SOURCE}/`
const BUTTON = '<form><button name="confirm" value="yes">Yes, send them</button></form>'
/** As long as somebody may take to open it; putting the subscription again opens it anew. */
const TTL = '7d'

export interface ProofVisits {
  /** Where to go to prove a subscription. */
  toUrl(subscription: Pick<SubscriptionRecord, 'id' | 'url'>): Promise<string>
}

export function declareProofVisits({
  session,
  settings,
  sources,
}: {
  readonly session: StoreSession
  readonly settings: ServerSettings
  readonly sources: Sources
}): ProofVisits {
  const { clock } = settings
  const source = sources.declare(SOURCE, {
    page: async ({ key = '', state, request }) => {
      const id = key.slice(key.indexOf('/', PREFIX.length) + 1)
      const found = state === 'open' ? await session.findSubscription({ id }) : undefined
      if (found === undefined || keyOf(found) !== key) {
        return toPage(410, 'This link is no longer valid. Ask for a new one.')
      }
      // Previews and scanners open links; they press no buttons.
      const isConfirmed =
        request.method === 'GET' && new URL(request.url).searchParams.get('confirm') === 'yes'
      if (!isConfirmed) return toPage(200, 'Do you want to receive these messages?', BUTTON)
      await session.proveSubscription({ id, url: found.url, now: clock.now() })
      return toPage(200, 'Thank you: the subscription is confirmed.')
    },
  })
  return {
    async toUrl(subscription) {
      const { patch } = toReceiverSettings({ from: source, ttl: TTL, capacity: 1, maxBodyBytes: 1 }, sources)
      const now = clock.now()
      const outcome = await session.spawn({
        id: createId('rcv', now),
        token: createToken(),
        key: keyOf(subscription),
        now,
        patch,
        reopen: true,
        temporary: true,
      })
      if (outcome.type === 'conflict') throw new InvalidOptionsError(outcome.message)
      return toReceiverUrl(settings, outcome.receiver.token)
    },
  }
}

/** The URL comes first: an id may hold anything. */
function keyOf({ id, url }: Pick<SubscriptionRecord, 'id' | 'url'>): string {
  return `${PREFIX}${createHash('sha256').update(url).digest('base64url')}/${id}`
}

function toPage(status: number, text: string, more = ''): Response {
  const headers = {
    'content-type': 'text/html;charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; form-action 'self'",
    'referrer-policy': 'no-referrer',
  }
  return new Response(`<!doctype html><title>Subscription</title><p>${text}</p>${more}`, { status, headers })
}
