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
  RunCancelledError,
  RunFailedError,
  ScopeEndedError,
  ServerClosedError,
  StoreInUseError,
  StoreUnavailableError,
  StoreUnusableError,
  TimeoutError,
  UnscopedCallError,
  UnstorableValueError,
  VerificationError,
  VerificationUnavailableError,
} from './errors.js'
export type { Health } from './health.js'
export type { Answer, ChildOptions, Handshake, Source, Verdict, Verify } from './model/code.js'
export type {
  EndpointOptions,
  OAuth2,
  PolicyOptions as Policy,
  SubscriptionOptions,
} from './model/endpoint-options.js'
export type { JoinOptions } from './model/joining.js'
export type {
  Attempt,
  Content,
  Delivery,
  EndpointAnswer,
  Message,
  Publication,
  Published,
  Target,
  Targets,
} from './model/message.js'
export type { Payload } from './model/payload.js'
export type { RawRequest, Received } from './model/received.js'
export type { ReceiverState } from './model/receiver.js'
export type {
  Callback,
  Effect,
  ExchangeOptions,
  Run,
  RunHandle,
  RunInfo,
  RunState,
  Scope,
  ScopeReceiver,
  StartArguments,
  StartOptions,
  StepOptions,
  Workflow,
  WorkflowOptions,
} from './model/scope.js'
export type {
  ConsumeOptions,
  ListenOptions,
  Logger,
  Observation,
  ReceiverOptions,
  ServerOptions,
  SourceOptions,
} from './options.js'
export type { Consumer, Handler } from './receiver/consumer.js'
export type { FailedCallback } from './receiver/failed.js'
export type { Receiver } from './receiver/receiver.js'
export type { StreamOptions } from './receiver/stream.js'
export type { ReceiverInfo } from './receivers.js'
export type { Deliveries } from './sender/deliveries.js'
export type {
  AttemptStreamOptions,
  DeliveryFilter,
  DeliveryListOptions,
  DeliveryStreamOptions,
} from './sender/delivery-filter.js'
export type { AttemptInfo, DeliveryInfo } from './sender/delivery-infos.js'
export type { EndpointHealth } from './sender/endpoint-health.js'
export type { Endpoint } from './sender/endpoints.js'
export type { SubscriptionInfo, SubscriptionState } from './sender/subscription-info.js'
export type { Subscriptions } from './sender/subscriptions.js'
export type { TopicInfo, Topics } from './sender/topics.js'
export { CallbackServer } from './server.js'
export type { Store } from './store/store.js'
