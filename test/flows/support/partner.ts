import type { IncomingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { serveHttp } from '../../support/far-side.js'

/** A request, as it came over the socket. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

export interface Partner {
  /** Without a slash at its end. */
  readonly url: string
  readonly seen: readonly Seen[]
}

/** A third party on this machine, until the test is over. The number counts its requests from 1. */
export async function openPartner(
  answer: (seen: Seen, number: number) => Answer | Promise<Answer> = () => ({ status: 204 }),
): Promise<Partner> {
  const seen: Seen[] = []
  const side = await serveHttp(async (request, response) => {
    const { method = '', url = '', headers } = request
    const one = { method, path: url, headers, body: await buffer(request) }
    const { status = 200, headers: own = {}, body = '' } = await answer(one, seen.push(one))
    response.writeHead(status, own).end(body)
  })
  onTestFinished(() => side[Symbol.asyncDispose]())
  return { url: side.url.replace(/\/$/, ''), seen }
}
