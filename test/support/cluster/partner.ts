import { once } from 'node:events'
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'

/** A third party that answers what it is asked, later, and comes again until it has been heard. */
export class Partner {
  readonly url: string
  /** What it was sent under each id. */
  readonly messages = new Map<string, Set<string>>()

  private constructor(url: string) {
    this.url = url
  }

  static async open(): Promise<Partner> {
    let isOpen = true
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const id = String(request.headers['webhook-id'])
        const body = Buffer.concat(chunks).toString()
        const known = partner.messages.get(id)
        partner.messages.set(id, new Set(known).add(body))
        response.end()
        const { url } = JSON.parse(body) as { readonly url: string }
        if (known === undefined) void answer(url, id)
      })
    }).listen(0, '127.0.0.1')
    const answer = async (url: string, id: string) => {
      while (isOpen) if (await postOnce(url, id, '{"n":1}')) return
    }
    await once(server, 'listening')
    onTestFinished(() => {
      isOpen = false
      server.close()
      server.closeAllConnections()
    })
    const address = server.address()
    const partner = new Partner(
      `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    )
    return partner
  }
}

/** Whether the sender read a 2xx; anything that invites it to come again is `false`. */
export async function postOnce(url: string, id: string, body: string): Promise<boolean> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'webhook-id': id },
    body,
  }).catch(() => undefined)
  if (answer === undefined || answer.status >= 500) return false
  await answer.body?.cancel()
  if (answer.ok) return true
  throw new Error(`a sender was answered ${answer.status}`)
}
