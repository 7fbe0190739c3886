import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, request as send } from 'node:http'
import { onTestFinished } from 'vitest'

/** The address that the world knows: every request goes to one of the nodes that are up, in turn. */
export class Balancer {
  /** Ports of the nodes that requests may go to. */
  readonly ports = new Set<number>()
  readonly url: string
  #turns = 0

  private constructor(url: string) {
    this.url = url
  }

  static async open(): Promise<Balancer> {
    const server: Server = createServer((request, response) => {
      const port = balancer.#next()
      const refuse = () => {
        if (!response.headersSent) response.writeHead(502)
        response.end()
      }
      if (port === undefined) return refuse()
      const { method, url: path, headers } = request
      const onward = send({ host: '127.0.0.1', port, method, path, headers, agent: false })
      onward.on('error', refuse)
      onward.on('response', (answer: IncomingMessage) => {
        answer.on('error', refuse)
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      request.pipe(onward)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const address = server.address()
    const balancer = new Balancer(
      `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    )
    return balancer
  }

  #next(): number | undefined {
    const ports = [...this.ports]
    return ports[this.#turns++ % Math.max(1, ports.length)]
  }
}
