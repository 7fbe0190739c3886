import { hostname } from 'node:os'
import { createId } from './core/ids.js'
import { LeaseLostError } from './errors.js'
import { Intake } from './intake/intake.js'
import { Sources } from './intake/sources.js'
import { DEFAULTS, type ServerSettings } from './options.js'
import { Mailboxes } from './receiver/mailboxes.js'
import { Sender } from './sender/sender.js'
import { Node } from './store/node.js'
import type { StoreSession } from './store/store.js'
import { Watch } from './store/watch.js'

/** What a server is made of. */
export interface Parts {
  readonly settings: ServerSettings
  readonly session: StoreSession
  readonly watch: Watch
  readonly node: Node
  readonly sources: Sources
  readonly mailboxes: Mailboxes
  readonly intake: Intake
  readonly sender: Sender
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
  const watch = new Watch({ session, clock, pollMs: DEFAULTS.pollMs, onError })
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
    schemaFor: receiver => sources.schemaFor(receiver),
  })
  const sender = new Sender({ session, watch, settings, epoch })
  node = await Node.join({
    session,
    clock,
    shared,
    name: createId(`${hostname()}:${process.pid}`, clock.now()),
    leaseMs: DEFAULTS.leaseMs,
    renewMs: DEFAULTS.renewMs,
    sweepMs: DEFAULTS.sweepMs,
    maxCrashes: DEFAULTS.maxCrashes,
    retention: {
      callbacksMs: settings.callbacksMs,
      messagesMs: settings.messagesMs,
      keylessMs: DEFAULTS.keylessMs,
    },
    onLeftover: leftover => logger.warn(leftover, 'a receiver ended with callbacks that nobody has read'),
    onDropped: dropped => logger.warn(dropped, 'retention let go of callbacks that nobody has handled'),
    onExpired: deliveryIds => sender.expired(deliveryIds),
    onLost: () => mailboxes.abandon(new LeaseLostError()),
    onError,
  })
  sender.start()
  return { settings, session, watch, node, sources, mailboxes, intake, sender }
}
