import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { after, type Clock } from '../core/clock.js'
import { DEFAULTS } from '../options.js'
import { bareOf, hasNoBody, type Reply } from './reply.js'
import { EMPTY_BODY, headerOf } from './request.js'

// How an answer leaves by `node:http`, or by the face that `node:http2` shows of it.
//
//   O1. Nobody who hangs up, answers or listens twice is heard of twice.
//   O2. What is left unread of a request costs its connection (HTTP/2: its stream), after its sender had a moment to read
//       why; it is never read only to be thrown away.
//   O3. What the application has put on a response before us stays, unless we say otherwise; no header of ours is lost.

/** Connections whose last answer has been given: what still comes on them is not to be processed. */
const closing = new WeakSet<Socket>()

export function comesTooLate(message: IncomingMessage): boolean {
  return closing.has(message.socket)
}

/** @throws whatever the platform says of an answer that it does not send. */
export function sendReply(response: ServerResponse, reply: Reply, clock: Clock): void {
  if (response.headersSent || isGone(response)) return
  const stream = streamOf(response)
  const { status } = reply
  const body = hasNoBody(status) || response.req.method === 'HEAD' ? EMPTY_BODY : reply.body
  const closes = reply.close === true || leavesMuch(response.req)
  writeHead(response, reply, closes && stream === undefined)
  if (closes && stream === undefined) {
    closing.add(response.req.socket)
    // A connection that is cut with something unread in it is reset, and a sender that is still writing would never
    // see its answer. So it gets the answer at once, and a moment to read it.
    response.flushHeaders()
    if (body.length > 0) response.write(body)
    linger(response, clock, () => response.end())
    return
  }
  // An empty chunk would be written all the same, as a second buffer, which costs more than the rest of the answer.
  if (body.length === 0) response.end()
  else response.end(body)
  if (closes && stream !== undefined) linger(response, clock, () => stream.close(constants.NGHTTP2_NO_ERROR))
}

/** After `sendReply` has thrown: what it has set is taken back, and the rest is tried. */
export function sendBare(response: ServerResponse, reply: Reply, clock: Clock): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  if (streamOf(response) === undefined) response.statusMessage = ''
  try {
    sendReply(response, bareOf(reply), clock)
  } catch {
    response.destroy() // then the end of its connection says it
  }
}

/** Calls back when an answer has left this process, or nobody is there to read it. */
export function whenSent(response: ServerResponse, listener: () => void): void {
  if (response.writableLength === 0 || isGone(response)) listener()
  else onClose(response, listener)
}

/** A pipelined request whose turn to be answered has not come hears of its connection only. */
export function isGone(response: ServerResponse): boolean {
  const stream = streamOf(response)
  return stream === undefined ? response.destroyed || response.req.socket.destroyed : stream.destroyed
}

/** Calls back once. Returns how to stop. */
export function onClose(response: ServerResponse, listener: () => void): () => void {
  // The socket that HTTP/2 shows of a stream adds listeners to the one and takes them from the other.
  const stream = streamOf(response)
  const sources = stream === undefined ? [response, response.req.socket] : [stream]
  let over = false
  const stop = () => {
    over = true
    for (const source of sources) source.off('close', onClosed)
  }
  const onClosed = () => {
    if (over) return
    stop()
    listener()
  }
  for (const source of sources) source.on('close', onClosed)
  return stop
}

/** A response of HTTP/2 is one of several on its connection: it is its stream that opens and ends. */
function streamOf(response: ServerResponse): ServerHttp2Stream | undefined {
  if (response.req.httpVersionMajor < 2) return undefined
  return (response as ServerResponse & { readonly stream?: ServerHttp2Stream }).stream
}

function writeHead(response: ServerResponse, { status, headers, body }: Reply, lastOne: boolean): void {
  const lines: string[] = []
  for (const [name, value] of headers) lines.push(name, value)
  if (!hasNoBody(status)) lines.push('content-length', String(body.length))
  if (lastOne) lines.push('connection', 'close')
  if (response.req.httpVersionMajor < 2 && response.getHeaderNames().length === 0) {
    response.writeHead(status, lines)
    return
  }
  // Beside headers that are there already a list is taken one by one, and each name is left with its last value.
  for (const [name, values] of grouped(lines)) response.setHeader(name, values)
  response.writeHead(status)
}

function grouped(lines: readonly string[]): ReadonlyMap<string, string | string[]> {
  const groups = new Map<string, string | string[]>()
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const [name = '', value = ''] = lines.slice(index, index + 2)
    const before = groups.get(name)
    groups.set(name, before === undefined ? value : [before, value].flat())
  }
  return groups
}

function linger(response: ServerResponse, clock: Clock, end: () => void): void {
  const stopListening = onClose(response, () => stopTimer())
  const stopTimer = after(clock, DEFAULTS.lingerMs, () => {
    stopListening()
    end()
  })
}

/** More of a request is to come than is worth reading for the sake of its connection. A stream of HTTP/2 ends by itself. */
function leavesMuch(message: IncomingMessage): boolean {
  if (message.complete || message.httpVersionMajor >= 2) return false
  const { rawHeaders } = message
  if (headerOf(rawHeaders, 'transfer-encoding') !== undefined) return true
  return Number(headerOf(rawHeaders, 'content-length') ?? 0) > DEFAULTS.discardedBytes
}
