// A load balancer, as small as can be: the one address that the world knows, in front of all brokers. A broker that does not
// answer is passed over; what was under way at one that dies is broken off, and whoever sent it sends it again.

import { createServer, request as send } from 'node:http'

/**
 * @param {number} port where it listens
 * @param {readonly number[]} ports of the brokers
 * @returns {() => void} how to close it
 */
export function startBalancer(port, ports) {
  let turns = 0
  const server = createServer((request, response) => {
    const { method, url, headers } = request
    const target = ports[turns++ % ports.length]
    const onward = send({ host: '127.0.0.1', port: target, method, path: url, headers, agent: false })
    const refuse = () => {
      if (!response.headersSent) response.writeHead(502)
      response.end()
    }
    onward.on('error', refuse)
    onward.on('response', answer => {
      answer.on('error', refuse)
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  }).listen(port, '127.0.0.1')
  return () => {
    server.close()
    server.closeAllConnections()
  }
}
