import type { HmacOptions } from './hmac.js'

type Setting = Pick<HmacOptions, 'name' | 'content' | 'signature' | 'timestamp'>

/**
 * How Slack signs, whether it asks a question or sends an event.
 *
 * @see https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export const SLACK = {
  name: 'slack',
  content: 'v0:{timestamp}:{body}',
  signature: { header: 'x-slack-signature', prefix: 'v0=' },
  timestamp: 'x-slack-request-timestamp',
} as const satisfies Setting

/**
 * How Zoom signs: in the same way, under names of its own.
 *
 * @see https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events
 */
export const ZOOM = {
  name: 'zoom',
  content: 'v0:{timestamp}:{body}',
  signature: { header: 'x-zm-signature', prefix: 'v0=' },
  timestamp: 'x-zm-request-timestamp',
} as const satisfies Setting
