export type { Retry } from './core/backoff.js'
export type { Clock } from './core/clock.js'
export type { Duration } from './core/duration.js'
export { type Branches, race, type Winner } from './core/race.js'
export type { Wait, WaitOptions } from './core/wait.js'
export {
  CancelledError,
  DeliveryFailedError,
  EndpointRefusedError,
  InvalidInputError,
  InvalidOptionsError,
  KeyConflictError,
  LeaseLostError,
  LonglineError,
  MailboxFullError,
  MalformedContentError,
  NonRetryableError,
  ReceiverClosedError,
  ServerClosedError,
  StoreInUseError,
  StoreUnavailableError,
  StoreUnusableError,
  TimeoutError,
  UnstorableValueError,
} from './errors.js'
export type { Answer, Verdict, Verify } from './model/code.js'
export type { Payload } from './model/payload.js'
export type { RawRequest, Received } from './model/received.js'
export type { ReceiverState } from './model/receiver.js'
export type {
  ChildOptions,
  ConsumeOptions,
  EndpointOptions,
  ListenOptions,
  Logger,
  Observation,
  ReceiverOptions,
  ServerOptions,
  Source,
  SourceOptions,
} from './options.js'
export type { Callback } from './receiver/callback.js'
export type { Consumer, Handler } from './receiver/consumer.js'
export type { FailedCallback } from './receiver/failed.js'
export type { Receiver } from './receiver/receiver.js'
export type { StreamOptions } from './receiver/stream.js'
export type { Attempt, Delivery, EndpointAnswer } from './sender/delivery.js'
export type { Endpoint } from './sender/endpoints.js'
export type { Content, Message, Target } from './sender/message.js'
export { CallbackServer, type Health, type ReceiverInfo } from './server.js'
export type { Store } from './store/store.js'
