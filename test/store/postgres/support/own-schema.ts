import { afterEach, beforeEach } from 'vitest'
import { Trial } from '../../../../src/testing/conformance/trial.js'
import { HeldPool } from './held-pool.js'
import { makeSchema, newSchema, storeIn, testPool } from './schema.js'

/** A schema for each test of a file, with connections on which the test does what another node would. */
export class OwnSchema {
  schema = ''
  #held: HeldPool | undefined

  constructor() {
    beforeEach(async () => {
      this.schema = newSchema()
      await makeSchema(this.schema)
      this.#held = await HeldPool.begin()
    })
    afterEach(async () => {
      await this.#held?.end()
      await testPool().query(`drop schema ${this.schema} cascade`)
    })
  }

  get held(): HeldPool {
    if (this.#held === undefined) throw new Error('connections are held during a test only')
    return this.#held
  }

  readonly onStore = (story: (trial: Trial) => Promise<void>) => () =>
    Trial.run(async () => storeIn(this.schema), story)
}
