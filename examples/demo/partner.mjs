// The partner: gets offers, each with a callback URL, and answers later: yes, no, or not at all.

import { setTimeout as delay } from 'node:timers/promises'
import { onStop, patienceMs } from './protocol.mjs'
import { answer, listen } from './third-party.mjs'

/** Some of the orders before this one are never answered: nobody is in. */
const noon = 90
const thinkMs = 150

onStop(() => process.exit(0))
await listen((path, { id = '', placedAt, callback }) => {
  if (path !== '/orders') return undefined
  return { about: `offer of ${id}`, act: () => decide(id, Number(placedAt), callback) }
})

/**
 * @param {string} order
 * @param {number} placedAt
 * @param {string | undefined} callback
 */
async function decide(order, placedAt, callback) {
  const number = Number(order)
  if (number < noon && number % 7 === 3) return
  await delay(thinkMs + 100 * (number % 4))
  await answer(callback, { by: 'partner', order, yes: number % 5 !== 3, until: placedAt + patienceMs })
}
