// A receiver of a source that verifies where there is a secret. The same request is accepted each time that it comes.

import { CallbackServer } from 'longline'
import { standardWebhooks } from 'longline/verify'
import { answerRunner, readTask } from '../support/child.mjs'

/** @type {{ file: string, secret?: string }} */
const { file, secret } = readTask()

const server = await CallbackServer.listen({ store: file, port: 0 })
const source = server.source('bench', {
  verify: secret === undefined ? null : standardWebhooks({ secret }),
  dedupe: () => undefined,
})
const receiver = await server.spawn('bench', { from: source, capacity: 1_000_000_000 })
const url = new URL(receiver.url)

answerRunner({ port: Number(url.port), paths: [url.pathname] }, { held }, () => server.close({ grace: 0 }))

async function held() {
  let sum = 0
  for await (const { unread } of server.receivers({ state: 'open' })) sum += unread
  return sum
}
