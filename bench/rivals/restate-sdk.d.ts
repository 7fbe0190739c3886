// As much of Restate's SDK as is used here: it is installed only when it is measured.

declare module '@restatedev/restate-sdk' {
  interface Context {
    run<T>(name: string, action: () => Promise<T>): Promise<T>
    awakeable<T>(): { readonly id: string; readonly promise: Promise<T> }
  }

  export function service<T>(definition: {
    readonly name: string
    readonly handlers: Record<string, (context: Context, input: T) => Promise<unknown>>
  }): object

  export function createEndpointHandler(options: {
    readonly services: readonly object[]
    readonly logger?: () => void
  }): (
    request: import('node:http2').Http2ServerRequest,
    response: import('node:http2').Http2ServerResponse,
  ) => void
}
