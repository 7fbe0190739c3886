import type { StoreSession } from '../../../src/store/store.js'
import type { Stage } from './stage.js'

/** A hand-out, as each store knows it. */
export interface Held<C> {
  readonly id: string
  readonly claims: readonly C[]
}

/** A command about something that is, or was, in hand. */
export async function about<C, T>(
  stage: Stage,
  held: readonly Held<C>[],
  index: number,
  command: (session: StoreSession, claim: C) => Promise<T>,
): Promise<void> {
  const one = pick(held, index)
  if (one === undefined) return
  await stage.ask(async ({ session }, actor) => {
    const answers: T[] = []
    for (const claim of at(one.claims, actor)) answers.push(await command(session, claim))
    return answers
  })
}

/** The item at an index, as a list of one. */
export function at<T>(items: readonly T[], index: number): readonly T[] {
  return items.slice(index, index + 1)
}

export function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % items.length]
}

export function notBefore(now: number, instant: number | undefined): number | undefined {
  return instant === undefined ? undefined : Math.max(now, instant)
}
