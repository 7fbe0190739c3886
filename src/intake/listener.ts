import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InvalidOptionsError } from '../errors.js'

/** A port we opened ourselves. */
export interface Listener {
  /** How this machine reaches it. */
  readonly url: string
  /** No new connections; those that are idle end. */
  stop(): void
  /** Ends what is left of them, and resolves when the port is free. */
  close(): Promise<void>
}

/**
 * Opens a port for a handler that may come a little later than the port itself.
 *
 * @throws InvalidOptionsError when the port is taken or not allowed.
 */
export async function openListener(port: number, host: string, handler: RequestListener): Promise<Listener> {
  // The platform takes a text for the name of a socket file.
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidOptionsError(`port must be a whole number from 0 to 65535; got ${shown(port)}`)
  }
  const server = createServer(handler)
  await listen(server, port, host)
  const address = server.address() as AddressInfo
  const closed = new Promise<void>(resolve => server.once('close', resolve))
  return {
    url: `http://${isAny(host) ? 'localhost' : bracketed(host)}:${address.port}`,
    stop() {
      server.close()
      server.closeIdleConnections()
    },
    close() {
      server.close()
      server.closeAllConnections()
      return closed
    },
  }
}

/** From the environment it comes as a text, and looks like a number. */
function shown(port: unknown): string {
  if (typeof port === 'number') return String(port)
  if (typeof port !== 'string') return port === null ? 'null' : `a value of type ${typeof port}`
  return `the text ${JSON.stringify(port.slice(0, 20))}, of which Number(…) makes one`
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const code = (error as NodeJS.ErrnoException).code
      const reason =
        code === 'EADDRINUSE' ? 'it is taken; pass another port, or 0 for any free one' : error.message
      reject(new InvalidOptionsError(`Cannot listen on port ${port} of ${host}: ${reason}`, { cause: error }))
    })
    server.listen(port, host, resolve)
  })
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
