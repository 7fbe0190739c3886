import { ServerClosedError } from '../../src/errors.js'
import { Intake } from '../../src/intake/intake.js'
import { toReceiverSettings } from '../../src/intake/receiver-settings.js'
import { Sources } from '../../src/intake/sources.js'
import { toReceiverUrl } from '../../src/model/public-url.js'
import type { ReceiverRecord } from '../../src/model/receiver.js'
import type { Run, Workflow, WorkflowOptions } from '../../src/model/scope.js'
import { type Observation, toServerSettings } from '../../src/options.js'
import { Mailboxes } from '../../src/receiver/mailboxes.js'
import { createCallbackScopes } from '../../src/scope/callback-scopes.js'
import type { ScopeParts } from '../../src/scope/scope-parts.js'
import { Sender } from '../../src/sender/sender.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Store, StoreSession } from '../../src/store/store.js'
import { Watch } from '../../src/store/watch.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { toRunResult } from '../../src/workflow/run-handle.js'
import { Runner } from '../../src/workflow/runner.js'
import { Workflows } from '../../src/workflow/workflows.js'
import { type LogLine, publicUrl, recordingLogger } from '../support/server.js'

export interface Bench extends AsyncDisposable {
  readonly workflows: Workflows
  readonly runner: Runner
  readonly session: StoreSession
  readonly clock: ManualClock
  readonly store: Store
  readonly events: readonly Observation[]
  readonly logged: readonly LogLine[]
  readonly sent: readonly Request[]
  workflow<I, O>(
    name: string,
    handler: (run: Run, input: I) => Promise<O>,
    options?: WorkflowOptions<I, I>,
  ): Workflow<I, O>
  post(url: string, body?: unknown): Promise<Response>
  /** As by kill -9: nothing of it reaches the store any more. */
  kill(): void
  /** Ends its epoch, and begins one that the store knows of. */
  loseLease(reason: Error): Promise<void>
}

export interface BenchOptions {
  store?: Store
  clock?: ManualClock
  world?: (request: Request) => Response | Promise<Response>
  parkAfterMs?: number | false
  /** So rare, as a rule, that what a test sees is due to wake-ups and timers. */
  pollMs?: number
  /** No wake-up arrives. */
  deaf?: boolean
  /** What stands between the runs and the store. */
  change?: (session: StoreSession) => StoreSession
}

/** Workflows over a store in memory, with time driven by hand and requests that never leave the process. */
export async function openBench({
  store = memoryStore(),
  clock = new ManualClock(),
  world = () => new Response('ok'),
  parkAfterMs = 1_000,
  pollMs = 1e12,
  deaf = false,
  change = session => session,
}: BenchOptions = {}): Promise<Bench> {
  const events: Observation[] = []
  const logged: LogLine[] = []
  const sent: Request[] = []
  const logger = recordingLogger(logged)
  const onError = (err: unknown) => logger.error({ err }, 'the store failed')

  const opened = await store.open()
  const life = { over: false }
  const mortal = around(opened, (_, command) => (life.over ? never() : command()))
  const session = change(mortal)
  const join = () => opened.join({ node: 'bench', now: clock.now(), leaseMs: 1e12 })
  let { epoch } = await join()
  await opened.takeOver({ now: clock.now(), maxCrashes: 20, limit: 1_000 })
  const heard = around(opened, (name, member) => (deaf && name === 'subscribe' ? () => {} : member()))
  const watch = new Watch({ session: heard, clock, pollMs, onError })
  const fetch = async (request: Request) => {
    sent.push(request.clone())
    return await world(request)
  }
  const observe = (event: Observation) => void events.push(event)
  const settings = toServerSettings({ fetch, clock, logger, observe }, () => publicUrl)
  const sources = new Sources()
  const intake = new Intake({ session, watch, sources, settings })
  const common = { session, watch, clock, onError, observe, logger }
  const mailboxes = new Mailboxes({
    ...common,
    epoch: () => epoch,
    respond: (receiver, callback, answer) => intake.respond(receiver, callback, answer),
    scopes: createCallbackScopes(() => scope),
    prepareRun: (workflow, key, input) => workflows.prepare(workflow, key, input),
    schemaFor: receiver => sources.schemaFor(receiver),
  })
  const sender = new Sender({
    ...{ session, watch, settings },
    epoch: () => epoch,
    toVisitUrl: async id => `${settings.publicUrl()}/visit/${id}`,
  })
  const workflows = new Workflows(common)
  const scope: ScopeParts = {
    ...common,
    toReceiver: options => {
      const { patch, code } = toReceiverSettings(options, sources)
      const attach = ({ id }: ReceiverRecord) => sources.attach(id, code)
      return { patch, attach, detach: id => sources.detach(id) }
    },
    toUrl: token => toReceiverUrl(settings, token),
    read: (receiver, callback) => mailboxes.read(receiver, callback),
    accept: (receiver, data, options) => intake.accept(receiver, data, options),
    respond: (receiver, callback, answer) => intake.respond(receiver, callback, answer),
    toSend: message => sender.toSend(message),
    toPublish: publication => sender.toPublish(publication),
    toPublished: messageId => sender.toPublished(messageId),
    toRedelivery: () => sender.toRedelivery(),
    toDelivery: (delivery, waits) => sender.toScopedDelivery(delivery, waits),
    leave: receiverId => void session.closeReceiver({ receiverId, now: clock.now() }),
    toDeliveryError: id => sender.toDeliveryError(id),
    toStart: (workflow, key, given) => workflows.toStart(workflow, key, given),
    onStarted: run => workflows.started(run),
    toRun: (run, result) => workflows.toRun(run, result),
    toRunResult,
  }
  const runner = new Runner({ scope, workflows, epoch: () => epoch, parkAfterMs, logger, observe })
  sender.start()
  runner.start()

  const kill = () => {
    life.over = true
    watch.close()
    runner.abandon(new ServerClosedError())
  }
  return {
    workflows,
    runner,
    session,
    clock,
    store,
    events,
    logged,
    sent,
    workflow: (name, handler, options = {}) => workflows.declare(name, options, handler),
    post: (url, body = {}) =>
      intake.fetch(
        new Request(url, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      ),
    kill,
    async loseLease(reason) {
      runner.abandon(reason)
      await opened.leave({ epoch, now: clock.now() })
      epoch = (await join()).epoch
      runner.look() // as the next poll would
    },
    async [Symbol.asyncDispose]() {
      if (life.over) return
      await runner.close()
      await sender.close()
      workflows.close()
      watch.close()
    },
  }
}

/** A session with something around each of its members. */
export function around(
  session: StoreSession,
  call: (name: string, member: () => unknown) => unknown,
): StoreSession {
  return new Proxy(session, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => call(String(name), () => Reflect.apply(member, target, given))
    },
  })
}

/** A session in which the answer to one command can be kept back, once it has been carried out, or the command itself. */
export function holding() {
  const gates = new Map<string, { when: 'before' | 'after'; open: Promise<void> }>()
  return {
    /** Returns how to let it go. */
    hold(command: keyof StoreSession, when: 'before' | 'after'): () => void {
      const { promise, resolve } = deferred<void>()
      gates.set(command, { when, open: promise })
      return () => {
        gates.delete(command)
        resolve()
      }
    },
    change: (session: StoreSession): StoreSession =>
      around(session, async (name, command) => {
        const gate = gates.get(name)
        if (gate?.when === 'before') await gate.open
        const outcome = await command()
        if (gate?.when === 'after') await gate.open
        return outcome
      }),
  }
}

/** A promise that is settled from outside. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

export const never = () => new Promise<never>(() => {})
