import { hostname } from 'node:os'
import { createId } from './core/ids.js'
import { LeaseLostError } from './errors.js'
import { Intake } from './intake/intake.js'
import { toReceiverSettings } from './intake/receiver-settings.js'
import { Sources } from './intake/sources.js'
import type { ChildOptions } from './model/code.js'
import { toReceiverUrl } from './model/public-url.js'
import type { Leftover } from './model/receiver.js'
import { DEFAULTS, type ServerSettings } from './options.js'
import { declareProofVisits } from './proof-visits.js'
import { Exchanges } from './receiver/exchanges.js'
import { Mailboxes } from './receiver/mailboxes.js'
import { createCallbackScopes } from './scope/callback-scopes.js'
import type { ScopeParts } from './scope/scope-parts.js'
import { Sender } from './sender/sender.js'
import { Node } from './store/node.js'
import type { StoreSession } from './store/store.js'
import { Watch } from './store/watch.js'
import { toRunResult } from './workflow/run-handle.js'
import { Runner } from './workflow/runner.js'
import { Workflows } from './workflow/workflows.js'

/** What a server is made of. */
export interface Parts {
  readonly settings: ServerSettings
  readonly session: StoreSession
  readonly watch: Watch
  readonly node: Node
  readonly sources: Sources
  readonly mailboxes: Mailboxes
  readonly exchanges: Exchanges
  readonly intake: Intake
  readonly sender: Sender
  readonly workflows: Workflows
  readonly runner: Runner
}

/** Puts the parts together, over a store that is open. This node has joined it when they are there. */
export async function assemble(
  settings: ServerSettings,
  session: StoreSession,
  { shared }: { shared: boolean },
): Promise<Parts> {
  const { clock, logger, observe } = settings
  const onError = (err: unknown) => logger.error({ err }, 'the store failed; trying again')
  // Everything that can be wrong is found out before the node joins: its timers would outlive a failed start.
  let node: Node | undefined
  const epoch = () => node?.epoch ?? 0
  const { pollMs, leaseMs, renewMs, sweepMs } = session.pace ?? DEFAULTS
  const watch = new Watch({ session, clock, pollMs, onError })
  const sources = new Sources()
  const intake = new Intake({ session, watch, sources, settings })
  const mailboxes = new Mailboxes({
    session,
    watch,
    clock,
    epoch,
    observe,
    logger,
    onError,
    respond: (receiver, callback, answer) => intake.respond(receiver, callback, answer),
    scopes: createCallbackScopes(() => scopeParts),
    prepareRun: (workflow, key, input) => workflows.prepare(workflow, key, input),
    schemaFor: receiver => sources.schemaFor(receiver),
  })
  const { toUrl: toVisitUrl } = declareProofVisits({ session, settings, sources })
  const sender = new Sender({ session, watch, settings, epoch, toVisitUrl })
  const toReceiver = (options: ChildOptions<unknown>) => {
    const { patch, code } = toReceiverSettings(options, sources)
    return {
      patch,
      attach: (receiverId: string) => sources.attach(receiverId, code),
      detach: (receiverId: string) => sources.detach(receiverId),
    }
  }
  const onLeftover = (leftover: Leftover) => {
    if (leftover.unread === 0) return // it is told of for those who wait for its end
    logger.warn(leftover, 'a receiver ended with callbacks that nobody has read')
  }
  const scopeParts: ScopeParts = {
    session,
    watch,
    clock,
    onError,
    logger,
    toReceiver: options => {
      const { patch, attach, detach } = toReceiver(options)
      return {
        patch,
        attach: receiver => {
          attach(receiver.id)
          intake.expect(receiver)
        },
        detach,
      }
    },
    toUrl: token => toReceiverUrl(settings, token),
    read: (receiver, callback) => mailboxes.read(receiver, callback),
    accept: (receiver, data, options) => intake.accept(receiver, data, options),
    respond: (receiver, callback, answer) => intake.respond(receiver, callback, answer),
    toSend: message => sender.toSend(message),
    toPublish: publication => sender.toPublish(publication),
    toPublished: messageId => sender.toPublished(messageId),
    toRedelivery: () => sender.toRedelivery(),
    toDelivery: (sent, waits) => sender.toScopedDelivery(sent, waits),
    leave: receiverId => {
      const { settler } = mailboxes
      settler.inBackground(settler.closeReceiver(receiverId, unread => onLeftover({ receiverId, unread })))
    },
    toDeliveryError: deliveryId => sender.toDeliveryError(deliveryId),
    toStart: (workflow, key, given) => workflows.toStart(workflow, key, given),
    onStarted: run => workflows.started(run),
    toRun: (run, result) => workflows.toRun(run, result),
    toRunResult,
  }
  const workflows = new Workflows({ session, watch, clock, observe, onError })
  const { toUrl, toSend, toDeliveryError } = scopeParts
  const exchanges = new Exchanges({
    session,
    watch,
    mailboxes,
    epoch,
    logger,
    onError,
    onLeftover,
    onCalledOff: delivery => sender.calledOff(delivery),
    toReceiver,
    toUrl,
    toSend,
    toDeliveryError,
    toKeyConflict: (key, first, second) => sender.toExchangeConflict(key, first, second),
  })
  const runner = new Runner({
    scope: scopeParts,
    workflows,
    epoch,
    // A pass is over when its runs only wait.
    parkAfterMs: settings.work ? settings.parkAfterMs : 0,
    logger,
    observe,
  })
  node = await Node.join({
    session,
    clock,
    shared,
    name: createId(`${hostname()}:${process.pid}`, clock.now()),
    leaseMs,
    renewMs,
    sweepMs,
    maxCrashes: DEFAULTS.maxCrashes,
    failingMs: DEFAULTS.failingMs,
    retention: {
      callbacksMs: settings.callbacksMs,
      messagesMs: settings.messagesMs,
      bodiesMs: settings.bodiesMs,
      runsMs: settings.runsMs,
      keylessMs: DEFAULTS.keylessMs,
    },
    onLeftover,
    onDropped: dropped => logger.warn(dropped, 'retention let go of callbacks that nobody has handled'),
    onDied: (deliveryIds, reason) => sender.died(deliveryIds, reason),
    onTroubled: lane => sender.troubled(lane),
    onLost: () => {
      mailboxes.abandon(new LeaseLostError())
      runner.abandon(new LeaseLostError())
    },
    onError,
  })
  if (settings.work) {
    sender.start()
    runner.start()
  }
  return {
    ...{ settings, session, watch, node, sources, mailboxes, exchanges },
    ...{ intake, sender, workflows, runner },
  }
}
