// The victim: a server on a file, which writes down every callback it handles before acknowledging it.
// Run by run.mjs as `node server.mjs <store> <port> <results>`; its receivers' URLs go to the parent as a message.
import { appendFileSync } from 'node:fs'
import { CallbackServer } from 'longline'

const [path = '', port = '', results = ''] = process.argv.slice(2)
const server = await CallbackServer.listen({ store: path, port: Number(port) })

const receivers = await Promise.all(
  ['a', 'b', 'c', 'd'].map(key => server.spawn(key, { capacity: 1_000_000 })),
)
for (const receiver of receivers) {
  receiver.consume(callback => {
    appendFileSync(results, `${receiver.key} ${callback.seq} ${callback.attempt} ${callback.text()}\n`)
  })
}

process.on('message', async () => {
  // Everything has been posted: say so once nothing is unread.
  let unread = 1
  while (unread > 0) {
    unread = 0
    for await (const info of server.receivers()) unread += info.unread
    if (unread > 0) await new Promise(resolve => setTimeout(resolve, 20))
  }
  process.send?.('drained')
})
process.send?.(receivers.map(receiver => receiver.url))
