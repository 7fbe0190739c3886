import { describe, it } from 'vitest'
import { expectSameMessages } from '../../support/twins/messages.js'
import { expectSameScopes } from '../../support/twins/scopes.js'
import { expectSameTopics } from '../../support/twins/topics.js'
import { emptyStore } from './support/schema.js'
import { byItself } from './support/settled.js'

const postgres = { open: async () => byItself(await emptyStore()), stories: 30 }

describe('Postgres says the same as the store in memory, whatever is asked of it', {
  timeout: 300_000,
}, () => {
  it('of receivers, callbacks and deliveries', () => expectSameMessages(postgres))

  it('of scopes and runs', () => expectSameScopes(postgres))

  it('of topics, subscriptions, lanes and ends', () => expectSameTopics(postgres))
})
