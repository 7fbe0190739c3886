import { type CarriedAnswer, type Carrier, readBeginning } from './carrier.js'

/** Requests carried out by a function of the caller's. Where they go is its business: no address is judged. */
export function createFetchCarrier(fetch: (request: Request) => Promise<Response>): Carrier {
  return {
    async carry({ method, url, headers, body }, signal): Promise<CarriedAnswer> {
      const request = new Request(url, {
        method,
        headers: headers.map(([name, value]) => [name, value]),
        body: body.length === 0 ? null : new Uint8Array(body),
        redirect: 'manual',
        signal,
      })
      const response = await fetch(request)
      const beginning =
        response.body === null
          ? { body: new Uint8Array(), truncated: false }
          : await readBeginning(response.body)
      return { status: response.status, headers: [...response.headers], ...beginning }
    },
    close: () => Promise.resolve(),
  }
}
