import type { Duration } from '../core/duration.js'
import type { Wait, WaitOptions } from '../core/wait.js'
import type { Payload } from './payload.js'

// What callers say of a message, and see of its delivery.

/** A string with `://` is a URL, without it the name of an endpoint; a name not declared throws. */
export type Target = { readonly name: string } | string | URL

export interface Content {
  /** Text and bytes go as they are, `URLSearchParams` as a form, everything else as JSON. Fixed when it is sent. */
  body?: Payload
  /** Of a header that the endpoint has as well, this one is sent. */
  headers?: Record<string, string>
  /** Names the event: it is sent as `longline-type`. Of what is published to a topic it is the topic, if it is not given. */
  type?: string
  /** Holds the first attempt back. */
  after?: Duration | Date
}

export interface Message extends Content {
  to: Target
  /** Default `POST`. */
  method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Appended to the endpoint's URL, never resolved: `..`, `//` and a scheme are errors. An array is encoded. */
  path?: string | readonly string[]
  /** Put behind the endpoint's own query. */
  query?: Record<string, string>
}

/** One message to many: the subscribers of a topic, or a list; a function is asked once, during `publish`. */
export type Publication = Content &
  ({ topic: string; to?: never } | { topic?: never; to: Targets | (() => Targets | Promise<Targets>) })
export type Targets = readonly Target[]

/** A message to many, which is in the store. */
export interface Published {
  readonly messageId: string
  /**
   * Those that there are by now. To a list, all of them; to a topic they follow in batches, and whoever unsubscribed meanwhile,
   * or wants something else, has none.
   */
  deliveries(): AsyncIterable<Delivery>
}

/** One HTTP try. Without a status there was no answer, and `error` says why. */
export interface Attempt {
  readonly at: Date
  readonly durationMs: number
  readonly status?: number
  readonly error?: string
}

/** One message to one endpoint: a handle, which can be let go of and found again by the key of the message. */
export interface Delivery {
  readonly id: string
  /** What every attempt carries as `webhook-id`. */
  readonly messageId: string
  /** How it ended. Waiting for it changes nothing: a delivery that is not waited for ends all the same. */
  done<F = never>(options?: WaitOptions<F>): Wait<'delivered' | 'dead' | NoInfer<F>>
  /** What the endpoint answered. Rejects with `DeliveryFailedError` if the delivery is dead. */
  response<F = never>(options?: WaitOptions<F>): Wait<EndpointAnswer | NoInfer<F>>
  /** Oldest first. */
  attempts(): Promise<Attempt[]>
  /** No attempt after this; one that is under way is not called back. `false` if it had ended. */
  cancel(): Promise<boolean>
}

/** What an endpoint answered. Of a long body it is the beginning. */
export interface EndpointAnswer {
  readonly status: number
  readonly headers: Headers
  /** The body was longer than the 16 KiB that are kept, broke off, or took longer than the attempt may. */
  readonly truncated: boolean
  bytes(): Uint8Array
  text(): string
  /** @throws MalformedContentError when the body is not JSON. */
  json(): unknown
}

/** Waits for the end of a delivery that somebody else remembers. */
export interface RememberedWaits {
  done<F>(options: WaitOptions<F>): Wait<'delivered' | 'dead' | F>
  /** When it is delivered or dead: what `toAnswer` makes of it. */
  answered<T, F>(options: WaitOptions<F>, toAnswer: () => Promise<T>): Wait<T | F>
}
