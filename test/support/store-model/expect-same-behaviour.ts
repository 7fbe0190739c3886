import fc from 'fast-check'
import { Play } from './play.js'
import { type NamedStore, Stage } from './stage.js'
import { steps } from './steps.js'

/**
 * Tells random stories to several stores at once. Fails with the shortest one in which a store answers otherwise than
 * the first, or in which something that was accepted is lost. One store alone is held to the second.
 */
export async function expectSameBehaviour(
  stores: readonly NamedStore[],
  { stories, length }: { readonly stories: number; readonly length: number },
): Promise<void> {
  const story = fc.array(steps, { maxLength: length, size: 'max' })
  const law = fc.asyncProperty(story, async told => {
    const stage = await Stage.open(stores)
    try {
      const play = new Play(stage)
      for (const step of told) await play.take(step)
      await play.expectNothingLost()
    } finally {
      await stage.close()
    }
  })
  await fc.assert(law, { numRuns: stories })
}
