import { existsSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** The way to a Postgres server, which can be cut, closed, or left standing without anybody at its end who reads. */
export class Passage {
  readonly #server: Server
  readonly #target: URL
  readonly #pairs = new Set<readonly [near: Socket, far: Socket]>()
  #isOpen = true
  #isRead = true

  private constructor(target: URL) {
    this.#target = target
    this.#server = createServer(near => this.#join(near))
  }

  static async open(url = process.env.LONGLINE_TEST_POSTGRES ?? ''): Promise<Passage> {
    const passage = new Passage(new URL(url))
    await new Promise<void>(resolve => passage.#server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      passage.cut()
      passage.#server.close()
    })
    return passage
  }

  /** Of the server, by this way. */
  get url(): string {
    const address = this.#server.address()
    const url = new URL(this.#target)
    url.port = String(typeof address === 'object' && address !== null ? address.port : 0)
    return url.href
  }

  /** Where a server on this machine is reached, too: it holds less than a connection, so that who does not read is noticed. */
  get #file(): string {
    return `/tmp/.s.PGSQL.${this.#target.port}`
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Ends every connection, as a firewall does that forgot them. New ones can be made. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** Nobody gets through any more. */
  close(): void {
    this.#isOpen = false
    this.cut()
  }

  reopen(): void {
    this.#isOpen = true
  }

  /** What comes from the server is read no more, as by a process that is stopped: what it was sent still arrives. */
  stopReading(): void {
    this.#isRead = false
    for (const [, far] of this.#pairs) far.pause()
  }

  readOn(): void {
    this.#isRead = true
    for (const [, far] of this.#pairs) far.resume()
  }

  #join(near: Socket): void {
    if (!this.#isOpen) {
      near.destroy()
      return
    }
    const far = existsSync(this.#file)
      ? dial(this.#file)
      : dial(Number(this.#target.port), this.#target.hostname)
    const pair = [near, far] as const
    this.#pairs.add(pair)
    const end = () => {
      this.#pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of pair) socket.setNoDelay(true).on('error', end).on('close', end)
    near.on('data', bytes => far.write(bytes))
    far.on('data', bytes => near.write(bytes))
    if (!this.#isRead) far.pause()
  }
}
