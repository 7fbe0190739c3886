import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import type { Clock } from '../core/clock.js'
import { AddressRefusedError, type CarriedRequest, type Carrier, type OpenAnswer } from './carrier.js'
import type { Guard } from './guard.js'
import type { HeaderList } from './headers.js'
import { LookUps, type Resolved, type ResolveName, toCodedError } from './look-ups.js'
import type { TlsSettings } from './tls.js'

// Requests over sockets of our own: the only file that resolves names or opens connections to the world.
//
// Owns:   the connections, kept open for the next request to the same origin.
// Leaves: which addresses are good (guard), whose turn it is to be looked up (look-ups), how long an attempt may take
//         (attempt), what an error means (network-errors).
//
//   T1. A name is resolved at most once for each connection; only addresses that were judged good are connected to, so
//       a name that changes between look-up and connect changes nothing.
//   T2. A literal address is judged as well: nobody resolves it, so no look-up could have.
//   T3. What the socket is connected to in the end is judged once more, before a byte is written.
//   T4. A redirect is an answer like any other. Whoever reads no further in a body lets the connection go.
//   T5. The look-up comes before the connection, and its wait for a turn before both: neither uses up their time.
//   T6. Who is known to an endpoint by a certificate shares connections, and TLS sessions, with nobody who is known by
//       another one or by none.

export interface TransportParts {
  readonly guard: Pick<Guard, 'judge'>
  readonly clock: Clock
  /** For the look-up, and again for the connection. */
  readonly connectTimeoutMs: number
  /** Default: as the operating system does. */
  readonly resolve?: ResolveName
}

export function createTransport({
  guard,
  clock,
  connectTimeoutMs,
  resolve = resolveBySystem,
}: TransportParts): Carrier {
  const lookUps = new LookUps({ clock, timeoutMs: connectTimeoutMs, resolve })
  const agents = new Agents(tls => createConnector({ guard, connectTimeoutMs, lookUps, tls }))
  return {
    carry: (request, signal) => carry(agents.for(request.tls), request, signal),
    close: () => {
      lookUps.close()
      return agents.destroy()
    },
  }
}

/** Bounds memory. Whose agent is let go of gets another one when it is needed. */
const MOST_AGENTS = 100

/** One for each certificate, and one for who has none. */
class Agents {
  readonly #connectorFor: (tls: TlsSettings | undefined) => buildConnector.connector
  readonly #plain: Agent
  /** The one that has not been used for the longest time first. */
  readonly #byCertificate = new Map<string, Agent>()
  /** Let go of, with requests that are still under way. */
  readonly #leaving = new Set<Agent>()

  constructor(connectorFor: (tls: TlsSettings | undefined) => buildConnector.connector) {
    this.#connectorFor = connectorFor
    this.#plain = this.#open(undefined)
  }

  for(tls: TlsSettings | undefined): Agent {
    if (tls === undefined) return this.#plain
    const agent = this.#byCertificate.get(tls.id) ?? this.#open(tls)
    this.#byCertificate.delete(tls.id)
    this.#byCertificate.set(tls.id, agent)
    const [oldest] = this.#byCertificate
    if (this.#byCertificate.size > MOST_AGENTS && oldest !== undefined) this.#letGo(...oldest)
    return agent
  }

  async destroy(): Promise<void> {
    await Promise.all(
      [this.#plain, ...this.#byCertificate.values(), ...this.#leaving].map(agent => agent.destroy()),
    )
  }

  #open(tls: TlsSettings | undefined): Agent {
    return new Agent({
      connect: this.#connectorFor(tls),
      // An attempt has a time-out of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** Its connections go when their requests have ended. */
  #letGo(id: string, agent: Agent): void {
    this.#byCertificate.delete(id)
    this.#leaving.add(agent)
    const gone = () => this.#leaving.delete(agent)
    agent.close().then(gone, gone) // destroyed meanwhile it rejects, and is gone as well
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
  lookUps,
  tls,
}: Pick<TransportParts, 'guard' | 'connectTimeoutMs'> & {
  lookUps: LookUps
  tls: TlsSettings | undefined
}): buildConnector.connector {
  /** The addresses that the connection being made may use. The platform asks for them within the call that makes it. */
  let usable: readonly Resolved[] = []
  const lookup: LookupFunction = (_, options, callback) => {
    const [first, ...others] = usable
    process.nextTick(() => {
      if (first === undefined) callback(toCodedError('ENOTFOUND'), '')
      else if (options.all === true) callback(null, [first, ...others])
      else callback(null, first.address, first.family)
    })
  }
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    lookup,
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key, ca: tls.ca }),
  } as buildConnector.BuildOptions)

  const refuseBad = (host: string, address: string) => {
    const reason = guard.judge(address)
    if (reason === undefined) return
    throw new AddressRefusedError(
      host === address ? `${host} is ${reason}` : `${host} leads to ${address}, ${reason}`,
    )
  }
  const findGood = async (host: string): Promise<readonly Resolved[]> => {
    const found = await lookUps.find(host)
    const good = found.filter(({ address }) => guard.judge(address) === undefined)
    const [first] = found
    if (first === undefined) throw toCodedError('ENOTFOUND')
    if (good.length === 0) refuseBad(host, first.address)
    return good.map(({ address, family }) => ({ address, family }))
  }

  return (options, callback) => {
    const host = options.hostname.replace(/^\[(.*)\]$/, '$1')
    const open = (addresses: readonly Resolved[]) => {
      usable = addresses
      connect(options, (...[error, socket]) => {
        if (error !== null) return callback(error, null)
        const { remoteAddress } = socket
        try {
          if (remoteAddress === undefined) throw toCodedError('ECONNRESET') // it is gone again
          refuseBad(host, remoteAddress)
        } catch (refusal) {
          socket.destroy()
          return callback(toError(refusal), null)
        }
        callback(null, socket)
      })
      usable = []
    }
    const prepare = async () => {
      if (isIP(host) === 0) return findGood(host)
      refuseBad(host, host)
      return []
    }
    prepare()
      .then(open)
      .catch(error => callback(toError(error), null))
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('something else than an error was thrown')
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
