import type { Wait, WaitOptions } from '../core/wait.js'
import type { CallbackRecord } from '../model/callback.js'
import type { Answer, ChildOptions } from '../model/code.js'
import type { WaitEnd } from '../model/memory.js'
import type { Delivery, Message, Publication, Published, RememberedWaits } from '../model/message.js'
import type { Payload } from '../model/payload.js'
import type { ReceiverRecord, SettingsPatch } from '../model/receiver.js'
import type { RunName, RunRecord } from '../model/run.js'
import type { RunHandle, StartOptions } from '../model/scope.js'
import type { PublishInput } from '../store/publishing.js'
import type { StartRunInput } from '../store/running.js'
import type { NewDelivery, SendInput } from '../store/sending.js'
import type { EntryParts } from './scope-entry.js'

/** What the verbs of a scope need of the rest of the server; `server.ts` hands it in. */
export interface ScopeParts extends EntryParts {
  /**
   * What a spawn writes, and how its code is kept in this process from then on.
   *
   * @throws InvalidOptionsError for options that cannot be.
   */
  readonly toReceiver: (options: ChildOptions<unknown>) => {
    readonly patch: SettingsPatch
    readonly attach: (receiver: ReceiverRecord) => void
    readonly detach: (receiverId: string) => void
  }
  readonly toUrl: (token: string) => string
  /** The data of a callback, through the schema that applies here. */
  readonly read: (receiver: ReceiverRecord, callback: CallbackRecord) => Promise<unknown>
  readonly accept: (
    receiver: ReceiverRecord,
    data: Payload,
    options: { deliveryId?: string },
  ) => Promise<void>
  readonly respond: (
    receiver: ReceiverRecord,
    callback: { readonly id: string; readonly receivedAt: number },
    answer: Answer,
  ) => Promise<boolean>
  /**
   * A message as it goes into the store.
   *
   * @throws InvalidOptionsError, EndpointRefusedError for one that cannot be sent.
   */
  readonly toSend: (message: Message) => SendInput
  /** The same for one to many. Its list may be asked for first. */
  readonly toPublish: (publication: Publication) => Promise<PublishInput>
  readonly toPublished: (messageId: string) => Published
  /** Another delivery of a message that is in the store. */
  readonly toRedelivery: () => NewDelivery
  /** A delivery whose waits are remembered by a scope. */
  readonly toDelivery: (
    sent: { readonly id: string; readonly messageId: string },
    waits: RememberedWaits,
  ) => Delivery
  /**
   * A run as it goes into the store.
   *
   * @throws InvalidInputError, UnstorableValueError, InvalidOptionsError for one that cannot be started.
   */
  readonly toStart: (
    workflow: { readonly name: string },
    key: string,
    given: { readonly input: unknown; readonly options: StartOptions },
  ) => Promise<Omit<StartRunInput, 'in'>>
  /** Told of a run that a scope has made. */
  readonly onStarted: (run: RunRecord) => void
  /** The handle of a run, with a wait for its result that is remembered by a scope. */
  readonly toRun: <O>(run: RunName, result: (options: WaitOptions<never>) => Wait<O>) => RunHandle<O>
  /** What the workflow returned. Throws what it ended with otherwise. */
  readonly toRunResult: <O>(run: RunName, end: WaitEnd) => O
  /** Closes a receiver from which nobody will read, in the background. */
  readonly leave: (receiverId: string) => void
  readonly toDeliveryError: (deliveryId: string) => Promise<Error>
}
