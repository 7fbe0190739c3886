import { within } from './core/within.js'
import { TimeoutError } from './errors.js'
import type { Listener } from './intake/listener.js'
import type { Parts } from './parts.js'

/** Ends what a server is made of, from the outside in; what fails is told, and keeps nothing else from ending. */
export async function closeParts(
  { settings, session, watch, node, mailboxes, exchanges, intake, sender, workflows, runner }: Parts,
  {
    graceMs,
    listener,
    onStopped,
  }: {
    readonly graceMs: number
    readonly listener: Listener | undefined
    /** Nothing is taken up any more, and what was under way is over, or has had its time. */
    readonly onStopped: () => void
  },
): Promise<void> {
  const { clock } = settings
  const deadline = clock.monotonic() + graceMs
  const untilDeadline = (work: Promise<unknown>) =>
    within(clock, Math.max(0, deadline - clock.monotonic()), 'closing', work)
  const step = async (work: () => Promise<unknown> | undefined) => {
    try {
      await work()
    } catch (err) {
      if (!(err instanceof TimeoutError))
        settings.logger.error({ err }, 'something failed while the server closed')
    }
  }

  mailboxes.stop()
  exchanges.close()
  await step(() => untilDeadline(Promise.all([mailboxes.finished(), sender.finish(), runner.finish()])))
  onStopped()
  intake.refuse()
  listener?.stop()
  await step(() => untilDeadline(intake.drain()))
  mailboxes.close()
  await step(() => runner.close())
  workflows.close()
  await step(() => sender.close())
  await step(() => node.leave())
  watch.close()
  await step(() => listener?.close())
  await step(() => session.close())
}
