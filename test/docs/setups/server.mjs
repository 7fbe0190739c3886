// setup=server: `server` is an open CallbackServer, and `post` is the third party.

import { CallbackServer } from 'longline'

export const server = await CallbackServer.listen({
  port: 0,
  store: 'memory:',
  fetch: request => fetch(request), // to the third parties of world.mjs
})

/**
 * A callback from the world.
 *
 * @param {string} url
 * @param {unknown} body as JSON
 * @param {Record<string, string>} [headers]
 */
export function post(url, body, headers = {}) {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}
