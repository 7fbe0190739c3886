// setup=time: `server` is an open CallbackServer in memory, on a clock that is driven by hand: `pass('3d')` lets time pass.
// `post` is the third party, and `links` are the URLs of ours that third parties were given, in that order.

import { CallbackServer } from 'longline'
import { ManualClock } from 'longline/testing'

const publicUrl = 'https://hooks.example.com'
const clock = new ManualClock()

/** @type {string[]} */
export const links = []

export const server = await CallbackServer.open({
  store: 'memory:',
  publicUrl,
  clock,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  fetch: async request => {
    for (const [link] of (await request.clone().text()).matchAll(
      /https:\/\/hooks\.example\.com\/r\/[^"\s]+/g,
    ))
      if (!links.includes(link)) links.push(link)
    return fetch(request) // to the third parties of world.mjs
  },
})

// What third parties call back does not leave the process.
const fetchOutside = globalThis.fetch
Object.assign(globalThis, { fetch: fetchHere })

/**
 * @param {string | URL | Request} input
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
function fetchHere(input, init) {
  const request = new Request(input, init)
  return request.url.startsWith(publicUrl) ? server.fetch(request) : fetchOutside(request)
}

/** @param {import('longline').Duration} by */
export function pass(by) {
  return clock.advance(by)
}

/**
 * A callback from the world; what follows from it has happened when this is over.
 *
 * @param {string | undefined} url
 * @param {unknown} body as JSON
 */
export async function post(url, body) {
  if (url === undefined) throw new Error('nobody was given a URL')
  const headers = { 'content-type': 'application/json' }
  const response = await server.fetch(
    new Request(url, { method: 'POST', headers, body: JSON.stringify(body) }),
  )
  await clock.settle()
  return response
}
