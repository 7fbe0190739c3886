import type { Verify } from '../model/code.js'
import { type TimedSecretOptions, timed } from './provider.js'
import { SLACK, ZOOM } from './slack-setting.js'

// Providers that are a setting of `hmac` and sign the time of a request. Where each fact comes from stands at its function.

/**
 * Stripe: `Stripe-Signature: t=…,v1=…` over time and body, with the signing secret of the endpoint, up to 5 minutes from our
 * clock. Its delivery id is the `id` of the event, the same on every retry.
 *
 * ```ts
 * server.source('stripe', { verify: stripe({ secret: process.env.STRIPE_WEBHOOK_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for an API key in its place.
 * @see https://docs.stripe.com/webhooks#verify-manually
 */
export function stripe(options: TimedSecretOptions): Verify {
  return timed(
    options,
    {
      name: 'stripe',
      content: '{timestamp}.{body}',
      signature: { header: 'stripe-signature', separator: ',', prefix: 'v1=' },
      timestamp: { header: 'stripe-signature', separator: ',', prefix: 't=' },
      id: { field: 'id' },
    },
    {
      begins: 'whsec_',
      other: /^[srp]k_/,
      otherIs: 'an API key',
      instead: "the signing secret of the webhook endpoint, 'whsec_…'",
    },
  )
}

/**
 * Slack: `X-Slack-Signature` over `X-Slack-Request-Timestamp` and the body, with the signing secret of the app, up to 5 minutes
 * from our clock. The delivery id of an event is its `event_id`, the same on every retry; commands and interactions are forms,
 * which Slack does not repeat, and have none.
 *
 * ```ts
 * server.source('slack', { verify: slack({ secret: process.env.SLACK_SIGNING_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for a token in its place.
 * @see https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export function slack(options: TimedSecretOptions): Verify {
  return timed(
    options,
    {
      ...SLACK,
      id: { field: 'event_id' },
    },
    {
      other: /^(?:xox[a-z](?:\.[a-z]+)?-|xapp-)/,
      otherIs: 'a token',
      instead: 'the signing secret, from the basic information of the app',
    },
  )
}

/**
 * Zoom: `x-zm-signature` over `x-zm-request-timestamp` and the body, with the secret token of the app, up to 5 minutes from our
 * clock. It has no delivery id.
 *
 * ```ts
 * server.source('zoom', { verify: zoom({ secret: process.env.ZOOM_SECRET_TOKEN ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret.
 * @see https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events
 */
export function zoom(options: TimedSecretOptions): Verify {
  return timed(options, ZOOM)
}

/**
 * Paddle: `Paddle-Signature: ts=…;h1=…` over time and body, with the secret key of the notification destination, up to 5 seconds
 * from our clock, as in Paddle's own libraries: where clocks are further apart, `tolerance` says how far. Its delivery id is the
 * `notification_id`, the same on every retry.
 *
 * ```ts
 * server.source('paddle', { verify: paddle({ secret: process.env.PADDLE_WEBHOOK_SECRET ?? '', tolerance: '30s' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for an API key in its place.
 * @see https://developer.paddle.com/webhooks/about/signature-verification
 */
export function paddle(options: TimedSecretOptions): Verify {
  return timed(
    options,
    {
      name: 'paddle',
      content: '{timestamp}:{body}',
      signature: { header: 'paddle-signature', separator: ';', prefix: 'h1=' },
      timestamp: { header: 'paddle-signature', separator: ';', prefix: 'ts=' },
      tolerance: '5s',
      id: { field: 'notification_id' },
    },
    {
      begins: 'pdl_ntfset_',
      other: /^pdl_(?:live|sdbx)_/,
      otherIs: 'an API key',
      instead: "the secret key of the notification destination, 'pdl_ntfset_…'",
    },
  )
}

/**
 * Linear: `Linear-Signature` over the body, whose field `webhookTimestamp` may be a minute from our clock. Its delivery id is the
 * header `Linear-Delivery`.
 *
 * ```ts
 * server.source('linear', { verify: linear({ secret: process.env.LINEAR_WEBHOOK_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, and for an API key in its place.
 * @see https://linear.app/developers/webhooks#securing-webhooks
 */
export function linear(options: TimedSecretOptions): Verify {
  return timed(
    options,
    {
      name: 'linear',
      signature: 'linear-signature',
      timestamp: { field: 'webhookTimestamp' },
      unit: 'ms',
      tolerance: '1m',
      id: 'linear-delivery',
    },
    {
      begins: 'lin_wh_',
      other: /^lin_(?:api|oauth)_/,
      otherIs: 'an API key',
      instead: "the signing secret of the webhook, 'lin_wh_…'",
    },
  )
}
