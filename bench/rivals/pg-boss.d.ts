// What the bench uses of it: it is installed only by the questions that need it.
declare module 'pg-boss' {
  export default class PgBoss {
    constructor(connectionString: string)
    start(): Promise<this>
    stop(options: { graceful: boolean }): Promise<void>
    createQueue(name: string): Promise<void>
    send(name: string, data: object): Promise<string | null>
    work(
      name: string,
      options: { batchSize: number; pollingIntervalSeconds: number },
      handler: (jobs: readonly { readonly data: unknown }[]) => Promise<void>,
    ): Promise<string>
  }
}
