import { VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { type SecretOptions, type UrlSecretOptions, untimed, withUrl } from './provider.js'

// Providers that are a setting of `hmac` and sign no time: what was sent once can be sent again, and only its delivery id tells.
// Where each fact comes from stands at its function.

/**
 * GitHub: `X-Hub-Signature-256` over the body; its delivery id is `X-GitHub-Delivery`, the same when you press *Redeliver*.
 *
 * One event has the same id at every webhook that hears of it, that of the repository and that of its organization: give each
 * webhook a receiver of its own, or the second of the two is taken for a repetition of the first.
 *
 * ```ts
 * server.source('github', { verify: github({ secret: process.env.GITHUB_WEBHOOK_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for an access token in its place.
 * @see https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function github(options: SecretOptions): Verify {
  return untimed(
    options,
    {
      name: 'github',
      signature: { header: 'x-hub-signature-256', prefix: 'sha256=' },
      id: 'x-github-delivery',
    },
    {
      other: /^(?:gh[opusr]_|github_pat_)/,
      otherIs: 'an access token',
      instead: 'the secret that you have written into the settings of the webhook',
    },
  )
}

/**
 * Shopify: `X-Shopify-Hmac-SHA256` over the body, with the app's client secret. Its delivery id is `X-Shopify-Webhook-Id`, the
 * same on every retry. (`X-Shopify-Event-Id` is not: all that one event of the shop sets off share it, and several
 * subscriptions may lead to one receiver.) What Shopify calls [Events](https://shopify.dev/docs/apps/build/events/verify-deliveries),
 * a preview, has the same headers without `X-`.
 *
 * ```ts
 * server.source('shopify', { verify: shopify({ secret: process.env.SHOPIFY_CLIENT_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for an access token in its place.
 * @see https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
 */
export function shopify(options: SecretOptions): Verify {
  return untimed(
    options,
    {
      name: 'shopify',
      signature: { header: ['x-shopify-hmac-sha256', 'shopify-hmac-sha256'] },
      encoding: 'base64',
      id: { header: ['x-shopify-webhook-id', 'shopify-webhook-id'] },
    },
    {
      other: /^shp(?!ss_)[a-z]{2}_/,
      otherIs: 'an access token',
      instead: "the app's client secret, 'shpss_…' or 32 hexadecimal digits",
    },
  )
}

/**
 * Meta (WhatsApp, Messenger, Instagram, Facebook): `X-Hub-Signature-256` over the body, with the app secret. It has no delivery
 * id; one body may hold several changes.
 *
 * ```ts
 * server.source('whatsapp', { verify: meta({ secret: process.env.META_APP_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for an access token in its place.
 * @see https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
 */
export function meta(options: SecretOptions): Verify {
  return untimed(
    options,
    { name: 'meta', signature: { header: 'x-hub-signature-256', prefix: 'sha256=' } },
    {
      other: /^EAA/,
      otherIs: 'an access token',
      instead: 'the app secret, from the basic settings of the app',
    },
  )
}

/**
 * LINE: `x-line-signature` over the body, with the channel secret. It has no delivery id; each event in the body has a
 * `webhookEventId` of its own.
 *
 * ```ts
 * server.source('line', { verify: line({ secret: process.env.LINE_CHANNEL_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret.
 * @see https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/
 */
export function line(options: SecretOptions): Verify {
  return untimed(options, { name: 'line', signature: 'x-line-signature', encoding: 'base64' })
}

/** `{`, with which a JSON object begins. */
const OPENING_BRACE = 0x7b

/**
 * X: `x-twitter-webhooks-signature` over the body, with the consumer secret of the app (*API key secret*). It has no delivery id.
 *
 * With the same secret, in the same way, the [handshake](https://docs.x.com/x-api/webhooks/quickstart) has to sign a token for
 * whoever asks. So a body that does not begin with `{`, as each event does and no such token, is refused though its signature
 * matches. A plain `hmac` would take such a token for an event.
 *
 * ```ts
 * const secret = process.env.X_CONSUMER_SECRET ?? ''
 * server.source('x', { verify: x({ secret }), handshake: handshakes.x({ secret }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret.
 * @see https://docs.x.com/x-api/webhooks/quickstart
 */
export function x(options: SecretOptions): Verify {
  const verify = untimed(options, {
    name: 'x',
    signature: { header: 'x-twitter-webhooks-signature', prefix: 'sha256=' },
    encoding: 'base64',
  })
  return request => {
    const verdict = verify(request)
    if (request.bytes()[0] === OPENING_BRACE) return verdict
    throw new VerificationError(
      'x: it is signed, but is no event, which is a JSON object: its body does not begin with {',
    )
  }
}

/**
 * Square: `x-square-hmacsha256-signature` over the notification URL and the body, with the signature key of the subscription.
 * Its delivery id is the field `event_id`, the same on every retry.
 *
 * ```ts
 * server.source('square', { verify: square({ secret: process.env.SQUARE_SIGNATURE_KEY ?? '' }) })
 * ```
 *
 * What counts is the URL as it stands in the subscription, to the letter. Where that is not the receiver's own, `url` says it.
 * Nothing stands between URL and body, so that whoever has seen a request could call with the beginning of its body at the end of
 * the URL. A body that is empty is refused; a `url` that is a text leaves no room for any of this.
 *
 * @throws InvalidOptionsError for an empty secret, for an access token in its place, and for a `url` that is none.
 * @see https://developer.squareup.com/docs/webhooks/step3validate
 */
export function square(options: UrlSecretOptions): Verify {
  const verify = withUrl(
    options,
    {
      name: 'square',
      content: '{url}{body}',
      signature: 'x-square-hmacsha256-signature',
      encoding: 'base64',
      id: { field: 'event_id' },
    },
    {
      other: /^(?:sq0(?:atp|csp|idp)-|EAAA.{60}$)/,
      otherIs: 'an access token or the id of an application',
      instead: 'the signature key of the webhook subscription',
    },
  )
  return request => {
    const verdict = verify(request)
    if (request.bytes().length > 0) return verdict
    throw new VerificationError(
      'square: it is signed, but has no body: somebody may have moved that into its URL',
    )
  }
}
