// A node that consumes what lies in one receiver, beside another.

import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'

const CONCURRENCY = 256

/** @type {{ databaseUrl: string }} */
const task = readTask()

const server = await CallbackServer.listen({ store: task.databaseUrl, port: 0 })
const mailbox = await server.spawn('bench')

/** How many callbacks this node has handled when nothing is left. */
async function drained() {
  let handled = 0
  const consumer = mailbox.consume({ concurrency: CONCURRENCY }, () => {
    handled += 1
  })
  while ((await unread()) > 0) await new Promise(resolve => setTimeout(resolve, 50))
  await consumer.stop()
  return handled
}

async function unread() {
  for await (const { unread } of server.receivers({ key: 'bench' })) return unread
  return 0
}

answerRunner({}, { drained }, () => server.close({ grace: 0 }))
