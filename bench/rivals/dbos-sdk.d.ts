// As much of DBOS as is used here: it is installed only when it is measured.

declare module '@dbos-inc/dbos-sdk' {
  interface Handle<T> {
    getResult(): Promise<T>
  }

  export const DBOS: {
    setConfig(config: {
      readonly name: string
      readonly systemDatabaseUrl: string
      readonly logLevel: string
      readonly runAdminServer: boolean
    }): void
    launch(): Promise<void>
    shutdown(): Promise<void>
    registerWorkflow<I, O>(
      workflow: (input: I) => Promise<O>,
      options: { readonly name: string },
    ): (input: I) => Promise<O>
    startWorkflow<I, O>(
      workflow: (input: I) => Promise<O>,
      options: { readonly workflowID: string },
    ): (input: I) => Promise<Handle<O>>
    runStep<T>(step: () => Promise<T>, options: { readonly name: string }): Promise<T>
    recv<T>(topic: string, timeoutSeconds: number): Promise<T | null>
    send(workflowId: string, message: unknown, topic: string): Promise<void>
  }
}
