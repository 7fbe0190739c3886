import { CallbackServer, type Logger, type ServerOptions } from '../../src/index.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

export const publicUrl = 'https://hooks.example.com'

/** A server in memory, on a clock driven by hand, reached without a network. */
export interface TestServer extends AsyncDisposable {
  readonly server: CallbackServer
  readonly clock: ManualClock
  readonly logged: LogLine[]
  /** Posts JSON to a receiver's URL. */
  post(url: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

export interface LogLine {
  readonly level: keyof Logger
  readonly facts: object
  readonly message: string
}

export async function openTestServer(options: ServerOptions = {}): Promise<TestServer> {
  const clock = options.clock instanceof ManualClock ? options.clock : new ManualClock()
  const logged: LogLine[] = []
  const server = await CallbackServer.open({
    store: 'memory:',
    publicUrl,
    logger: recordingLogger(logged),
    ...options,
    clock,
  })
  return {
    server,
    clock,
    logged,
    post: (url, body = {}, headers = {}) =>
      server.fetch(
        new Request(url, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', ...headers },
        }),
      ),
    [Symbol.asyncDispose]: () => server.close({ grace: 0 }),
  }
}

export function recordingLogger(lines: LogLine[]): Logger {
  const at = (level: keyof Logger) => (facts: object, message: string) =>
    void lines.push({ level, facts, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** How many callbacks nobody has acknowledged, in all receivers. */
export async function countUnread(server: CallbackServer): Promise<number> {
  const receivers = await collect(server.receivers())
  return receivers.reduce((sum, { unread }) => sum + unread, 0)
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}
