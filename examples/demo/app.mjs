// The delivery app: has orders for whoever registers for a region, and grants them, or not, when it is asked.

import { setTimeout as delay } from 'node:timers/promises'
import { onStop, tell } from './protocol.mjs'
import { answer, listen, post } from './third-party.mjs'

/** @typedef {import('./protocol.mjs').Order} Order */

const [count] = process.argv.slice(2)
const atOnce = 8
const pauseMs = 80
const thinkMs = 100
/** The broker waits longer than this demo takes. */
const until = Number.POSITIVE_INFINITY

const waiting = Array.from({ length: Number(count) }, (_, index) => String(index + 1))

onStop(() => process.exit(0))
await listen((path, { region, webhook_url, callback_url }) => {
  if (path === '/regions') return { about: `region ${region}`, act: () => placeAll(webhook_url) }
  const [, order] = /^\/orders\/(\d+)\/accept$/.exec(path) ?? []
  if (order === undefined) return undefined
  return { about: `accept of ${order}`, act: () => decide(order, callback_url) }
})

/** @param {string | undefined} url */
async function placeAll(url) {
  await Promise.all(Array.from({ length: atOnce }, () => place(url)))
}

/** @param {string | undefined} url */
async function place(url) {
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    /** @type {Order} */
    const order = { id, dish: Number(id) % 2 === 0 ? 'pizza' : 'ramen', placedAt: Date.now() }
    tell({ type: 'placed', order: id })
    const { status, tries } = await post(url, `order-${id}`, order)
    if (status !== 202) throw new Error(`The broker answered order ${id} with ${status}`)
    tell({ type: 'taken', order: id, tries })
    await delay(pauseMs)
  }
}

/**
 * @param {string} order
 * @param {string | undefined} callbackUrl
 */
async function decide(order, callbackUrl) {
  await delay(thinkMs)
  await answer(callbackUrl, { by: 'app', order, yes: Number(order) % 6 !== 0, until })
}
