// Who verifies beside whom, and what each of them is handed.
//
// Ours gets a request as the intake makes one for each: the headers as `node:http` read them, and bytes, of which a verifier gets
// a copy. Theirs gets what its users have at hand: a body that is a text already, and headers in an object. What each does
// besides verifying, such as to parse the body, stands in its name.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { verify as octokit } from '@octokit/webhooks-methods'
import { github, standardWebhooks, stripe, twilio } from 'longline/verify'
import { Webhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilioSdk from 'twilio'
import {
  forgeStandard,
  forgeTwilio,
  SECRET,
  signGithub,
  signStandard,
  signStripe,
  signTwilio,
} from './signed.mjs'
import { loadTypeScript } from './typescript.mjs'

/** @typedef {import('./signed.mjs').Signed} Signed */
/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {() => boolean | Promise<boolean>} run whether it said what it has to
 */
/** @typedef {{ title: string, contenders: readonly Contender[] }} Comparison */

/** @type {typeof import('../../src/intake/raw-request.js')} */
const { UnacceptedRequest } = await loadTypeScript('src/intake/raw-request.ts')

const SIZES = [500, 65_536]
const REFUSED_SIZES = [...SIZES, 1_048_576]
const KEY = Buffer.from(SECRET.slice('whsec_'.length), 'base64')

/**
 * Signed now: what holds a time passes for five minutes.
 *
 * @returns {readonly Comparison[]}
 */
export function toComparisons() {
  return [
    ...SIZES.map(size => toComparison('Standard Webhooks', size, ofStandard(signStandard(size)))),
    ...SIZES.map(size => toComparison('Stripe', size, ofStripe(signStripe(size)))),
    ...SIZES.map(size => toComparison('GitHub', size, ofGithub(signGithub(size)))),
    ...SIZES.map(size => toComparison('Twilio, a form', size, ofTwilio(signTwilio(size)))),
    ...REFUSED_SIZES.map(size =>
      toComparison('Standard Webhooks, refused', size, ofStandardForged(forgeStandard(size))),
    ),
    ...REFUSED_SIZES.map(size =>
      toComparison('Twilio, a form, refused', size, ofTwilioForged(forgeTwilio(size))),
    ),
  ]
}

/**
 * @param {string} title
 * @param {number} size
 * @param {readonly Contender[]} contenders
 */
function toComparison(title, size, contenders) {
  return { title: `${title}, ${size < 1_024 ? `${size} bytes` : `${size / 1_024} KiB`}`, contenders }
}

/** @param {Signed} signed */
function ofStandard(signed) {
  const { body, headers } = signed
  const [theirs, svix] = [new Webhook(SECRET), new SvixWebhook(SECRET)]
  return [
    bareStandard(signed, true),
    ours(signed, standardWebhooks({ secret: SECRET })),
    passing('standardwebhooks', () => theirs.verify(body, headers, { jsonParse: false }) === undefined),
    passing('svix; parses JSON', () => svix.verify(body, headers) !== undefined),
  ]
}

/** @param {Signed} forged */
function ofStandardForged(forged) {
  const { body, headers } = forged
  const theirs = new Webhook(SECRET)
  return [
    bareStandard(forged, false),
    oursRefusing(forged, standardWebhooks({ secret: SECRET })),
    refusing('standardwebhooks', () => theirs.verify(body, headers, { jsonParse: false })),
  ]
}

/** @param {Signed} signed */
function ofStripe(signed) {
  const { body, headers } = signed
  const { 'stripe-signature': header = '' } = headers
  const { webhooks } = new Stripe('sk_test_none')
  const [, timestamp, , signature = ''] = header.split(/[=,]/)
  return [
    passing('node:crypto', () =>
      equal(createHmac('sha256', SECRET).update(`${timestamp}.`).update(body).digest(), signature, 'hex'),
    ),
    ours(signed, stripe({ secret: SECRET }), 'longline; parses JSON for the id'),
    passing('stripe, constructEvent; parses JSON', () => {
      return webhooks.constructEvent(body, header, SECRET).id !== ''
    }),
    passing('stripe, verifyHeader', () => webhooks.signature?.verifyHeader(body, header, SECRET) === true),
  ]
}

/** @param {Signed} signed */
function ofGithub(signed) {
  const { body, headers } = signed
  const { 'x-hub-signature-256': header = '' } = headers
  const signature = header.slice('sha256='.length)
  return [
    passing('node:crypto', () => equal(createHmac('sha256', SECRET).update(body).digest(), signature, 'hex')),
    ours(signed, github({ secret: SECRET })),
    passing('@octokit/webhooks-methods', () => octokit(SECRET, body, header)),
  ]
}

/** @param {Signed} signed */
function ofTwilio(signed) {
  const { body, url, headers } = signed
  const { 'x-twilio-signature': signature = '' } = headers
  const fields = toFields(body)
  return [
    bareTwilio(signed, true),
    ours(signed, twilio({ secret: SECRET }), 'longline; parses the form'),
    passing('twilio; parses the form', () =>
      twilioSdk.validateRequest(SECRET, signature, url, toFields(body)),
    ),
    passing('twilio; has the fields', () => twilioSdk.validateRequest(SECRET, signature, url, fields)),
  ]
}

/** @param {Signed} forged */
function ofTwilioForged(forged) {
  const { body, url, headers } = forged
  const { 'x-twilio-signature': signature = '' } = headers
  return [
    bareTwilio(forged, false),
    oursRefusing(forged, twilio({ secret: SECRET }), 'longline; parses the form'),
    passing(
      'twilio; parses the form',
      () => !twilioSdk.validateRequest(SECRET, signature, url, toFields(body)),
    ),
  ]
}

/** As its users read a form. @param {string} body */
function toFields(body) {
  return Object.fromEntries(new URLSearchParams(body))
}

/**
 * What there is to do at the very least.
 *
 * @param {Signed} signed
 * @param {boolean} passes
 */
function bareStandard({ body, headers }, passes) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': header = '' } = headers
  const signature = header.slice('v1,'.length)
  return passing('node:crypto', () => {
    const digest = createHmac('sha256', KEY).update(`${id}.${timestamp}.`).update(body).digest()
    return equal(digest, signature, 'base64') === passes
  })
}

/**
 * The same, its text put together beforehand.
 *
 * @param {Signed} signed
 * @param {boolean} passes
 */
function bareTwilio({ body, url, headers }, passes) {
  const { 'x-twilio-signature': signature = '' } = headers
  const fields = toFields(body)
  const content = Object.keys(fields)
    .sort()
    .map(name => `${name}${fields[name]}`)
    .join('')
  return passing('node:crypto; has the text', () => {
    const digest = createHmac('sha1', SECRET).update(url).update(content).digest()
    return equal(digest, signature, 'base64') === passes
  })
}

/**
 * @param {Buffer} digest
 * @param {string} signature
 * @param {BufferEncoding} encoding
 */
function equal(digest, signature, encoding) {
  const given = Buffer.from(signature, encoding)
  return given.length === digest.length && timingSafeEqual(given, digest)
}

/**
 * @param {Signed} signed
 * @param {import('../../src/model/code.js').Verify} verify
 * @param {string} [name]
 */
function ours(signed, verify, name = 'longline') {
  const toRequest = requestsOf(signed)
  return passing(name, () => {
    const verdict = verify(toRequest())
    return verdict === true || (typeof verdict === 'object' && 'deliveryId' in verdict)
  })
}

/**
 * @param {Signed} forged
 * @param {import('../../src/model/code.js').Verify} verify
 * @param {string} [name]
 */
function oursRefusing(forged, verify, name = 'longline') {
  const toRequest = requestsOf(forged)
  return refusing(name, () => verify(toRequest()))
}

/**
 * Each as it would come in now, with nothing of it looked at.
 *
 * @param {Signed} signed
 */
function requestsOf({ body, url, headers }) {
  const request = {
    method: 'POST',
    route: { token: '', path: '', query: '' },
    rawHeaders: Object.entries(headers).flat(),
    remoteAddress: '127.0.0.1',
    gone: false,
    onGone: () => () => undefined,
    readBody: async () => bytes,
  }
  const bytes = new TextEncoder().encode(body)
  return () => new UnacceptedRequest(request, { receivedAt: new Date(), url, body: bytes })
}

/**
 * @param {string} name
 * @param {() => boolean | Promise<boolean>} run
 */
function passing(name, run) {
  return { name, run }
}

/**
 * @param {string} name
 * @param {() => unknown} verify
 */
function refusing(name, verify) {
  return passing(name, () => {
    try {
      verify()
      return false
    } catch {
      return true
    }
  })
}
