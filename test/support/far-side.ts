import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** A third party on this machine, reached over real sockets. */
export interface FarSide extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** One that speaks HTTP. */
export async function serveHttp(listener: RequestListener): Promise<FarSide> {
  return await listen(createHttpServer(listener), () => {})
}

/** One below HTTP: `answer` is called with the socket once a whole header has arrived. */
export async function serveSocket(answer: (socket: Socket) => void): Promise<FarSide> {
  return await listen(createServer(), socket => {
    let seen = ''
    socket.on('data', data => {
      seen += data.toString('latin1')
      if (!seen.includes('\r\n\r\n')) return
      seen = ''
      answer(socket)
    })
  })
}

async function listen(server: Server, onConnection: (socket: Socket) => void): Promise<FarSide> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}) // whoever is cut off is not surprised
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Until something is so that no clock brings about: what goes over sockets takes its own time. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate)
}
