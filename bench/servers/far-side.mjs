// A fast endpoint: reads what it is sent and answers at once.

import { createServer } from 'node:http'
import { answerRunner } from '../support/child.mjs'

let calls = 0
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    calls += 1
    response.writeHead(204).end()
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  answerRunner({ port }, { calls: async () => calls })
})
