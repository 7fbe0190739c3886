import { describe, it } from 'vitest'
import { expectSameMessages } from '../../support/twins/messages.js'
import { expectSameScopes } from '../../support/twins/scopes.js'
import { emptyStore } from './support/schema.js'

const postgres = { open: () => emptyStore(), stories: 30 }

describe('Postgres says the same as the store in memory, whatever is asked of it', {
  timeout: 300_000,
}, () => {
  it('of receivers, callbacks and deliveries', () => expectSameMessages(postgres))

  it('of scopes and runs', () => expectSameScopes(postgres))
})
