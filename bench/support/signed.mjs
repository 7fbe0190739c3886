// Requests as providers sign them, with the headers that come with them on the way.

import { createHmac } from 'node:crypto'
import { toBody } from './requests.mjs'

/**
 * @typedef {object} Signed
 * @property {string} body
 * @property {string} url
 * @property {Readonly<Record<string, string>>} headers
 */

export const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
const URL = 'https://hooks.example.com/r/tttttttttttttttttttttt'

/** What else a webhook carries that came through a proxy. */
const usual = {
  host: 'hooks.example.com',
  'user-agent': 'Provider-Webhooks/1.0 (https://example.com/webhooks)',
  accept: '*/*',
  'accept-encoding': 'gzip, br',
  'content-type': 'application/json; charset=utf-8',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-proto': 'https',
}

/**
 * @param {number} size
 * @returns {Signed}
 */
export function signStandard(size) {
  const [id, timestamp, body] = ['msg_2KWPBgLlAfxdpx2AI54pPJ85f4W', nowInSeconds(), toBody(size)]
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return toSigned(body, {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  })
}

/** The three that are signed, without what else comes along. @param {Signed} signed */
export function signatureOf({ headers }) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-')))
}

/** The same under the signature of another body. @param {number} size */
export function forgeStandard(size) {
  return { ...signStandard(size), body: `${toBody(size - 1)} ` }
}

/** @param {number} size */
export function signStripe(size) {
  const [timestamp, body] = [nowInSeconds(), toBody(size)]
  const signature = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex')
  return toSigned(body, { 'stripe-signature': `t=${timestamp},v1=${signature},v0=${'0'.repeat(64)}` })
}

/** @param {number} size */
export function signGithub(size) {
  const body = toBody(size)
  const signature = createHmac('sha256', SECRET).update(body).digest('hex')
  return toSigned(body, {
    'x-github-event': 'push',
    'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    'x-hub-signature-256': `sha256=${signature}`,
  })
}

/** A message with as long a text as it takes. @param {number} size */
export function signTwilio(size) {
  const fields = {
    AccountSid: `AC${'0'.repeat(32)}`,
    ApiVersion: '2010-04-01',
    From: '+14158675310',
    FromCity: 'SAN FRANCISCO',
    FromCountry: 'US',
    MessageSid: `SM${'0'.repeat(32)}`,
    NumMedia: '0',
    NumSegments: '1',
    SmsStatus: 'received',
    To: '+18005551212',
    ToCountry: 'US',
    Body: '',
  }
  fields.Body = 'x'.repeat(size - String(new URLSearchParams(fields)).length)
  const names = /** @type {(keyof typeof fields)[]} */ (Object.keys(fields).sort())
  const content = URL + names.map(name => name + fields[name]).join('')
  const signature = createHmac('sha1', SECRET).update(content).digest('base64')
  return toSigned(String(new URLSearchParams(fields)), {
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    'i-twilio-idempotency-token': '7c5c3f0e-4b5d-4b3a-9d4e-4f7d7f0e9a11',
    'x-twilio-signature': signature,
  })
}

/** The same under the signature of another text. @param {number} size */
export function forgeTwilio(size) {
  const signed = signTwilio(size)
  return { ...signed, body: signed.body.replace('Body=x', 'Body=y') }
}

/**
 * @param {string} body
 * @param {Readonly<Record<string, string>>} headers
 * @returns {Signed}
 */
function toSigned(body, headers) {
  return {
    body,
    url: URL,
    headers: { ...usual, 'content-length': String(Buffer.byteLength(body)), ...headers },
  }
}

function nowInSeconds() {
  return String(Math.floor(Date.now() / 1_000))
}
