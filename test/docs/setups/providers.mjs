// setup=providers: `server` as in setup=server, whose warnings are for the reader of a log and not for that of a guide. The
// secrets are in the environment, as in your program. `senders.stripe(url)` calls a URL as Stripe does, once signed with its
// secret and once with another one, and tells the two statuses that it read; `asks.slack(url)` asks as Slack does, and tells the
// answer.

import { createHash, createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import { CallbackServer } from 'longline'

export const server = await CallbackServer.listen({
  port: 0,
  store: 'memory:',
  logger: { debug() {}, info() {}, warn() {}, error: console.error },
})

/** @typedef {{ url?: string, body: string, headers: Record<string, string> }} Call */
/** @typedef {(request: Request) => Response | Promise<Response>} Handler */
/** @typedef {(url: string, secret: string) => Call} Sign */

const random = () => randomBytes(24).toString('base64')
const whsec = () => `whsec_${random()}`
const json = { 'content-type': 'application/json' }
const seconds = () => String(Math.floor(Date.now() / 1_000))

/**
 * @param {string} secret
 * @param {string} content
 * @param {{ hash?: string, encoding?: import('node:crypto').BinaryToTextEncoding }} [how]
 */
function hmac(secret, content, { hash = 'sha256', encoding = 'hex' } = {}) {
  return createHmac(hash, secret).update(content).digest(encoding)
}

/** @type {Sign} */
function byStandardWebhooks(_, secret) {
  const [id, at, body] = [`msg_${randomUUID()}`, seconds(), '{"type":"response.completed"}']
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return {
    body,
    headers: {
      ...json,
      'webhook-id': id,
      'webhook-timestamp': at,
      'webhook-signature': `v1,${signature}`,
    },
  }
}

/**
 * A provider: where its secret stands in the environment, what its secrets look like, and how it signs.
 *
 * @param {string} variable
 * @param {() => string} make
 * @param {Sign} toCall
 */
function sender(variable, make, toCall) {
  const secret = make()
  process.env[variable] = secret
  return (/** @type {string} */ url, /** @type {Handler} */ handler = request => fetch(request)) =>
    callTwice([toCall(url, secret), toCall(url, make())], url, handler)
}

/**
 * @param {readonly Call[]} calls
 * @param {string} url
 * @param {Handler} handler
 */
async function callTwice(calls, url, handler) {
  const statuses = []
  for (const call of calls) {
    const { headers, body } = call
    statuses.push((await handler(new Request(call.url ?? url, { method: 'POST', headers, body }))).status)
  }
  return statuses
}

const keys = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ed25519')
const realFetch = globalThis.fetch
Object.assign(globalThis, {
  fetch: (/** @type {string | URL | Request} */ input, /** @type {RequestInit} */ init) =>
    String(input instanceof Request ? input.url : input).startsWith('https://rest.fal.ai/')
      ? Response.json({ keys: [keys.publicKey.export({ format: 'jwk' })] })
      : realFetch(input, init),
})

/** @param {import('node:crypto').KeyObject} key */
function byFal(key) {
  const [id, at, body] = [randomUUID(), seconds(), '{"status":"OK"}']
  const content = [id, 'github|1', at, createHash('sha256').update(body).digest('hex')].join('\n')
  return {
    body,
    headers: {
      ...json,
      'x-fal-webhook-request-id': id,
      'x-fal-webhook-user-id': 'github|1',
      'x-fal-webhook-timestamp': at,
      'x-fal-webhook-signature': sign(null, Buffer.from(content), key).toString('hex'),
    },
  }
}

export const senders = {
  /** Of no list: see *A provider that is not in the list*. */
  hubspot: sender('HUBSPOT_CLIENT_SECRET', random, (url, secret) => {
    const [at, body] = [String(Date.now()), '[{"eventId":7}]']
    const signature = hmac(secret, `POST${url}${body}${at}`, { encoding: 'base64' })
    return {
      body,
      headers: { ...json, 'x-hubspot-signature-v3': signature, 'x-hubspot-request-timestamp': at },
    }
  }),
  /** Of no list: see *Several values in one header*. */
  acme: sender('ACME_SECRET', random, (_, secret) => {
    const [at, body] = [String(Date.now()), '{"id":7}']
    const signature = hmac(secret, `${at}.${body}`, { encoding: 'base64' })
    return { body, headers: { ...json, 'acme-sig': `t=${at},s=${signature}` } }
  }),
  resend: sender('RESEND_WEBHOOK_SECRET', whsec, byStandardWebhooks),
  openai: sender('OPENAI_WEBHOOK_SECRET', whsec, byStandardWebhooks),
  replicate: sender('REPLICATE_WEBHOOK_SECRET', whsec, byStandardWebhooks),
  stripe: sender('STRIPE_WEBHOOK_SECRET', whsec, (_, secret) => {
    const [at, body] = [seconds(), JSON.stringify({ id: `evt_${randomUUID()}`, object: 'event' })]
    return { body, headers: { ...json, 'stripe-signature': `t=${at},v1=${hmac(secret, `${at}.${body}`)}` } }
  }),
  github: sender('GITHUB_WEBHOOK_SECRET', random, (_, secret) => {
    const body = '{"ref":"refs/heads/main"}'
    return {
      body,
      headers: {
        ...json,
        'x-github-delivery': randomUUID(),
        'x-github-event': 'push',
        'x-hub-signature-256': `sha256=${hmac(secret, body)}`,
      },
    }
  }),
  slack: sender('SLACK_SIGNING_SECRET', random, (_, secret) => {
    const [at, body] = [seconds(), 'command=%2Freport&text=today']
    return {
      body,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': at,
        'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}`,
      },
    }
  }),
  shopify: sender('SHOPIFY_CLIENT_SECRET', random, (_, secret) => {
    const body = '{"id":820982911946154500}'
    return {
      body,
      headers: {
        ...json,
        'x-shopify-webhook-id': randomUUID(),
        'x-shopify-hmac-sha256': hmac(secret, body, { encoding: 'base64' }),
      },
    }
  }),
  twilio: sender('TWILIO_AUTH_TOKEN', random, (url, secret) => {
    const content = `${url}BodyHelloFrom+15005550006`
    return {
      body: 'From=%2B15005550006&Body=Hello',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'i-twilio-idempotency-token': randomUUID(),
        'x-twilio-signature': hmac(secret, content, { hash: 'sha1', encoding: 'base64' }),
      },
    }
  }),
  mailgun: sender('MAILGUN_SIGNING_KEY', random, (_, secret) => {
    const [timestamp, token] = [seconds(), randomBytes(25).toString('hex')]
    const signature = { timestamp, token, signature: hmac(secret, timestamp + token) }
    return { body: JSON.stringify({ signature, 'event-data': { event: 'delivered' } }), headers: json }
  }),
  zoom: sender('ZOOM_SECRET_TOKEN', random, (_, secret) => {
    const [at, body] = [seconds(), '{"event":"meeting.started","payload":{}}']
    return {
      body,
      headers: {
        ...json,
        'x-zm-request-timestamp': at,
        'x-zm-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}`,
      },
    }
  }),
  meta: sender('META_APP_SECRET', random, (_, secret) => {
    const body = '{"object":"whatsapp_business_account","entry":[]}'
    return { body, headers: { ...json, 'x-hub-signature-256': `sha256=${hmac(secret, body)}` } }
  }),
  line: sender('LINE_CHANNEL_SECRET', random, (_, secret) => {
    const body = '{"destination":"U0","events":[]}'
    return { body, headers: { ...json, 'x-line-signature': hmac(secret, body, { encoding: 'base64' }) } }
  }),
  paddle: sender('PADDLE_WEBHOOK_SECRET', random, (_, secret) => {
    const [at, body] = [seconds(), JSON.stringify({ notification_id: `ntf_${randomUUID()}` })]
    return { body, headers: { ...json, 'paddle-signature': `ts=${at};h1=${hmac(secret, `${at}:${body}`)}` } }
  }),
  linear: sender(
    'LINEAR_WEBHOOK_SECRET',
    () => `lin_wh_${random()}`,
    (_, secret) => {
      const body = JSON.stringify({ type: 'Issue', webhookTimestamp: Date.now() })
      return {
        body,
        headers: { ...json, 'linear-delivery': randomUUID(), 'linear-signature': hmac(secret, body) },
      }
    },
  ),
  x: sender('X_CONSUMER_SECRET', random, (_, secret) => {
    const body = '{"for_user_id":"2244994945","tweet_create_events":[]}'
    const signature = `sha256=${hmac(secret, body, { encoding: 'base64' })}`
    return { body, headers: { ...json, 'x-twitter-webhooks-signature': signature } }
  }),
  square: sender('SQUARE_SIGNATURE_KEY', random, (url, secret) => {
    const body = JSON.stringify({ event_id: randomUUID(), type: 'payment.updated' })
    const signature = hmac(secret, url + body, { encoding: 'base64' })
    return { body, headers: { ...json, 'x-square-hmacsha256-signature': signature } }
  }),
  fal: (/** @type {string} */ url, /** @type {Handler} */ handler = request => fetch(request)) =>
    callTwice([byFal(keys.privateKey), byFal(stranger.privateKey)], url, handler),
}

process.env.META_VERIFY_TOKEN = 'what you have entered beside the URL'

/**
 * A question that is signed as an event is.
 *
 * @param {string} url
 * @param {string} body
 * @param {{ secret: string | undefined, timestamp: string, signature: string }} how
 */
async function ask(url, body, { secret = '', timestamp, signature }) {
  const at = seconds()
  const headers = { ...json, [timestamp]: at, [signature]: `v0=${hmac(secret, `v0:${at}:${body}`)}` }
  return (await fetch(url, { method: 'POST', headers, body })).text()
}

export const asks = {
  slack: (/** @type {string} */ url) =>
    ask(url, '{"token":"","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd","type":"url_verification"}', {
      secret: process.env.SLACK_SIGNING_SECRET,
      timestamp: 'x-slack-request-timestamp',
      signature: 'x-slack-signature',
    }),
  zoom: (/** @type {string} */ url) =>
    ask(url, '{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}', {
      secret: process.env.ZOOM_SECRET_TOKEN,
      timestamp: 'x-zm-request-timestamp',
      signature: 'x-zm-signature',
    }),
}
