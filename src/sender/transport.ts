import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { AddressRefusedError, type CarriedRequest, type Carrier, type OpenAnswer } from './carrier.js'
import type { Guard } from './guard.js'
import type { HeaderList } from './headers.js'

// Requests over sockets of our own: the only file that resolves names or opens connections to the world.
//
// Owns:   the connections, kept open for the next request to the same origin.
// Leaves: which addresses are good (guard), how long an attempt may take (attempt), what an error means (network-errors).
//
//   T1. A name is resolved once for each connection; only addresses that were judged good are connected to, so a name
//       that changes between look-up and connect changes nothing.
//   T2. A literal address is judged as well: nobody resolves it, so no look-up could have.
//   T3. What the socket is connected to in the end is judged once more, before a byte is written.
//   T4. A redirect is an answer like any other. Of a body only the beginning is read; then the connection is let go.

export interface Resolved {
  readonly address: string
  readonly family: number
}

/** Every address of a name. */
export type ResolveName = (hostname: string) => Promise<readonly Resolved[]>

export interface TransportParts {
  readonly guard: Pick<Guard, 'judge'>
  readonly connectTimeoutMs: number
  /** Default: as the operating system does. */
  readonly resolve?: ResolveName
}

export function createTransport({
  guard,
  connectTimeoutMs,
  resolve = resolveBySystem,
}: TransportParts): Carrier {
  const agent = new Agent({
    connect: createConnector({ guard, connectTimeoutMs, resolve }),
    // An attempt has a time-out of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    carry: (request, signal) => carry(agent, request, signal),
    close: () => agent.destroy(),
  }
}

async function carry(
  agent: Agent,
  { method, url, headers, body }: CarriedRequest,
  signal: AbortSignal,
): Promise<OpenAnswer> {
  const answer = await agent.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: method as Dispatcher.HttpMethod,
    headers: headers.flat(),
    body: body.length === 0 ? null : body,
    signal,
  })
  // Letting go of a body that has not ended is an error to the stream, and to nobody else.
  answer.body.on('error', () => undefined)
  return { status: answer.statusCode, headers: toList(answer.headers), body: answer.body }
}

function createConnector({
  guard,
  connectTimeoutMs,
  resolve,
}: Required<TransportParts>): buildConnector.connector {
  const lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname).then(
      found => {
        const judged = found.map(address => ({ ...address, reason: guard.judge(address.address) }))
        const good = judged.filter(({ reason }) => reason === undefined)
        const [first] = good
        if (first !== undefined) {
          if (options.all === true) {
            callback(
              null,
              good.map(({ address, family }) => ({ address, family })),
            )
          } else callback(null, first.address, first.family)
          return
        }
        const [bad] = judged
        if (bad === undefined) callback(toCodedError('ENOTFOUND'), '')
        else callback(new AddressRefusedError(`${hostname} leads to ${bad.address}, ${bad.reason}`), '')
      },
      (error: Error) => callback(error, ''),
    )
  }
  const connect = buildConnector({ timeout: connectTimeoutMs, lookup } as buildConnector.BuildOptions)

  return (options, callback) => {
    const host = options.hostname.replace(/^\[(.*)\]$/, '$1')
    const reason = isIP(host) === 0 ? undefined : guard.judge(host)
    if (reason !== undefined) return callback(new AddressRefusedError(`${host} is ${reason}`), null)

    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      const { remoteAddress } = socket
      if (remoteAddress === undefined) return callback(toCodedError('ECONNRESET'), null) // it is gone again
      const reasonNow = guard.judge(remoteAddress)
      if (reasonNow === undefined) return callback(null, socket)
      socket.destroy()
      callback(new AddressRefusedError(`${options.hostname} leads to ${remoteAddress}, ${reasonNow}`), null)
    })
  }
}

/** As the platform would report it. */
function toCodedError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function resolveBySystem(hostname: string): Promise<readonly Resolved[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, found) => (error === null ? resolve(found) : reject(error)))
  })
}

function toList(headers: Readonly<Record<string, string | string[] | undefined>>): HeaderList {
  return Object.entries(headers).flatMap(([name, values = []]) =>
    [values].flat().map(value => [name, value] as const),
  )
}
