import { cloudEvents } from './handshakes/cloud-events.js'
import { meta } from './handshakes/meta.js'
import { slack } from './handshakes/slack.js'
import { webSub } from './handshakes/web-sub.js'
import { x } from './handshakes/x.js'
import { zoom } from './handshakes/zoom.js'

/**
 * What providers ask before they send, for the option `handshake`:
 *
 * ```ts
 * server.source('slack', { handshake: handshakes.slack({ secret: process.env.SLACK_SIGNING_SECRET ?? '' }) })
 * ```
 *
 * Each checks by itself who asks, whatever `verify` does, and passes on what is no question of its provider's. None looks at
 * events: for those there are the verifiers.
 */
export const handshakes = { slack, meta, zoom, x, webSub, cloudEvents } as const
