import type { Carrier, OpenAnswer } from './carrier.js'

/** Requests carried out by a function of the caller's. Where they go is its business: no address is judged. */
export function createFetchCarrier(fetch: (request: Request) => Promise<Response>): Carrier {
  return {
    async carry({ method, url, headers, body }, signal): Promise<OpenAnswer> {
      const request = new Request(url, {
        method,
        headers: headers.map(([name, value]) => [name, value]),
        body: body.length === 0 ? null : new Uint8Array(body),
        redirect: 'manual',
        signal,
      })
      const { status, headers: answerHeaders, body: stream } = await fetch(request)
      if (signal.aborted) void stream?.cancel().catch(() => undefined) // too late: nobody will read it
      return { status, headers: [...answerHeaders], body: readChunks(stream, signal) }
    },
    close: () => Promise.resolve(),
  }
}

/** A stream that is deaf to the signal is let go of all the same. */
async function* readChunks(
  stream: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (stream === null) return
  const reader = stream.getReader()
  const letGo = () => void reader.cancel().catch(() => undefined)
  signal.addEventListener('abort', letGo)
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    signal.removeEventListener('abort', letGo)
    letGo()
  }
}
